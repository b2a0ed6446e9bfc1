"""An API over a Redis, in a process of its own, for tests that kill it. Arguments: the Redis' URL and a port."""

import sys

from api.server import run
from revocation.redis import RedisRegistry, connect
from tests.api.running import Running, clock

if __name__ == "__main__":
    run(Running(RedisRegistry(connect(sys.argv[1])), clock).app(), port=int(sys.argv[2]))
