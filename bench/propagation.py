"""`propagation`: milliseconds from a decision's writing to its refusal by each of 100 replicas that follow over HTTP.

A real Redis, a real `tokenward api`, and real clients (`tokenward.client.Replica`) in processes of their own, whose
`check` is asked over and over. The reference is the least that could reach as many: a byte, written to as many open
connections and read in the same processes, in the same run.
"""

import argparse
import json
import random
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.following import probe
from bench.report import Figures
from bench.served import KEY, milliseconds
from revocation.record import Revocation, State
from revocation.redis import RedisRegistry, connect
from tests.servers.process import end, free_port, start, until
from tests.servers.redis import redis_server

PROCESSES = 10
"""That replicas are spread over: those of one wait for one another's turn in the interpreter."""
START_SECONDS = 60
GAP_SECONDS = (0.02, 0.12)
"""Between two decisions, drawn anew each time, so that they do not keep step with anybody's loop."""
LIFE_MS = 600_000
MOST_REPLICAS, MOST_DECISIONS = 500, 5_000


def run(args: Sequence[str]) -> Figures:
    """Measure; see `--help`."""
    options = _options(args)
    each = options.replicas // PROCESSES
    with ExitStack() as stack:
        redis = stack.enter_context(redis_server())
        _begin(redis.url)
        port = free_port()
        stack.enter_context(_api(redis.url, port))
        door = stack.enter_context(closing(socket.create_server(("127.0.0.1", 0), backlog=options.replicas)))
        followers = [
            stack.enter_context(_following(port, door.getsockname()[1], each, options.decisions))
            for _ in range(PROCESSES)
        ]
        bare = [stack.enter_context(door.accept()[0]) for _ in range(each * PROCESSES)]
        for follower in followers:
            _expect(follower, "ready")
        written = _write(redis.url, options.decisions)
        for follower in followers:
            _expect(follower, "refused")
        references = _touch(bare, options.decisions)
        told = [json.loads(_line(follower)) for follower in followers]
    took = _took(written, [times for one in told for times in one["refused"]])
    floor = _took(references, [times for one in told for times in one["touched"]])
    return {
        "name": "propagation",
        "value": _percentile(took, 0.99),
        "unit": "ms p99",
        "reference": _percentile(floor, 0.99),
        "reference_name": "a byte to as many bare connections",
        "ratio": round(_percentile(took, 0.99) / _percentile(floor, 0.99), 2),
        "p50_ms": _percentile(took, 0.5),
        "longest_ms": _percentile(took, 1.0),
        "reference_p50_ms": _percentile(floor, 0.5),
        "replicas": each * PROCESSES,
        "decisions": options.decisions,
    }


def _options(args: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench propagation", description=__doc__)
    parser.add_argument("--replicas", type=int, default=100, help="that follow over HTTP (default 100)")
    parser.add_argument("--decisions", type=int, default=200, help="one after another (default 200)")
    options = parser.parse_args(args)
    if not PROCESSES <= options.replicas <= MOST_REPLICAS or not 0 < options.decisions <= MOST_DECISIONS:
        parser.error(f"replicas from {PROCESSES} to {MOST_REPLICAS}, decisions up to {MOST_DECISIONS}")
    return options


def _begin(url: str) -> None:
    """Name the registry's epoch: a first write that followers see makes each of them read all anew, once."""
    with connect(url) as client:
        RedisRegistry(client).release([probe(0)], milliseconds(), "bench")


def _write(url: str, count: int) -> list[int]:
    """Write the decisions; returns when each began to be written, epoch nanoseconds."""
    moments: list[int] = []
    with connect(url) as client:
        registry = RedisRegistry(client)
        for number in range(count):
            time.sleep(random.uniform(*GAP_SECONDS))  # noqa: S311 - see GAP_SECONDS
            now = milliseconds()
            decision = Revocation(
                id=f"{number:032x}",
                subject=probe(number),
                state=State.REVOKED,
                reasons=("reuse.theft_confirmed",),
                decided_at=now,
                expires_at=now + LIFE_MS,
            )
            moments.append(time.time_ns())
            registry.apply([decision], now)
    return moments


def _touch(bare: Sequence[socket.socket], count: int) -> list[int]:
    """Write a byte to every connection, as often; returns when each round began."""
    moments: list[int] = []
    for _ in range(count):
        time.sleep(random.uniform(*GAP_SECONDS))  # noqa: S311 - see GAP_SECONDS
        moments.append(time.time_ns())
        for one in bare:
            one.send(b".")
    return moments


def _took(moments: Sequence[int], arrivals: Sequence[Sequence[int]]) -> list[float]:
    """Milliseconds of every replica and every decision, sorted."""
    return sorted((at - began) / 1e6 for times in arrivals for began, at in zip(moments, times, strict=True))


def _percentile(ordered: Sequence[float], share: float) -> float:
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))], 2)


@contextmanager
def _api(redis_url: str, port: int) -> Iterator[None]:
    settings = {"DIGEST_KEY": KEY.decode(), "REDIS__URL": redis_url, "API__PORT": str(port), "ACCESS__MODE": "open"}
    named = [f"TOKENWARD_{name}={value}" for name, value in settings.items()]
    with TemporaryDirectory(prefix="tokenward-bench-") as folder:
        log = Path(folder) / "api.log"
        process = start(["env", *named, sys.executable, "-m", "tokenward", "api"], log)
        try:
            until(lambda: _answers(port), f"the API on port {port}", seconds=START_SECONDS)
            yield
        finally:
            end(process)


def _answers(port: int) -> bool:
    with socket.socket() as asker:
        return asker.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def _following(port: int, door: int, replicas: int, decisions: int) -> Iterator["subprocess.Popen[str]"]:
    """A process of so many replicas; it ends with its standard input."""
    command = [sys.executable, "-m", "bench.following", *map(str, (port, door, replicas, decisions))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.terminate()
            process.wait(START_SECONDS)


def _line(process: "subprocess.Popen[str]") -> str:
    line = process.stdout.readline() if process.stdout is not None else ""
    if not line:
        raise RuntimeError("A process of replicas ended before it was done.")
    return line


def _expect(process: "subprocess.Popen[str]", word: str) -> None:
    if _line(process).strip() != word:
        raise RuntimeError("A process of replicas is not ready.")
