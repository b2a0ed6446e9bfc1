"""`bulk`: sessions a second that a bulk revokes, from the submission to the last one, against bare `registry.apply`.

All of it over HTTP and with a real Redis, as an operator does it: the lines in parts, a dry run, the submission, a
second person's approval, progress, and at last the undoing as a whole. With `--kafka` trail and topic of changes
are on a real broker, as in production; without, in memory. The reference writes the same decisions in the same chunks,
and nothing else.
"""

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
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
from bench.servers import kafka_and_redis
from revocation.audit import MemoryTrail, Trail
from revocation.followers import Followers
from revocation.heads import RedisHeads, Writer
from revocation.naming import decision_of
from revocation.pending_redis import RedisPending
from revocation.record import Change, State
from revocation.redis import RedisRegistry, connect
from revocation.replica import Replica
from tests.api.bulk.drafting import Json, approve, ask, draft, ended, lines, part
from tests.api.running import KEY
from tests.api.writes.callers import ACCESS
from tests.servers.kafka import create_topics
from tests.servers.process import until
from tests.servers.redis import redis_server
from tokenward.teller import Teller
from tokenward.trail import KafkaTrail

MOST = 1_000_000
PATIENCE = 1_800.0


class Operator(NamedTuple):
    """A client of the API."""

    http: httpx.Client


def run(args: Sequence[str]) -> Figures:
    """Measure; see `--help`."""
    options = _options(args)
    sessions = options.sessions
    texts = [
        lines(f"session-{number}" for number in range(start, min(start + PART_LINES, sessions)))
        for start in range(0, sessions, PART_LINES)
    ]
    with redis_server() as server:
        bare = _bare(server.url, texts)
    with redis_server() as server, _told(server.url, kafka=options.kafka) as told, _api(server.url, told) as operator:
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
        "kafka": options.kafka,
        "upload_seconds": round(upload, 2),
        "dry_run_seconds": round(dry, 2),
        "run_seconds": round(ran, 2),
        "undo_seconds": round(undone, 2),
    }


def _options(args: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench bulk", description=__doc__)
    parser.add_argument("--sessions", type=int, default=100_000, help="revoked at once (default 100000)")
    parser.add_argument("--kafka", action="store_true", help="with trail and changes on a real broker")
    options = parser.parse_args(args)
    if not 100 <= options.sessions <= MOST:
        parser.error(f"sessions from 100 to {MOST}")
    return options


class Told(NamedTuple):
    """What is written before a change, and whoever is told of it."""

    trail: Trail
    tell: Callable[[Sequence[Change]], None]


@contextmanager
def _told(url: str, *, kafka: bool) -> Iterator[Told]:
    if not kafka:
        yield Told(MemoryTrail(), lambda _changes: None)
        return
    with ExitStack() as stack:
        bootstrap, _ = stack.enter_context(kafka_and_redis())
        create_topics(bootstrap, {"audit": 1, "revocations": 1})
        heads = RedisHeads(stack.enter_context(connect(url)))
        trail = stack.enter_context(
            KafkaTrail(Writer("bench", heads, milliseconds), "audit", {"bootstrap_servers": bootstrap})
        )
        tell = stack.enter_context(closing(Teller("revocations", {"bootstrap_servers": bootstrap})))
        yield Told(trail, tell)


@contextmanager
def _api(url: str, told: Told) -> Iterator[Operator]:
    """An API on that Redis, with a client."""
    with connect(url) as client:
        registry, replica = RedisRegistry(client), Replica(KEY)
        followers = Followers(registry, replica, milliseconds)
        registrar = Registrar(
            registry,
            told.trail,
            told.tell,
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
