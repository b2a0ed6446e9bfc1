"""The command line's rights are those of the Redis user that it logs in as: everybody at every command."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from revocation.record import Scope
from revocation.redis import RedisRegistry
from tests.revocation.test_connections import FORBIDDEN
from tests.servers.redis import RedisServer
from tests.servers.users import PASSWORD, READER, WRITER, as_user, guarded_redis
from tests.tokenward.command import KEY, Done, tokenward

pytestmark = pytest.mark.redis

ISS = "https://idp.example/realms/acme"
NAMED = {
    Scope.TOKEN: ("--iss", ISS, "--jti", "t1"),
    Scope.FAMILY: ("--iss", ISS, "--sid", "s1"),
    Scope.SUBJECT: ("--iss", ISS, "--sub", "ann"),
    Scope.CLIENT: ("--iss", ISS, "--client-id", "spa"),
    Scope.DEVICE: ("--iss", ISS, "--device", "d1"),
    Scope.KEY: ("--iss", ISS, "--kid", "k1"),
    Scope.ORIGIN: ("--ip", "203.0.113.7"),
    Scope.ISSUER: ("--iss", ISS, "--scope", "issuer"),
}
READING = {"check": ("check", *NAMED[Scope.FAMILY]), "list": ("list",), "status": ("status",)}
WRITING = {
    f"{command} {scope}": (command, *named, "--reason", "manual", "--no-topic", "--yes")
    for command in ("revoke", "release")
    for scope, named in NAMED.items()
}
WHO = {
    "nobody": ("", ""),
    "a wrong password": (WRITER, "wrong"),
    "reader": (READER, PASSWORD),
    "writer": (WRITER, PASSWORD),
}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis with the users that we ship."""
    with guarded_redis(tmp_path_factory.mktemp("users")) as server:
        yield server


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("command", [*READING, *WRITING])
def test_who_may_run_what(guarded: RedisServer, tmp_path: Path, who: str, command: str) -> None:
    """A reader reads, a writer does all, others nothing; whoever may not is told so, and nothing has changed."""
    if command.startswith("release"):
        # Whom nobody refuses, nobody can release.
        ran(guarded, tmp_path, WHO["writer"], command.replace("release", "revoke"))
    before = position(guarded)

    done = ran(guarded, tmp_path, WHO[who], command)

    may = who == "writer" or (who == "reader" and command in READING)
    assert may == (0 == done.returncode), done.stderr
    assert may or (FORBIDDEN in done.stderr) == (who == "reader"), done.stderr
    assert (before == position(guarded)) or (may and command in WRITING)


def ran(server: RedisServer, folder: Path, login: tuple[str, str], command: str) -> Done:
    """Run a command as a user of Redis; without a name, as nobody."""
    user, password = login
    named = {"TOKENWARD_REDIS__USERNAME": user, "TOKENWARD_REDIS__PASSWORD": password} if user else {}
    own = {"TOKENWARD_REDIS__URL": server.url, "TOKENWARD_DIGEST_KEY": KEY, "TOKENWARD_AUDIT__MODE": "off"}
    return tokenward(*{**READING, **WRITING}[command], folder=folder, settings={**own, **named})


def position(server: RedisServer) -> tuple[str, int]:
    """Up to where the registry has come."""
    with as_user(server, WRITER) as link:
        cursor = RedisRegistry(link).snapshot().cursor
    return cursor.epoch, cursor.seq
