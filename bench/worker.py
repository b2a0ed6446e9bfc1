"""`worker`: records a second from Kafka to verdict, against a bare consumer of the same records in the same run.

Both read with kafka-python and the same options. The worker does all it does in production: decode, columns, engine,
policy, Redis, transactions. The traffic is honest but for some thefts, from people with a session each. `cpu_ratio`
compares what a record costs this process in processor time, which other programs disturb less than the wall clock.
"""

import argparse
import random
import statistics
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from typing import NamedTuple

import confluent_kafka
import msgspec

from bench.report import Figures, compared
from bench.servers import kafka_and_redis
from detector.batch import RefreshBatch
from ingest.columns import Columns
from ingest.exchange import Exchange
from ingest.reader import Reader
from ingest.sink import Sink
from ingest.source import Source
from ingest.telemetry import Telemetry
from ingest.worker import Worker
from revocation.issuers import Issuer, Issuers
from revocation.policy import Policy, Rules
from revocation.redis import RedisRegistry, connect
from tests.servers.kafka import create_topics

TELEMETRY = "refresh.telemetry"
PARTITIONS = 4
KEY = b"the key of a bench, which nobody uses"
ISSUER = Issuer(iss="https://idp.example/realms/acme")
SEED = 20_260_101
HOUR_MS = 3_600_000
USUAL_THEFT_EVERY = 99_991
"""One record in so many is a theft, still far more than anybody's telemetry holds; each costs a transaction of its own.
A prime, so that it is always another session."""
PATIENCE_SECONDS = 300


class _Pace(NamedTuple):
    """How fast records went by, and what each cost this process' processors."""

    per_second: float
    cpu_us: float


class _Watch:
    """Measures from its making on."""

    def __init__(self) -> None:
        self._begin, self._cpu = time.perf_counter(), time.process_time()

    def hurry(self) -> None:
        if time.perf_counter() - self._begin > PATIENCE_SECONDS:
            raise RuntimeError("The bench did not come to an end.")

    def pace(self, records: int) -> _Pace:
        cpu = time.process_time() - self._cpu
        return _Pace(records / (time.perf_counter() - self._begin), cpu / records * 1e6)


def run(args: Sequence[str]) -> Figures:
    """Measure; see `--help`."""
    options = _options(args)
    values: list[_Pace] = []
    references: list[_Pace] = []
    alerts = 0
    with kafka_and_redis() as (bootstrap, redis_url):
        create_topics(bootstrap, {TELEMETRY: PARTITIONS})
        outputs = ("refresh.alerts", "refresh.revocations", "refresh.dead-letters", "refresh.tallies")
        create_topics(bootstrap, dict.fromkeys(outputs, 1))
        _produce(bootstrap, _records(options.records, options.sessions, options.theft_every))
        for number in range(options.rounds):
            references.append(_bare(bootstrap, f"bare-{number}", options.records))
            pace, alerts = _worked(bootstrap, redis_url, f"worker-{number}", options.records)
            values.append(pace)
    return compared(
        "worker",
        "records/s",
        [pace.per_second for pace in values],
        [pace.per_second for pace in references],
        "bare kafka-python consumer",
        cpu_ratio=round(_median(references) / _median(values), 3),
        cpu_us=round(_median(values), 1),
        records=options.records,
        sessions=options.sessions,
        alerts=alerts,
    )


