"""Fixtures for all tests: the real servers."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from hypothesis import settings
from redis import Redis

from revocation.redis import connect
from tests.absences import pytest_terminal_summary  # noqa: F401 - pytest finds the hook here
from tests.servers.kafka import kafka_broker
from tests.servers.redis import Connect, RedisServer, redis_server

# Timing belongs in bench/: a slow machine is no failure of a law. A commit's verdict is the same each time; what nobody
# has thought of yet is looked for by `make test ARGS="--hypothesis-profile=deep tests/laws"`.
settings.register_profile("house", deadline=None, max_examples=40, derandomize=True)
settings.register_profile("quick", settings.get_profile("house"), max_examples=5)  # `make check`
settings.register_profile("deep", deadline=None, max_examples=500)
settings.load_profile("house")


@pytest.fixture(scope="session")
def shared_redis() -> Iterator[RedisServer]:
    """One redis-server for the whole session; tests that kill theirs start their own with `redis_server()`."""
    with redis_server() as server:
        yield server


@pytest.fixture
def redis_url(shared_redis: RedisServer) -> str:
    """The address of an empty Redis database."""
    with shared_redis.client() as client:
        client.flushall()
    return shared_redis.url


@pytest.fixture
def redis_client() -> Iterator[Connect]:
    """Connects to an address as `revocation.redis.connect` does, and closes what it connected after the test."""
    with ExitStack() as opened:

        def connected(url: str, timeout: float = 2.0) -> Redis:
            client = connect(url, timeout)
            opened.callback(client.close)
            return client

        yield connected


@pytest.fixture(scope="session")
def kafka_bootstrap() -> Iterator[str]:
    """The address of one real broker for the whole session; give topics and groups names of their own."""
    with kafka_broker() as bootstrap:
        yield bootstrap
