"""An issuer's keys: what a rollover costs, whom it delays, and what an issuer that fails or lies does to them."""

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest
import trustme

from api.jwks import Unfetched, keys_of
from api.keys import MOST_WAITING, KeySet, NoKey
from api.trust import USUAL_ALGORITHMS, TrustedIssuer
from tests.api.running import ISSUER, NOW, clock
from tests.api.verifying import eventually, trusted
from tests.servers.issuer import KEYS, Issuer, SigningKey, issuing, private_key

OLD, NEW = SigningKey("old"), SigningKey("new", number=1)
LONG_AGO = NOW - 60_000
Seen = TypeVar("Seen")


def kept(issuer: TrustedIssuer, act: Callable[[KeySet], Awaitable[Seen]]) -> Seen:
    """What `act` saw while the issuer's keys were kept, from the first key set on."""

    async def whole() -> Seen:
        """All of it, in order."""
        keys = KeySet(issuer, clock)
        keys.start()
        try:
            await eventually(lambda: bool(keys.fetches))
            return await act(keys)
        finally:
            await keys.stop()

    return asyncio.run(whole())


async def asked(keys: KeySet, kid: str | None, issued_at: float | None = NOW) -> str:
    """What becomes of a question for a key: `found`, or why not."""
    try:
        await keys.find(kid, "ES256", issued_at)
    except NoKey as none:
        return none.reason
    return "found"


def test_a_key_that_is_published_ahead_delays_nobody() -> None:
    """It is known before the first token that it signs comes, as keys are fetched again unasked."""

    async def seen(keys: KeySet) -> tuple[str, int, int]:
        """What is seen, on a loop of its own."""
        issuer.publish(OLD, NEW)
        await eventually(lambda: len(keys.keys) == 2)
        before = issuer.fetches
        issuer.answers.clear()
        return await asked(keys, "new"), before, issuer.fetches - before

    with issuing(OLD) as issuer:
        answer, before, after = kept(trusted(issuer.uri, jwks_least_s=0.2, jwks_refresh_s=0.2), seen)

    assert ("found", True, True) == (answer, before >= 2, after <= 1)


def test_all_who_need_a_new_key_share_one_fetch() -> None:
    """A rollover without notice: a thousand requests at once cost the issuer a single one."""

    async def seen(keys: KeySet) -> list[str]:
        """What is seen, on a loop of its own."""
        issuer.publish(NEW)
        return await asyncio.gather(*(asked(keys, "new") for _ in range(1000)))

    with issuing(OLD) as issuer:
        answers = kept(trusted(issuer.uri), seen)
        fetches = issuer.fetches

    assert ({"found"}, 2) == (set(answers), fetches)


def test_a_fetch_that_began_before_does_not_decide() -> None:
    """A key that was published while a fetch was under way is looked for again, not refused."""

    async def seen(keys: KeySet) -> list[str]:
        """What is seen, on a loop of its own."""
        issuer.answers.clear()
        first = asyncio.create_task(asked(keys, "invented"))
        await eventually(lambda: issuer.fetches == 2)
        issuer.publish(OLD, NEW)
        second = asyncio.create_task(asked(keys, "new"))
        await asyncio.sleep(0)
        issuer.answers.set()
        return [await first, await second]

    with issuing(OLD) as issuer:
        answers = kept(trusted(issuer.uri), seen)
        fetches = issuer.fetches

    assert (["key_unknown", "found"], 3) == (answers, fetches)


def test_invented_keys_cost_one_fetch_an_interval_and_refuse_nobody() -> None:
    """However many are invented, the issuer is asked once an interval, and a new key's tokens pass between them."""
    least = 0.1

    async def seen(keys: KeySet) -> tuple[list[str], float]:
        """What is seen, on a loop of its own."""
        loop = asyncio.get_running_loop()
        begin = loop.time()
        invented = [asyncio.create_task(asked(keys, f"invented-{number}")) for number in range(500)]
        for wave in range(5):
            await eventually(lambda wave=wave: issuer.fetches > wave + 1)  # type: ignore[misc]
            invented += [asyncio.create_task(asked(keys, f"{wave}-{number}")) for number in range(200)]
        issuer.publish(OLD, NEW)
        honest = await asyncio.gather(*(asked(keys, "new") for _ in range(100)))
        assert {"key_unknown"} == set(await asyncio.gather(*invented))
        return honest, loop.time() - begin

    with issuing(OLD) as issuer:
        honest, seconds = kept(trusted(issuer.uri, jwks_least_s=least), seen)
        fetches = issuer.fetches

    assert {"found"} == set(honest)
    assert fetches <= 2 + seconds / least


