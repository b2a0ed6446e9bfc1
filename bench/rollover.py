"""`rollover`: an issuer changes its signing key under load. Who is refused, how often is it asked, who waits how long?

Three cases, the second and third with all tokens signed by the new key from one moment to the next:

    ahead        the new key is published a while before it signs, as issuers should
    unannounced  it is published when it signs
    flooded      likewise, while tokens of invented keys come in
"""

import argparse
import asyncio
import contextlib
import itertools
import math
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from http.client import HTTPConnection
from typing import NamedTuple

import uvloop

from bench.asking import Answered, Asker
from bench.report import Figures
from bench.served import ISSUER, milliseconds
from tests.servers.issuer import Issuer, SigningKey, issuing
from tests.servers.process import end, free_port

CASES = ("ahead", "unannounced", "flooded")
SESSIONS = 200
CONNECTIONS = 2200
"""Enough for the questions of two seconds: so long a key that is not published ahead may be waited for."""
FLOOD_CONNECTIONS = 400
REFRESH_SECONDS = 1.0
"""Between the fetches that nobody waits for where the key is published ahead."""
SELDOM_SECONDS = 300.0
"""Between them in the other cases, so that they are not what brings the key."""
START_SECONDS = 30.0


class Plan(NamedTuple):
    """One run: questions a second, invented ones a second while flooded, seconds before and after the new key signs."""

    per_second: int
    invented: int
    before: float
    after: float
    least: float


class Seen(NamedTuple):
    """What one run showed; times in milliseconds."""

    asked: int
    refused: int
    left_out: int
    invented: int
    invented_let_pass: int
    fetches: int
    #: What `fetches` must not exceed: one at the start, one for each interval, one for the end that cuts an interval.
    most_fetches: int
    p99_before_ms: float
    p99_during_ms: float
    slowest_ms: float


def run(args: Sequence[str]) -> Figures:
    """Measure; see `--help`."""
    parser = argparse.ArgumentParser(prog="python -m bench rollover", description=__doc__)
    parser.add_argument("--per-second", type=int, default=1000, help="questions (default 1000)")
    parser.add_argument("--invented", type=int, default=100, help="tokens of invented keys, a second (default 100)")
    parser.add_argument("--before", type=float, default=2, help="seconds before the new key signs (default 2)")
    parser.add_argument("--after", type=float, default=4, help="seconds from then on (default 4)")
    parser.add_argument("--least", type=float, default=2, help="setting jwks_least_s (default 2)")
    options = parser.parse_args(args)
    if not 0 < options.per_second <= 5000 or not 0 < options.invented <= 1000:
        parser.error("up to 5000 questions and 1000 invented tokens a second")
    if not 0.1 <= min(options.before, options.after, options.least) <= max(options.before, options.after) <= 60:
        parser.error("seconds from 0.1 to 60")
    plan = Plan(options.per_second, options.invented, options.before, options.after, options.least)
    cases = {case: rollover(case, plan) for case in CASES}
    during, before = cases["unannounced"].p99_during_ms, cases["unannounced"].p99_before_ms
    return {
        "name": "rollover",
        "value": during,
        "unit": "ms, p99 in the second from the rollover on",
        "reference": before,
        "reference_name": "p99 before it",
        "ratio": round(during / before, 3),
        "per_second": plan.per_second,
        "cases": {case: seen._asdict() for case, seen in cases.items()},
    }


def rollover(case: str, plan: Plan) -> Seen:
    """One case, with an issuer and an API process of its own."""
    refresh = REFRESH_SECONDS if case == "ahead" else SELDOM_SECONDS
    old = SigningKey("old")
    with issuing(old) as issuer, _gate(issuer.uri, plan.least, max(refresh, plan.least)) as port:
        return uvloop.run(_run(case, plan, issuer, port))


