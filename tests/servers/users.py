"""The files of `deploy/redis/`: the users with a password each, as `docs/redis.md` says."""

from pathlib import Path

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
