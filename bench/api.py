"""`api`: checks a second over HTTP, against a bare application on the same server in the same run.

With `--key` it is the same API that asks who calls, against itself with everybody let in.

Both servers run at once and take the load in turn, so that whatever else the machine does hits both.
"""

import argparse
import contextlib
import itertools
import json
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from http.client import HTTPConnection
from typing import NamedTuple

import uvloop

from bench.asking import Asker
from bench.cpu import cpu_seconds
from bench.load import CONNECTIONS, Load, generator, load
from bench.report import Figures, compared
from bench.served import API_KEY, ISSUER

MOST_ENTRIES = 1_000_000
QUESTIONS = 500
KNOWN_BAD = 25
"""One in so many questions is about a session that is refused."""
BATCH = 10_000
POLLS = 2_000
EMPTY_LINES = 2
"""Of an answer without changes: its head and its end."""
START_SECONDS = 60
STOP_SECONDS = 15


def run(args: Sequence[str]) -> Figures:
    """Measure; see `--help`."""
    options = _options(args)
    questions = list(_questions(options.entries))
    with (
        _served("keyed" if options.key else "subject", options.server, options.entries) as subject,
        _served("subject" if options.key else "bare", options.server, options.entries) as bare,
    ):
        for served in (bare, subject):
            _round(served, questions, 1)
        references, values = [], []
        for _ in range(options.rounds):
            references.append(_round(bare, questions, options.seconds))
            values.append(_round(subject, questions, options.seconds))
        batch = [_batch(subject, questions) for _ in range(options.rounds)]
        empty = _empty_poll(subject, questions[1])
        half = _half_load(subject, questions, statistics.median(one.load.per_second for one in values) / 2, options)
    return compared(
        "api",
        "checks/s",
        [one.load.per_second for one in values],
        [one.load.per_second for one in references],
        f"{'the API without keys' if options.key else 'bare ASGI application'} on {options.server}",
        server=options.server,
        entries=options.entries,
        generator=generator(),
        p99_ms=_median(one.load.p99_ms for one in values),
        reference_p99_ms=_median(one.load.p99_ms for one in references),
        cpu_us=_median(one.cpu_us for one in values),
        reference_cpu_us=_median(one.cpu_us for one in references),
        half_load_p99_ms=half,
        batch_tokens_per_second=round(statistics.median(batch)),
        empty_poll_cpu_us=empty,
    )


class Served(NamedTuple):
    """One server process."""

    port: int
    process: int
    #: What is shown to it; None: nothing.
    key: str | None


class Round(NamedTuple):
    """What one round showed; `cpu_us` is the server's own time per answer, which other programs hardly change."""

    load: Load
    cpu_us: float | None


def _round(served: Served, questions: Sequence[bytes], seconds: float) -> Round:
    before = cpu_seconds(served.process)
    measured = load(served.port, "/v1/check", questions, seconds, served.key)
    after = cpu_seconds(served.process)
    if before is None or after is None:
        return Round(measured, None)
    return Round(measured, 1e6 * (after - before) / measured.answered)