def test_a_key_that_is_not_there_is_remembered_against_older_tokens() -> None:
    """Old tokens of a key long gone cost one fetch, not one each; a token as young as the fetch is not held to it."""

    async def seen(keys: KeySet) -> list[int]:
        """What is seen, on a loop of its own."""
        counts = []
        for issued_at in (LONG_AGO, LONG_AGO, LONG_AGO, NOW, None):
            assert "key_unknown" == await asked(keys, "gone", issued_at)
            counts.append(issuer.fetches)
        return counts

    with issuing(OLD) as issuer:
        assert [2, 2, 2, 3, 4] == kept(trusted(issuer.uri), seen)


def test_a_guessed_name_does_not_shut_out_the_key_that_will_bear_it() -> None:
    """Who asks for tomorrow's key today is refused; the tokens that it signs tomorrow are not."""

    async def seen(keys: KeySet) -> list[str]:
        """What is seen, on a loop of its own."""
        guessed = await asked(keys, "new", LONG_AGO)
        issuer.publish(NEW)
        return [guessed, await asked(keys, "new", NOW)]

    with issuing(OLD) as issuer:
        assert ["key_unknown", "found"] == kept(trusted(issuer.uri), seen)


def test_a_key_lives_as_long_as_it_is_published() -> None:
    """The same key stays the same over fetches; one that is gone, or is another under its name, is dead at once."""

    async def seen(keys: KeySet) -> list[bool]:
        """What is seen, on a loop of its own."""
        same, replaced = await keys.find("old", "ES256", NOW), await keys.find("new", "ES256", NOW)
        issuer.publish(OLD, NEW.public(kid="old2"), SigningKey("new", number=2))
        await asked(keys, "invented")
        stayed = same is await keys.find("old", "ES256", NOW) and same.live
        issuer.publish(NEW)
        await asked(keys, "another")
        return [stayed, replaced.live, same.live]

    with issuing(OLD, NEW) as issuer:
        assert [True, False, False] == kept(trusted(issuer.uri), seen)


def _status(issuer: Issuer) -> None:
    issuer.status = 500


def _redirect(issuer: Issuer) -> None:
    issuer.status, issuer.headers = 302, {"location": f"{issuer.uri}/elsewhere"}


def _says(body: bytes) -> Callable[[Issuer], None]:
    def say(issuer: Issuer) -> None:
        issuer.body = body

    return say


def _cuts(issuer: Issuer) -> None:
    issuer.headers = {"content-length": "999999", "connection": "close"}
    issuer.body = b'{"keys":['


def _zips(issuer: Issuer) -> None:
    issuer.headers = {"content-encoding": "gzip"}
    issuer.body = b"\x1f\x8b\x08\x00"


