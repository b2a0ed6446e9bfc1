"""`bulk`: sessions a second that a bulk revokes, from the submission to the last one, against bare `registry.apply`.

All of it over HTTP and with a real Redis, as an operator does it: the lines in parts, a dry run, the submission, a
second person's approval, progress, and at last the undoing as a whole. The trail is in memory: Kafka's part is what
`worker` measures. The reference writes the same decisions in the same chunks, and nothing else.
"""

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import httpx

from api.app import create_app
from api.bulk.draft import CHUNK, PART_LINES
from api.bulk.lines import read_part
from api.registrar import Registrar
from api.server import serving
from api.writes.whole import Writes
from bench.report import Figures
from bench.served import milliseconds
from revocation.audit import MemoryTrail
from revocation.followers import Followers
from revocation.naming import decision_of
from revocation.pending_redis import RedisPending
from revocation.record import State
from revocation.redis import RedisRegistry, connect
from revocation.replica import Replica
from tests.api.bulk.drafting import Json, approve, ask, draft, ended, lines, part
from tests.api.running import KEY
from tests.api.writes.callers import ACCESS
from tests.servers.process import until
from tests.servers.redis import redis_server

MOST = 1_000_000
PATIENCE = 1_800.0


class Operator(NamedTuple):
    """A client of the API."""

    http: httpx.Client


def run(args: Sequence[str]) -> Figures:
    """Measure; see `--help`."""
    sessions = _options(args).sessions
    texts = [
        lines(f"session-{number}" for number in range(start, min(start + PART_LINES, sessions)))
        for start in range(0, sessions, PART_LINES)
    ]
    with redis_server() as server:
        bare = _bare(server.url, texts)
    with redis_server() as server, _api(server.url) as operator:
        bulk = draft(operator)
        upload = _seconds(lambda: [part(operator, bulk, text, number) for number, text in enumerate(texts)])
        dry = _seconds(lambda: ask(operator, bulk, "dry-run").raise_for_status())
        ask(operator, bulk, "submit").raise_for_status()
        ran = _seconds(lambda: _approved(operator, bulk))
        undone = _seconds(lambda: _undone(operator, bulk))
    return {
        "name": "bulk",
        "value": round(sessions / ran),
        "unit": "sessions/s",
        "reference": round(sessions / bare),
        "reference_name": "bare registry.apply of the same",
        "ratio": round(bare / ran, 3),
        "sessions": sessions,
        "upload_seconds": round(upload, 2),
        "dry_run_seconds": round(dry, 2),
        "run_seconds": round(ran, 2),
        "undo_seconds": round(undone, 2),
    }


def _options(args: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench bulk", description=__doc__)
    parser.add_argument("--sessions", type=int, default=100_000, help="revoked at once (default 100000)")
    options = parser.parse_args(args)
    if not 100 <= options.sessions <= MOST:
        parser.error(f"sessions from 100 to {MOST}")
    return options


@contextmanager
def _api(url: str) -> Iterator[Operator]:
    """An API on that Redis, with a client."""
    with connect(url) as client:
        registry, replica = RedisRegistry(client), Replica(KEY)
        followers = Followers(registry, replica, milliseconds)
        registrar = Registrar(
            registry,
            MemoryTrail(),
            lambda _changes: None,
            milliseconds,
            KEY,
            lambda changes: followers.wait_for(changes, 1.0),
        )
        app = create_app(
            replica=replica,
            registry=registry,
            followers=followers,
            clock=milliseconds,
            digest_key=KEY,
            version="bench",
            access=ACCESS,
            writes=Writes(registrar=registrar, pending=RedisPending(client)),
        )
        with serving(app) as address, httpx.Client(base_url=address.url, timeout=60) as http:
            until(lambda: followers.ready, "the first snapshot")
            yield Operator(http)


def _approved(operator: Operator, bulk: Json) -> None:
    approve(operator, bulk).raise_for_status()
    ended(operator, bulk, "done", PATIENCE)


def _undone(operator: Operator, bulk: Json) -> None:
    ask(operator, bulk, "undo").raise_for_status()
    ended(operator, bulk, "undone", PATIENCE)


def _bare(url: str, texts: Sequence[bytes]) -> float:
    """Seconds that the registry alone takes."""
    now = milliseconds()
    decisions = [
        decision_of(subject, State.REVOKED, 86_400_000, "bench", "bench", now)
        for number, text in enumerate(texts)
        for subject in read_part(number, text, KEY).subjects
    ]
    with connect(url) as client:
        registry = RedisRegistry(client)
        begin = time.perf_counter()
        for start in range(0, len(decisions), CHUNK):
            registry.apply(decisions[start : start + CHUNK], now)
        return time.perf_counter() - begin


def _seconds(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin
