"""What the registry has to do in Redis, and whether a user may: `deploy/redis/users.acl` permits no more."""

from typing import Any, NamedTuple

from revocation.connections import Link
from revocation.scripts import script

#: Each with arguments of a fit number; KEY is any key of the registry.
READING = (
    "EVALSHA sha 1 KEY",
    "EVAL text 1 KEY",
    "INFO replication",
    "HMGET KEY epoch",
    "HSCAN KEY 0",
    "XRANGE KEY 1 2",
    "XREAD BLOCK 1 STREAMS KEY 0",
    "GET KEY",
)
WRITING = (
    "HGET KEY field",
    "HSET KEY field value",
    "HDEL KEY field",
    "HINCRBY KEY field 1",
    "ZADD KEY 1 member",
    "ZREM KEY member",
    "ZRANGEBYSCORE KEY 0 1",
    "XADD KEY 1-0 field value",
    "SET KEY value PX 1",
    "PTTL KEY",
    # What waits for a second person, what was taken from others, and what others are still to be told.
    "DEL KEY",
    "HEXISTS KEY field",
    "HGETALL KEY",
    "HLEN KEY",
    "ZCARD KEY",
    "ZRANGE KEY 0 1",
    "ZSCORE KEY member",
    "ZREMRANGEBYRANK KEY 0 0",
)


class Missing(NamedTuple):
    """The commands that the user may not give."""

    reading: list[str]
    writing: list[str]


def rights_of(link: Link, key: str) -> Missing | None:
    """What the link's user lacks; None: this Redis cannot tell, as before 7.0.

    Raises:
        RedisError: he may not even ask.
    """
    told: Any = script("rights")(link.client, [key], [*READING, *WRITING])
    if told is None:
        return None
    missing = [word.decode() for word in told]
    reading = [command.split()[0] for command in READING]
    return Missing([word for word in missing if word in reading], [word for word in missing if word not in reading])
