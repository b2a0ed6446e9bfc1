"""`make stack`: the script starts a real Kafka and a real Redis, twice is once, and ends both."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.servers.kafka import admin, find_kafka_jars
from tests.servers.process import free_port, listens
from tests.servers.redis import find_redis_server

SCRIPT = Path(__file__).parents[1] / "deploy" / "stack" / "stack.py"
PATIENCE = 180.0

Stack = Callable[[str], subprocess.CompletedProcess[str]]


@pytest.fixture
def ports() -> dict[str, int]:
    """A free port for each server."""
    return {"kafka": free_port(), "redis": free_port()}


@pytest.fixture
def stack(tmp_path: Path, ports: dict[str, int]) -> Iterator[Stack]:
    """Run the script with `start` or `stop`, in a folder of its own; it is stopped in any case."""
    find_redis_server()
    (tmp_path / "kafka").mkdir()
    (tmp_path / "kafka" / "jars").symlink_to(find_kafka_jars())

    def run(action: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(SCRIPT), action, "--folder", str(tmp_path)]
        command += ["--kafka-port", str(ports["kafka"]), "--redis-port", str(ports["redis"])]
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, check=False
        )

    yield run
    run("stop")


@pytest.mark.slow
@pytest.mark.kafka
@pytest.mark.redis
def test_the_stack_starts_once_and_stops(stack: Stack, ports: dict[str, int]) -> None:
    """Both servers answer after a start, a second start changes nothing, and after a stop nobody listens."""
    first, second = stack("start"), stack("start")
    with admin(f"127.0.0.1:{ports['kafka']}") as client:
        client.list_topics()
    stopped, again = stack("stop"), stack("stop")

    assert [0, 0, 0, 0] == [done.returncode for done in (first, second, stopped, again)], first.stderr
    assert 2 == second.stdout.count("runs already")
    assert 2 == again.stdout.count("does not run")
    assert f"TOKENWARD_REDIS__URL=redis://127.0.0.1:{ports['redis']}/0" in first.stdout
    assert not listens(ports["kafka"])
    assert not listens(ports["redis"])


@pytest.mark.slow
@pytest.mark.kafka
@pytest.mark.redis
def test_a_taken_port_is_said_in_a_sentence(stack: Stack, ports: dict[str, int], redis_url: str) -> None:
    """A port on which somebody else listens is named, without a traceback."""
    ports["redis"] = int(redis_url.rpartition(":")[2].partition("/")[0])

    refused = stack("start")

    assert (1, True) == (refused.returncode, refused.stderr.startswith(f"Port {ports['redis']} is taken"))
