"""check, list, revoke, release and status on a real Redis."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.tokenward.command import KEY, Done, tokenward

pytestmark = pytest.mark.redis
ISS = "https://idp.example/realms/acme"
ANN = ("--iss", ISS, "--sid", "s1")


class Shell:
    """A shell with settings for one Redis."""

    def __init__(self, folder: Path, url: str) -> None:
        self._folder = folder
        self._settings = {"TOKENWARD_REDIS__URL": url, "TOKENWARD_DIGEST_KEY": KEY, "TOKENWARD_AUDIT__MODE": "off"}

    def run(self, *arguments: str) -> Done:
        """Run one command."""
        return tokenward(*arguments, folder=self._folder, settings=self._settings)

    def json(self, *arguments: str) -> list[dict[str, Any]]:
        """Run one command that must not fail; returns what it printed."""
        done = self.run(*arguments, "--json")
        assert 0 == done.returncode, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def shell(tmp_path: Path, redis_url: str) -> Shell:
    """A shell on an empty Redis."""
    return Shell(tmp_path, redis_url)


def test_who_is_revoked_is_denied_until_released(shell: Shell) -> None:
    """revoke, check, release, check: deny, then allow; another session is not touched."""
    (revoked,) = shell.json("revoke", *ANN, "--no-topic", "--actor", "bob")
    during = shell.json("check", *ANN)[0]["decision"], shell.json("check", "--iss", ISS, "--sid", "s2")[0]["decision"]
    (released,) = shell.json("release", *ANN, "--no-topic")

    after = shell.json("check", *ANN)[0]

    assert ("revoked", "family", ["manual"], "bob") == tuple(revoked[n] for n in ("state", "scope", "reasons", "actor"))
    assert ("deny", "allow") == during
    assert ("released", revoked["digest"]) == (released["state"], released["digest"])
    assert {"decision": "allow", "state": "active"} == after


def test_a_quarantine_asks_for_a_new_login(shell: Shell) -> None:
    """A token of a later login passes, an older one does not."""
    shell.json("revoke", "--iss", ISS, "--sub", "ann", "--quarantine", "--no-topic")

    answers = [
        shell.json("check", "--iss", ISS, "--sub", "ann", "--auth-time", moment)[0]["decision"]
        for moment in ("1000", "4000000000")
    ]

    assert ["step_up", "allow"] == answers


def test_entries_are_listed_and_counted(shell: Shell) -> None:
    """list shows each live entry, status how many; released ones are neither."""
    for sid in ("s1", "s2", "s3"):
        shell.json("revoke", "--iss", ISS, "--sid", sid, "--no-topic")
    shell.json("release", *ANN, "--no-topic")

    listed = shell.json("list")

    assert 2 == len(listed) == shell.json("status")[0]["entries"]
    assert {"revoked"} == {entry["state"] for entry in listed}
    assert "2 entries, 1 shown" in shell.run("list", "--limit", "1").stdout


def test_an_entry_is_released_by_its_digest(shell: Shell) -> None:
    """What a list or an alert shows is enough to release it."""
    (revoked,) = shell.json("revoke", "--iss", ISS, "--jti", "j1", "--no-topic")

    shell.json("release", "--scope", revoked["scope"], "--digest", revoked["digest"], "--no-topic")

    assert 0 == shell.json("status")[0]["entries"]


def test_a_whole_issuer_is_revoked_only_when_said(shell: Shell) -> None:
    """--iss alone names nobody; with --scope issuer it is the emergency brake."""
    vague = shell.run("revoke", "--iss", ISS, "--no-topic")
    shell.json("revoke", "--iss", ISS, "--scope", "issuer", "--no-topic")

    answer = shell.json("check", "--iss", ISS, "--sub", "anybody", "--iat", "1000")[0]

    assert (2, True) == (vague.returncode, vague.stderr.startswith("tokenward: Name exactly one"))
    assert ("deny", "issuer") == (answer["decision"], answer["scope"])


@pytest.mark.parametrize(
    "arguments",
    [("--iss", ISS, "--sub", "a", "--sid", "b"), ("--scope", "family", "--digest", "00"), ("--sid", "b")],
)
def test_whoever_is_meant_must_be_clear(shell: Shell, arguments: tuple[str, ...]) -> None:
    """Two identities, half a digest, or a session of no issuer are wrong use."""
    assert 2 == shell.run("revoke", *arguments, "--no-topic").returncode


def test_nobody_to_release_is_a_failure(shell: Shell) -> None:
    """Releasing what was never refused says so."""
    done = shell.run("release", *ANN, "--no-topic")

    assert (1, "tokenward: Nobody refuses that: there is no entry to release.\n") == (done.returncode, done.stderr)


def test_without_redis_it_is_a_sentence(tmp_path: Path) -> None:
    """A Redis that does not answer ends every command with a sentence."""
    shell = Shell(tmp_path, f"unix://{tmp_path}/none.sock")

    done = shell.run("status")

    assert (1, 1) == (done.returncode, done.stderr.count("\n"))


def test_a_bad_address_does_not_show_its_password(tmp_path: Path) -> None:
    """An address that is none is refused without being repeated."""
    done = Shell(tmp_path, "http://:secret@host").run("status")

    assert 1 == done.returncode
    assert "secret" not in done.stderr