def _half_load(served: Served, questions: Sequence[bytes], per_second: float, options: argparse.Namespace) -> float:
    """Milliseconds that 99 of 100 answers take at most, at half of what the server can do."""
    fields = {"Host": "127.0.0.1", "Content-Type": "application/json", **_shown(served.key)}
    head = "POST /v1/check HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    whole = itertools.cycle(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body for body in questions)
    asker = Asker(served.port, int(per_second), CONNECTIONS, whole.__next__)
    uvloop.run(asker.run(options.seconds))
    took = sorted(answer.seconds for answer in asker.answers)
    return round(1000 * took[-1 - len(took) // 100], 2)


def _options(args: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench api", description=__doc__)
    parser.add_argument("--server", choices=("uvicorn", "granian"), default="uvicorn")
    parser.add_argument("--entries", type=int, default=1_000_000, help="of the replica (default 1000000)")
    parser.add_argument("--key", action="store_true", help="show a key, and compare with no keys")
    parser.add_argument("--rounds", type=int, default=5, help="of both in turn (default 5)")
    parser.add_argument("--seconds", type=float, default=3, help="of each round (default 3)")
    options = parser.parse_args(args)
    if not 0 < options.entries <= MOST_ENTRIES or not 0 < options.rounds <= 50 or not 1 <= options.seconds <= 30:
        parser.error(f"entries up to {MOST_ENTRIES}, rounds up to 50, seconds from 1 to 30")
    return options


def _questions(entries: int) -> Iterator[bytes]:
    """Bodies as a gateway sends them: the identities of a token, most of them of honest sessions."""
    for number in range(QUESTIONS):
        # Every third entry is about a family, see `bench.served.SCOPES`.
        sid = f"v{number * 3 % entries // 3 * 3}" if number % KNOWN_BAD == 0 else f"c8a3f0de-{number:04}"
        claims = {
            "iss": ISSUER,
            "sub": f"99beb27c-{number:04}",
            "sid": sid,
            "jti": f"1b6f02aa-{number:04}",
            "iat": 1_795_427_100 + number,
            "client_id": "spa",
        }
        yield json.dumps(claims).encode()


def _batch(served: Served, questions: Sequence[bytes]) -> float:
    """Tokens a second of one batch as large as can be."""
    body = b'{"tokens":[%b]}' % b",".join(list(questions) * (BATCH // QUESTIONS))
    connection = HTTPConnection("127.0.0.1", served.port, timeout=30)
    with contextlib.closing(connection):
        begin = time.perf_counter()
        connection.request("POST", "/v1/check/batch", body, {"Content-Type": "application/json", **_shown(served.key)})
        answered = connection.getresponse()
        answered.read()
        took = time.perf_counter() - begin
    if answered.status != 200:
        raise RuntimeError(f"A batch was answered with {answered.status}.")
    return BATCH / took


def _empty_poll(served: Served, question: bytes) -> float | None:
    """Microseconds of the server's own time that a poll takes which finds nothing."""
    connection = HTTPConnection("127.0.0.1", served.port, timeout=30)
    with contextlib.closing(connection):
        connection.request("POST", "/v1/check", question, {"Content-Type": "application/json", **_shown(served.key)})
        place = json.loads(connection.getresponse().read())["registry"]
        path = f"/v1/revocations/changes?cursor={place['epoch']}:{place['seq']}&wait=0"
        before = cpu_seconds(served.process)
        for _ in range(POLLS):
            connection.request("GET", path, headers=_shown(served.key))
            if connection.getresponse().read().count(b"\n") != EMPTY_LINES:
                raise RuntimeError("A poll found something.")
        after = cpu_seconds(served.process)
    return None if before is None or after is None else round(1e6 * (after - before) / POLLS, 1)


@contextlib.contextmanager
def _served(which: str, server: str, entries: int) -> Iterator[Served]:
    """A server process of its own, ended with the block."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    command = [sys.executable, "-m", "bench.served", which, server, str(port), str(entries)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        try:
            key = API_KEY if which == "keyed" else None
            _await(process, port, key, needs_entries=which != "bare")
            yield Served(port, process.pid, key)
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def _shown(key: str | None) -> dict[str, str]:
    return {} if key is None else {"X-Api-Key": key}


def _await(process: subprocess.Popen[bytes], port: int, key: str | None, *, needs_entries: bool) -> None:
    """Wait until the server answers, ours with 200: it holds its entries."""
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), contextlib.closing(HTTPConnection("127.0.0.1", port, timeout=2)) as probe:
            probe.request("GET", "/readyz", headers=_shown(key))
            if probe.getresponse().status == 200 or not needs_entries:
                return
        time.sleep(0.05)
    raise RuntimeError("The server of the bench did not start.")


def _median(values: Iterator[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(statistics.median(known), 2) if known else None