def _options(args: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench worker", description=__doc__)
    parser.add_argument("--records", type=int, default=300_000, help="in the topic (default 300000)")
    parser.add_argument("--sessions", type=int, default=20_000, help="that they are of (default 20000)")
    parser.add_argument("--rounds", type=int, default=3, help="of both in turn (default 3)")
    parser.add_argument(
        "--theft-every",
        type=int,
        default=USUAL_THEFT_EVERY,
        help=f"one in so many records (default {USUAL_THEFT_EVERY})",
    )
    options = parser.parse_args(args)
    if not 0 < options.sessions <= options.records <= 5_000_000 or not 0 < options.rounds <= 50:
        parser.error("records up to 5000000, no more sessions than records, rounds up to 50")
    return options


def _records(count: int, sessions: int, theft_every: int) -> Iterator[tuple[bytes, bytes]]:
    """Key and value of native records: an hour of refreshes in turn, each token used once but the stolen ones."""
    chance = random.Random(SEED)  # noqa: S311 - a bench's traffic, the same in every run

    def name() -> str:
        return str(uuid.UUID(int=chance.getrandbits(128), version=4))

    people = [(name(), name(), f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}", name()) for n in range(sessions)]
    tokens = [[name()] * 3 for _ in people]
    start = time.time_ns() // 1_000_000 - HOUR_MS
    for number in range(count):
        who = number % sessions
        sub, sid, ip, device = people[who]
        at = start + number * HOUR_MS // count
        event = {"id": name(), "at": at, "iss": ISSUER.iss, "sub": sub, "sid": sid, "client_id": "spa", "ip": ip}
        if number % theft_every == theft_every - 1 and number >= 3 * sessions:
            event |= {"outcome": "refused", "error": "reuse", "token": tokens[who][0], "ip": "192.0.2.1"}
        else:
            tokens[who] = [*tokens[who][1:], name()]
            event |= {"outcome": "success", "token": tokens[who][1], "successor": tokens[who][2], "device_id": device}
            event |= {"access_jti": name(), "access_exp": at + 300_000}
        yield sub.encode(), msgspec.json.encode(event)


def _produce(bootstrap: str, records: Iterator[tuple[bytes, bytes]]) -> None:
    # librdkafka, since only reading is measured; its murmur2 partitions as Java's and kafka-python's clients do.
    producer = confluent_kafka.Producer({"bootstrap.servers": bootstrap, "partitioner": "murmur2", "linger.ms": 20})
    for key, value in records:
        while True:
            try:
                producer.produce(TELEMETRY, value, key)
                break
            except BufferError:
                producer.poll(0.1)
    if producer.flush(PATIENCE_SECONDS):
        raise RuntimeError("The records of the bench were not written.")


def _source(bootstrap: str, group: str) -> Source:
    return Source([TELEMETRY], group_id=group, instance="1", options={"bootstrap_servers": bootstrap})


def _bare(bootstrap: str, group: str, count: int) -> _Pace:
    """The pace of a consumer that does nothing with them."""
    with closing(_source(bootstrap, group)) as source:
        while len(source.held) < PARTITIONS:
            source.poll(100)
        for partition in sorted(source.held):
            source.start(partition, 0)
        read = 0
        watch = _Watch()
        while read < count:
            read += sum(map(len, source.poll(1_000).values()))
            watch.hurry()
        return watch.pace(count)


def _worked(bootstrap: str, redis_url: str, group: str, count: int) -> tuple[_Pace, int]:
    """The pace of a worker, and how many alerts it sent."""
    rules = Rules.of(Policy(), [ISSUER], KEY)
    with ExitStack() as stack:
        registry = RedisRegistry(stack.enter_context(connect(redis_url)), prefix=group)
        worker = stack.enter_context(closing(_worker(bootstrap, registry, group, rules)))
        read = alerts = 0
        whole = watch = _Watch()
        while read < count:
            if read == 0:
                watch = _Watch()  # joining the group does not count
            report = worker.step()
            read, alerts = read + report.records, alerts + report.alerts
            whole.hurry()
        return watch.pace(count), alerts


def _worker(bootstrap: str, registry: RedisRegistry, group: str, rules: Rules) -> Worker[RefreshBatch]:
    issuers = Issuers({ISSUER.iss: ISSUER})
    sink = Sink(transactional_id=group, options={"bootstrap_servers": bootstrap})
    return Worker(
        Telemetry(Reader({TELEMETRY: "native"}, issuers), Columns(KEY, issuers=issuers)),
        exchange=Exchange(_source(bootstrap, group), sink),
        registry=registry,
        rules=lambda: rules,
        clock=lambda: time.time_ns() // 1_000_000,
    )


def _median(paces: Sequence[_Pace]) -> float:
    return statistics.median(pace.cpu_us for pace in paces)
