"""`registry`: decisions a second that a real Redis takes, against bare writes of the same keys in the same run.

The bare writes are what an entry costs at the least: its hash field, its expiry and its line in the stream, pipelined,
with neither a merge nor a sequence number. Also how long one decision takes alone, and a look for changes where there
are none.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial

from redis import Redis

from bench.report import Figures, compared
from bench.served import entries, milliseconds
from revocation.layout import field_of, pack
from revocation.record import Revocation
from revocation.redis import CHUNK, RedisRegistry, connect
from tests.servers.redis import redis_server

MOST_ENTRIES = 1_000_000
ROUNDS = 5
CALLS = 500


def run(args: Sequence[str]) -> Figures:
    """Measure; see `--help`."""
    options = _options(args)
    now = milliseconds()
    decisions = list(entries(options.entries, now))
    values, references = [], []
    with redis_server() as server, connect(server.url) as client:
        registry = RedisRegistry(client)
        for _ in range(ROUNDS):
            client.flushall()
            references.append(options.entries / _seconds(lambda: _bare(client, decisions)))
            client.flushall()
            values.append(options.entries / _seconds(lambda: registry.apply(decisions, now)))
        alone = _median_ms(lambda number: registry.apply(decisions[number : number + 1], now + 1))
        cursor = registry.snapshot().cursor
        empty = _median_ms(lambda _: registry.changes(cursor))
    return compared(
        "registry",
        "decisions/s",
        values,
        references,
        "bare pipelined HSET, ZADD, XADD",
        entries=options.entries,
        one_decision_ms=round(alone, 3),
        empty_delta_ms=round(empty, 3),
    )


def _options(args: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench registry", description=__doc__)
    parser.add_argument("--entries", type=int, default=50_000, help="written in each round (default 50000)")
    options = parser.parse_args(args)
    if not CALLS < options.entries <= MOST_ENTRIES:
        parser.error(f"entries from {CALLS + 1} to {MOST_ENTRIES}")
    return options


def _bare(client: Redis, decisions: Sequence[Revocation]) -> None:
    for start in range(0, len(decisions), CHUNK):
        pipeline = client.pipeline(transaction=False)
        for decision in decisions[start : start + CHUNK]:
            field, value = field_of(decision.subject), pack(decision)
            pipeline.hset("bare:entries", field, value)
            pipeline.zadd("bare:expiries", {field: decision.expires_at})
            pipeline.xadd("bare:changes", {"field": field, "entry": value})
        pipeline.execute()


def _median_ms(call: Callable[[int], object]) -> float:
    return 1000 * statistics.median(_seconds(partial(call, number)) for number in range(CALLS))


def _seconds(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin
