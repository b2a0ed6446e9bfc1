"""A rig: topics of one's own on the real broker, and worker and route wired to them."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
from kafka import TopicPartition

from detector.batch import RefreshBatch
from detector.tallies import Tallies
from ingest.columns import Columns
from ingest.exchange import Exchange
from ingest.ledger import Ledger
from ingest.origins import Origins
from ingest.pseudonyms import Pseudonyms
from ingest.reader import Reader
from ingest.report import RouteReport, StepReport
from ingest.route import Route, RouteTopics
from ingest.sink import Sink
from ingest.source import Record, Source
from ingest.telemetry import Telemetry
from ingest.worker import Worker, WorkerTopics
from revocation.connections import Client
from revocation.decide import WINDOW_MS
from revocation.heads import RedisHeads, Writer
from revocation.policy import Rules
from revocation.registry import Whole
from tests.servers.kafka import create_topics
from tests.streams import committed_offsets, committed_records, end_offsets, fresh, produce, step_until
from tests.telemetry import ISSUERS, KEY, RULES

PROMPT = {"fetch_max_wait_ms": 100, "metadata_max_age_ms": 1_000}


def clock() -> int:
    """Epoch milliseconds."""
    return time.time_ns() // 1_000_000


def past(minutes: int = 30) -> int:
    """So long ago, or up to a window longer, epoch ms: the start of a window within which one thing is decided once.

    Sessions of tests begin there, so that none reaches into the future, and none is decided about twice.
    """
    return (clock() - minutes * 60_000) // WINDOW_MS * WINDOW_MS


class Names(msgspec.Struct, frozen=True):
    """Topics and groups of one rig; plain, so that a child process can be told of them."""

    bootstrap: str
    provider: str = msgspec.field(default_factory=lambda: fresh("provider"))
    telemetry: str = msgspec.field(default_factory=lambda: fresh("telemetry"))
    alerts: str = msgspec.field(default_factory=lambda: fresh("alerts"))
    revocations: str = msgspec.field(default_factory=lambda: fresh("revocations"))
    dead_letters: str = msgspec.field(default_factory=lambda: fresh("dead"))
    tallies: str = msgspec.field(default_factory=lambda: fresh("tallies"))
    audit: str = msgspec.field(default_factory=lambda: fresh("audit"))
    group: str = msgspec.field(default_factory=lambda: fresh("group"))

    def create(self, partitions: int = 2, *without: str) -> None:
        """Create the topics; what is read has so many partitions."""
        counts = dict.fromkeys((self.provider, self.telemetry, self.tallies), partitions)
        counts |= dict.fromkeys((self.alerts, self.revocations, self.dead_letters, self.audit), 1)
        create_topics(self.bootstrap, {name: count for name, count in counts.items() if name not in without})

    def exchange(self, topic: str, instance: str, sink: Callable[..., Sink] = Sink, **options: Any) -> Exchange:
        """A group member on `topic` and a producer; `options` are the consumer's."""
        where = {"bootstrap_servers": self.bootstrap}
        group = f"{self.group}-{topic}"
        source = Source([topic], group_id=group, instance=instance, options=where | PROMPT | options)
        return Exchange(source, sink(transactional_id=f"{group}-{instance}", options=where | {"max_block_ms": 2_000}))

    def worker(self, registry: Whole, instance: str = "1", **given: Any) -> Worker[RefreshBatch]:
        """A worker on the telemetry; `given` replaces or adds to what it is made of."""
        exchange = given.pop("exchange", None) or self.exchange(self.telemetry, instance)
        rules: Callable[[], Rules] = given.pop("rules", lambda: RULES)
        given.setdefault("commit_ms", 300)
        return Worker(
            Telemetry(Reader({self.telemetry: "native"}, ISSUERS), Columns(KEY), sealer=given.pop("sealer", None)),
            exchange=exchange,
            registry=registry,
            rules=rules,
            clock=clock,
            topics=self.topics,
            **given,
        )

    def origins(self, registry: Whole, instance: str = "1", **given: Any) -> Worker[Tallies]:
        """The stage of origins; `given` replaces or adds to what it is made of."""
        exchange = given.pop("exchange", None) or self.exchange(self.tallies, instance)
        rules: Callable[[], Rules] = given.pop("rules", lambda: RULES)
        given.setdefault("commit_ms", 300)
        names = {key: issuer.iss for key, issuer in RULES.issuers.items()}
        return Worker(
            Origins(names), exchange=exchange, registry=registry, rules=rules, clock=clock, topics=self.topics, **given
        )

    def ledger(self, client: Client, name: str = "worker") -> Ledger:
        """Who writes the audit trail, with its heads in that Redis."""
        return Ledger(Writer(name, RedisHeads(client), clock), self.audit, clock)

    @property
    def topics(self) -> WorkerTopics:
        """Where both stages write."""
        return WorkerTopics(
            alerts=self.alerts, revocations=self.revocations, dead_letters=self.dead_letters, tallies=self.tallies
        )

    def route(self, instance: str = "1", **given: Any) -> Route:
        """A route from the provider's topic, Keycloak's format, to the telemetry."""
        return Route(
            exchange=given.pop("exchange", None) or self.exchange(self.provider, instance),
            reader=Reader({self.provider: "keycloak"}, ISSUERS),
            pseudonyms=Pseudonyms(KEY),
            clock=clock,
            topics=RouteTopics(telemetry=self.telemetry, dead_letters=self.dead_letters),
            **given,
        )

    def tell(self, *values: bytes | None, topic: str = "", **options: Any) -> None:
        """Produce to the telemetry, or to `topic`."""
        produce(self.bootstrap, topic or self.telemetry, values, **options)

    def read(self, topic: str) -> list[Record]:
        """What a read-committed reader sees of `topic`."""
        return committed_records(self.bootstrap, topic)

    def alerted(self) -> list[str]:
        """The digest that each alert is about, in hexadecimal, sorted."""
        return sorted((record.key or b"").decode() for record in self.read(self.alerts))

    def letters(self) -> list[tuple[bytes | None, str]]:
        """Value and reason of each dead letter."""
        return [(record.value, dict(record.headers)["reason"].decode()) for record in self.read(self.dead_letters)]

    def unread(self, topic: str) -> int:
        """How many offsets of `topic` the group has not committed."""
        committed = committed_offsets(self.bootstrap, f"{self.group}-{topic}", topic)
        return sum(end - committed.get(number, 0) for number, end in end_offsets(self.bootstrap, topic).items())

    def partition(self, number: int) -> TopicPartition:
        """A partition of the telemetry."""
        return TopicPartition(self.telemetry, number)


@dataclass
class Steps:
    """Turns a worker or a route by hand, and keeps what it reported."""

    step: Callable[[], StepReport | RouteReport]
    reports: list[StepReport | RouteReport] = field(default_factory=list)

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Step until `condition` holds."""
        step_until(lambda: self.reports.append(self.step()), condition, what)

    def total(self, name: str) -> int:
        """The sum of a count over all turns."""
        return sum(getattr(report, name) for report in self.reports)

    def until_total(self, name: str, count: int) -> None:
        """Step until a count has come to `count`."""
        self.until(lambda: self.total(name) >= count, f"{name} did not come to {count}")
