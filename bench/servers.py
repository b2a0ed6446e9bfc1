"""The real servers that a bench needs: those of the tests."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from bench.report import NotRun
from tests.servers.kafka import kafka_broker
from tests.servers.redis import redis_server


@contextmanager
def kafka_and_redis() -> Iterator[tuple[str, str]]:
    """Yield the bootstrap address of a fresh broker and the URL of a fresh Redis.

    Raises:
        NotRun: one of them is not installed; says what would install it.
    """
    with ExitStack() as stack:
        try:
            bootstrap = stack.enter_context(kafka_broker())
            redis = stack.enter_context(redis_server())
        except (pytest.skip.Exception, pytest.fail.Exception) as absent:
            raise NotRun(str(absent)) from None
        yield bootstrap, redis.url