async def _run(case: str, plan: Plan, issuer: Issuer, port: int) -> Seen:
    new = SigningKey("new", number=1)
    # Signed beforehand, so that signing does not hold up the questions of that moment.
    sessions = _Sessions(_signed_by(SigningKey("old")), _signed_by(new))
    honest = Asker(port, plan.per_second, CONNECTIONS, lambda: _question(sessions.next()))
    numbers = itertools.count()
    flood = Asker(port, plan.invented, FLOOD_CONNECTIONS, lambda: _question(_invented(next(numbers))))
    before = max(plan.before, 2 * max(REFRESH_SECONDS, plan.least)) if case == "ahead" else plan.before
    whole = before + plan.after
    began = time.perf_counter()
    fetched = issuer.fetches
    tasks = [asyncio.create_task(honest.run(whole))]
    if case == "flooded":
        tasks.append(asyncio.create_task(flood.run(whole)))
    if case == "ahead":
        issuer.publish(SigningKey("old"), new)
    await asyncio.sleep(before)
    if case != "ahead":
        issuer.publish(SigningKey("old"), new)
    turned = time.perf_counter()
    sessions.renew()
    await asyncio.gather(*tasks)
    interval = min(plan.least, REFRESH_SECONDS) if case == "ahead" else plan.least
    most = 2 + math.ceil((time.perf_counter() - began) / interval) if case != "unannounced" else 2
    return _seen(honest, flood, turned, issuer.fetches - fetched, most)


def _seen(honest: Asker, flood: Asker, turned: float, fetches: int, most: int) -> Seen:
    # Not from the very start: connections are opened then, and every token is new.
    settled = (turned + min(one.asked for one in honest.answers)) / 2
    before = [one for one in honest.answers if settled <= one.asked < turned]
    during = [one for one in honest.answers if turned <= one.asked < turned + 1]
    return Seen(
        asked=len(honest.answers),
        refused=sum(one.status != 200 for one in honest.answers),
        left_out=honest.left_out,
        invented=len(flood.answers),
        invented_let_pass=sum(one.status == 200 for one in flood.answers),
        fetches=fetches,
        most_fetches=most,
        p99_before_ms=_p99(before),
        p99_during_ms=_p99(during),
        slowest_ms=round(1000 * max(one.seconds for one in honest.answers), 2),
    )


def _p99(answers: Sequence[Answered]) -> float:
    seconds = sorted(one.seconds for one in answers)
    return round(1000 * seconds[len(seconds) * 99 // 100], 2) if seconds else math.nan


class _Sessions:
    """Sessions that present their tokens in turn, and later all their new ones."""

    def __init__(self, old: Sequence[str], new: Sequence[str]) -> None:
        self._tokens = itertools.cycle(old)
        self._new = new

    def renew(self) -> None:
        """Let all present their new tokens from now on."""
        self._tokens = itertools.cycle(self._new)

    def next(self) -> str:
        """The next session's."""
        return next(self._tokens)


def _signed_by(key: SigningKey) -> list[str]:
    """A token of each session."""
    return [key.sign(_payload(f"s{number}")) for number in range(SESSIONS)]


def _payload(sid: str) -> dict[str, object]:
    now = milliseconds() // 1000
    return {"iss": ISSUER, "sub": f"of {sid}", "sid": sid, "iat": now, "exp": now + 300}


def _invented(number: int) -> str:
    return SigningKey(f"invented-{number}", number=2).sign(_payload("x"))


def _question(token: str) -> bytes:
    return f"GET /authz/x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n".encode()


@contextlib.contextmanager
def _gate(uri: str, least: float, refresh: float) -> Iterator[int]:
    """The port of an API process, which answers."""
    port = free_port()
    command = [sys.executable, "-m", "bench.gated", str(port), uri, str(least), str(refresh)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        try:
            deadline = time.monotonic() + START_SECONDS
            while not _ready(port):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError("The server of the bench did not start.")
                time.sleep(0.05)
            yield port
        finally:
            end(process)


def _ready(port: int) -> bool:
    with contextlib.suppress(OSError), contextlib.closing(HTTPConnection("127.0.0.1", port, timeout=2)) as probe:
        probe.request("GET", "/readyz")
        return probe.getresponse().status == 200
    return False
