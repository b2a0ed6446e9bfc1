"""Access from the command line: keys are made, settings are held to sense, and the doctor says what is open or ends."""

import json
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest

from api.access.access import KEY, HashedKey
from api.access.principal import Verb
from tests.documents import blocks
from tests.tokenward.command import KEY as DIGEST_KEY
from tests.tokenward.command import tokenward
from tokenward.api_wiring import access_of
from tokenward.doctor.access import DAY_MS, examine_access
from tokenward.faults import Failure
from tokenward.settings import Settings, read_settings

ISS = "https://idp.example/realms/acme"
NOW = 1_795_427_100_000
DIGEST = "ab" * 32


def principal(**more: object) -> dict[str, object]:
    """The settings of one principal that are as they should be."""
    return {"may": ["check"], "everywhere": True, "keys": [{"sha256": DIGEST}], **more}


def settings(**more: object) -> Settings:
    """Settings with one principal, and what is given over them."""
    return Settings.model_validate({"principals": {"edge": principal()}, **more})


def moment(days: float) -> str:
    """So many days from now, as the settings write it."""
    return datetime.fromtimestamp((NOW + days * DAY_MS) / 1000, UTC).isoformat()


def test_a_key_is_made_with_its_digest(tmp_path: Path) -> None:
    """The key is one that the API takes, its digest what the settings want; no two are alike."""
    made = [json.loads(tokenward("key", "--json", folder=tmp_path).stdout) for _ in range(2)]

    assert [True, True] == [KEY.fullmatch(one["key"].encode()) is not None for one in made]
    assert [sha256(one["key"].encode()).hexdigest() for one in made] == [one["sha256"] for one in made]
    assert made[0]["key"] != made[1]["key"]


def test_a_key_is_shown_to_people(tmp_path: Path) -> None:
    """Without --json it says what to do with which line."""
    lines = tokenward("key", folder=tmp_path).stdout.splitlines()

    assert ["key:", "sha256:", "Give"] == [line.split()[0] for line in lines]


def test_settings_become_callers() -> None:
    """Words become verbs, tenants their issuers, moments the end of a key."""
    given = principal(may=["read", "revoke.family"], everywhere=False, issuers=["i"], tenants=["acme"])
    given["keys"] = [{"sha256": DIGEST, "until": moment(0)}]
    (caller,) = access_of(settings(principals={"edge": given}, access={"tenants": {"acme": [ISS]}})).callers

    assert ("edge", frozenset({Verb.READ, Verb.REVOKE}), frozenset({"i", ISS})) == (
        caller.name,
        caller.verbs,
        caller.issuers,
    )
    assert (HashedKey(bytes.fromhex(DIGEST), NOW),) == caller.keys


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"may": ["everything"]}, "there is no right everything; there are check, follow"),
        ({"may": []}, "principals.edge.may"),
        ({"everywhere": False}, "has either everywhere = true, or issuers or tenants"),
        ({"issuers": [ISS]}, "has either everywhere = true, or issuers or tenants"),
        ({"everywhere": False, "tenants": ["acme"]}, "access.tenants has no acme"),
        ({"keys": [{"sha256": "AB" * 32}]}, "sha256: string should match pattern"),
        ({"keys": [{"sha256": DIGEST}] * 2}, "a principal's key is another one's, too"),
        ({"keys": [{"sha256": DIGEST, "until": "2027-01-01T00:00:00"}]}, "until: .*timezone"),
    ],
)
def test_settings_that_make_no_sense_are_refused(given: dict[str, object], sentence: str) -> None:
    """What is wrong about a principal is said when the settings are read."""
    environ = {"TOKENWARD_PRINCIPALS": json.dumps({"edge": principal(**given)})}

    with pytest.raises(Failure, match=sentence):
        read_settings(environ=environ)


