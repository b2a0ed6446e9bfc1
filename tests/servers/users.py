"""The files of `deploy/redis/`: the users with a password each, as `docs/redis.md` says."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from revocation.connections import Access, Link, standalone
from tests.servers.redis import RedisServer, redis_server

CONF = Path(__file__).parents[2] / "deploy" / "redis" / "redis.conf"
FILE = CONF.with_name("users.acl")
WRITER, READER, TRAIL = "tokenward-writer", "tokenward-reader", "tokenward-trail"
ADMIN, REPLICATION = "admin", "replication"
PASSWORD = "pa55w0rd"  # noqa: S105 - of servers that live for one test


def users_file(folder: Path) -> str:
    """The file as an operator would finish it."""
    path = folder / "users.acl"
    path.write_text(FILE.read_text().replace(" resetpass", f" >{PASSWORD}"))
    return str(path)


@contextmanager
def guarded_redis(folder: Path) -> Iterator[RedisServer]:
    """A Redis with the users that we ship."""
    with redis_server("--aclfile", users_file(folder), username=ADMIN, password=PASSWORD) as server:
        yield server


@contextmanager
def as_user(server: RedisServer, name: str) -> Iterator[Link]:
    """A way to the server as that user."""
    with closing(standalone(server.url, Access(username=name, password=PASSWORD))) as link:
        yield link