FAULTS: dict[str, tuple[Callable[[Issuer], None], str]] = {
    "an error": (_status, "status"),
    "a redirect": (_redirect, "status"),
    "no JSON": (_says(b"<html>"), "malformed"),
    "no object": (_says(b"[]"), "malformed"),
    "no list": (_says(b'{"keys":{}}'), "malformed"),
    "JSON without end": (_says(b'{"keys":' + b"[" * 100_000), "malformed"),
    "compressed though not asked": (_zips, "malformed"),
    "too many keys": (_says(b'{"keys":[%b0]}' % (b"0," * 200)), "malformed"),
    "too much": (_says(b" " * 300_000), "too_large"),
    "no key": (_says(b'{"keys":[]}'), "no_keys"),
    "no usable key": (_says(b'{"keys":[{"kty":"oct","k":"AAAA","kid":"old"}]}'), "no_keys"),
    "half an answer": (_cuts, "unreachable"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_an_issuer_that_fails_leaves_its_keys_as_they_are(fault: str) -> None:
    """Known keys stay good, unknown ones are nobody's fault, and the failure is counted by its reason."""
    spoil, outcome = FAULTS[fault]

    async def seen(keys: KeySet) -> tuple[str, str, set[str]]:
        """What is seen, on a loop of its own."""
        spoil(issuer)
        return await asked(keys, "old"), await asked(keys, "new"), set(keys.fetches)

    with issuing(OLD) as issuer:
        answers = kept(trusted(issuer.uri, jwks_wait_s=0.5), seen)
        elsewhere = issuer.asked[f"{KEYS}/elsewhere"]

    assert (("found", "keys_unavailable", {"ok", outcome}), 0) == (answers, elsewhere)


@pytest.mark.slow
def test_an_issuer_that_trickles_is_broken_off() -> None:
    """A head that comes line by line and never ends holds the fetch for a bounded time, and the next one works."""

    async def seen(keys: KeySet) -> set[str]:
        """What is seen, on a loop of its own."""
        issuer.trickles = True
        await asked(keys, "new")
        issuer.trickles = False
        issuer.publish(NEW)
        await eventually(lambda: keys.fetches.get("timeout", 0) > 0)
        await asked(keys, "new")
        return set(keys.fetches)

    with issuing(OLD) as issuer:
        assert {"ok", "timeout"} == kept(trusted(issuer.uri, jwks_wait_s=0.1), seen) - {"unreachable"}


def test_an_issuer_that_comes_back_is_asked_again() -> None:
    """After a failure the key is found within the time that a request waits."""

    async def seen(keys: KeySet) -> list[str]:
        """What is seen, on a loop of its own."""
        issuer.status = 503
        first = asyncio.create_task(asked(keys, "new"))
        await eventually(lambda: keys.fetches.get("status", 0) > 0)
        issuer.status = 200
        issuer.publish(NEW)
        return [await first, await asked(keys, "old")]

    with issuing(OLD) as issuer:
        assert ["found", "key_unknown"] == kept(trusted(issuer.uri), seen)


def test_keys_that_cannot_be_confirmed_are_given_up() -> None:
    """Past their greatest age they verify nothing any more, not even what was remembered."""

    async def seen(keys: KeySet) -> tuple[bool, str]:
        """What is seen, on a loop of its own."""
        key = await keys.find("old", "ES256", NOW)
        issuer.status = 500
        await eventually(lambda: not keys.keys)
        return key.live, await asked(keys, "old")

    with issuing(OLD) as issuer:
        issuer_of = trusted(issuer.uri, jwks_refresh_s=0.1, jwks_most_age_s=0.3, jwks_wait_s=0.1)
        assert (False, "keys_unavailable") == kept(issuer_of, seen)


def test_nobody_waits_for_ever_and_not_everybody_waits() -> None:
    """An issuer that does not answer holds a request for its time; more than may wait are turned away at once."""

    async def seen(keys: KeySet) -> tuple[str, set[str]]:
        """What is seen, on a loop of its own."""
        issuer.answers.clear()
        waiting = [asyncio.create_task(asked(keys, "new")) for _ in range(MOST_WAITING)]
        await asyncio.sleep(0)
        return await asked(keys, "new"), set(await asyncio.gather(*waiting))

    with issuing(OLD) as issuer:
        assert ("too_many_waiting", {"keys_unavailable"}) == kept(trusted(issuer.uri, jwks_wait_s=0.3), seen)


def test_an_issuer_without_an_address_has_no_keys() -> None:
    """Nobody waits for what was never configured."""

    async def seen() -> str:
        """What is seen, on a loop of its own."""
        return await asked(KeySet(TrustedIssuer(iss=ISSUER), clock), "old")

    assert "keys_unavailable" == asyncio.run(seen())


@pytest.mark.parametrize("known", [True, False])
def test_keys_come_from_whom_the_certificate_names(tmp_path: Path, *, known: bool) -> None:
    """Over TLS a server is believed only where its certificate is, by the issuer's own authorities."""
    authority, stranger = trustme.CA(), trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    (authority if known else stranger).issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")

    async def seen(keys: KeySet) -> set[str]:
        """What is seen, on a loop of its own."""
        return set(keys.fetches)

    with issuing(OLD, tls=context) as issuer:
        outcomes = kept(trusted(issuer.uri, jwks_cafile=tmp_path / "ca.pem"), seen)

    assert {"ok" if known else "unreachable"} == outcomes


def usable(*listed: object) -> list[tuple[str | None, str]]:
    """Names and algorithms of what is left of a key set."""
    document = json.dumps({"keys": list(listed)}).encode()
    try:
        return [(key.kid, key.alg) for key in keys_of(document, USUAL_ALGORITHMS)]
    except Unfetched:
        return []


RSA = SigningKey("rsa", "RS256").public()
WITH_PRIVATE_HALF = {**OLD.public(), "d": "AAAA"}
WEAK = SigningKey("weak", "RS256")


@pytest.mark.parametrize(
    ("listed", "left"),
    [
        ([OLD.public()], [("old", "ES256")]),
        ([WITH_PRIVATE_HALF], []),
        ([{"kty": "oct", "k": "c2VjcmV0", "kid": "x"}], []),
        ([{"kty": "oct", "k": "c2VjcmV0", "kid": "x", "alg": "RS256"}], []),
        ([{**RSA, "use": "enc"}], []),
        ([{**RSA, "alg": "RSA-OAEP"}], []),
        ([{**RSA, "alg": "HS256"}], []),
        ([{**RSA, "key_ops": ["encrypt"]}], []),
        ([{**RSA, "key_ops": "verify"}], []),
        ([{**RSA, "alg": "PS256"}], [("rsa", "PS256")]),
        ([{name: value for name, value in RSA.items() if name != "alg"}], [("rsa", "RS256")]),
        ([SigningKey("x", "ES384").public()], []),
        ([{**OLD.public(), "crv": "P-384"}], []),
        ([{**OLD.public(), "x": "AAAA"}], []),
        ([{**OLD.public(), "x": 7}], []),
        ([{**OLD.public(), "kid": 7}], []),
        ([{**OLD.public(), "kid": "k" * 257}], []),
        (["x", None, 7, [], OLD.public()], [("old", "ES256")]),
        ([OLD.public(), SigningKey("old", number=1).public()], [("old", "ES256")]),
        ([OLD.public(kid=None)], [(None, "ES256")]),
    ],
)
def test_only_public_keys_for_signatures_are_left(listed: list[object], left: list[tuple[str | None, str]]) -> None:
    """Shared secrets, published private halves, keys for encryption and broken ones are left out, one by one."""
    assert left == usable(*listed)


def test_a_weak_key_is_left_out() -> None:
    """RSA below 2048 bits can be forged."""
    WEAK.private = private_key("RSA-1024")

    assert [] == usable(WEAK.public())


@pytest.mark.parametrize(
    "more",
    [
        {"jwks_uri": "http://idp.example.com/keys"},
        {"jwks_uri": "ftp://127.0.0.1/keys"},
        {"jwks_uri": "https://user:secret@idp.example.com/keys"},
        {"jwks_uri": "https://"},
        {"jwks_uri": "//[::1"},
        {"algorithms": ("HS256",)},
        {"algorithms": ("none",)},
        {"algorithms": ("rs256",)},
        {"algorithms": ()},
        {"token_types": ("application/LOGOUT+jwt",)},
        {"leeway_s": 301},
        {"leeway_s": -1},
        {"jwks_least_s": 400},
        {"iss": ""},
    ],
)
def test_what_must_not_be_trusted_cannot_be_configured(more: dict[str, object]) -> None:
    """Keys over plain HTTP from elsewhere, secrets as keys, other kinds of tokens: each is refused at the start."""
    with pytest.raises(ValueError, match=r"jwks|algorithm|token|leeway|name"):
        TrustedIssuer(**({"iss": ISSUER} | more))  # type: ignore[arg-type]