@pytest.mark.parametrize(
    ("api", "sentence"),
    [
        ({"tls_certfile": "a"}, "tls_certfile and tls_keyfile go together"),
        ({"tls_client_cafile": "a"}, "tls_client_cafile needs tls_certfile"),
    ],
)
def test_files_of_tls_go_together(api: dict[str, str], sentence: str) -> None:
    """Half of TLS is none."""
    with pytest.raises(ValueError, match=sentence):
        settings(api=api)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "api.example.com"])  # noqa: S104 - to be refused
def test_the_api_does_not_start_open_to_others(tmp_path: Path, host: str) -> None:
    """Open mode on an address that others reach is a sentence, and exit code 1."""
    given = {
        "TOKENWARD_DIGEST_KEY": DIGEST_KEY,
        "TOKENWARD_ACCESS__MODE": "open",
        "TOKENWARD_API__HOST": host,
        "TOKENWARD_REDIS__URL": "redis://127.0.0.1:1/0",
    }
    done = tokenward("api", folder=tmp_path, settings=given)

    assert (
        1,
        f"tokenward: access.mode is open and api.host is {host}: anybody who reaches it could do anything; set",
    ) == (
        done.returncode,
        done.stderr.partition(" access.mode to")[0],
    )


def test_the_api_does_not_start_for_nobody(tmp_path: Path) -> None:
    """Without any caller the API says how to make one, instead of refusing everybody."""
    given = {"TOKENWARD_DIGEST_KEY": DIGEST_KEY, "TOKENWARD_REDIS__URL": "redis://127.0.0.1:1/0"}
    done = tokenward("api", folder=tmp_path, settings=given)

    assert (1, True) == (done.returncode, "make a key with `tokenward key`" in done.stderr)


@pytest.mark.parametrize(
    ("given", "name", "state", "word"),
    [
        ({"access": {"mode": "open"}}, "access", "warn", "every program"),
        ({"access": {"mode": "open"}, "api": {"host": "::"}}, "access", "fail", "anybody who reaches it"),
        ({"principals": {}}, "access", "fail", "Nobody could call"),
        ({}, "principal edge", "ok", "1 keys"),
        ({"api": {"host": "::"}}, "access tls", "warn", "unencrypted"),
        ({"principals": {"edge": principal(certificates=["gw"])}}, "access tls", "fail", "nobody asks for"),
        ({"access": {"operators": [ISS]}}, "access issuers", "warn", ISS),
        ({"access": {"audience": "tokenward"}}, "access audience", "warn", "jwks_uri"),
        ({"principals": {"edge": principal(keys=[])}}, "principal edge", "fail", "neither"),
    ],
)
def test_the_doctor_says_what_is_open(given: dict[str, object], name: str, state: str, word: str) -> None:
    """What anybody could do, what crosses the network, and what leads nowhere, each has its line."""
    found = {one.name: one for one in examine_access(settings(**given), NOW)}

    assert (state, True) == (found[name].state, word in found[name].sentence)


@pytest.mark.parametrize(
    ("days", "state", "word"),
    [
        ([-1], "fail", "neither"),
        ([13], "warn", "ends in 13 days"),
        ([13, 90], "ok", "2 keys"),
        ([-1, 90], "warn", "1 of its keys have ended"),
    ],
)
def test_the_doctor_says_whose_keys_end(days: list[float], state: str, word: str) -> None:
    """A key that ends is no news while another one follows; the last one is, two weeks before."""
    keys = [{"sha256": f"{number:064x}", "until": moment(day)} for number, day in enumerate(days)]
    found = list(examine_access(settings(principals={"edge": principal(keys=keys)}), NOW))[-1]

    assert (state, True) == (found.state, word in found.sentence)


@pytest.mark.parametrize("text", blocks("access.md", "toml"))
def test_the_pages_settings_are_settings(tmp_path: Path, text: str) -> None:
    """What docs/access.md tells people to write is accepted."""
    path = tmp_path / "tokenward.toml"
    path.write_text(text)

    assert read_settings(path, {}).principals or read_settings(path, {}).access.audience
