"""The audit trail on Kafka: durable before it returns, bounded when Kafka is away; and notes."""

import threading
from pathlib import Path
from typing import Any

import pytest

from revocation.audit import Event, MemoryTrail
from revocation.errors import RegistryUnavailable, TrailUnavailable
from revocation.heads import MemoryHeads, Writer
from revocation.memory import MemoryRegistry
from revocation.retelling import read_record
from revocation.verification import Line, verify
from tests.revocation.entries import entry
from tests.rig import clock
from tests.servers.kafka import create_topics
from tests.servers.process import until
from tests.streams import committed_records, fresh
from tokenward.audited import apply
from tokenward.goings_on import told
from tokenward.policies import PolicyFile
from tokenward.settings import Settings
from tokenward.trail import MOST_NOTES, KafkaTrail, Notes, NoTrail


def event(action: str = "revoke") -> Event:
    """Something that happened."""
    return Event(at=clock(), actor="ann", via="api", action=action)


def trail_at(bootstrap: str, topic: str, heads: MemoryHeads, **options: Any) -> KafkaTrail:
    """A trail that gives up soon."""
    return KafkaTrail(Writer("api", heads, clock), topic, {"bootstrap_servers": bootstrap, **options}, 1.0)


@pytest.mark.kafka
def test_threads_share_one_chain(kafka_bootstrap: str) -> None:
    """Twenty writers at once: each record is there, the chain verifies, and its head is the last one."""
    topic, heads = fresh("audit"), MemoryHeads()
    create_topics(kafka_bootstrap, {topic: 3})
    with KafkaTrail(Writer("api", heads, clock), topic, {"bootstrap_servers": kafka_bootstrap}, 20) as trail:
        threads = [threading.Thread(target=trail.write, args=([event(), event("release")],)) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)

    lines = [
        Line(record.value or b"", record.partition, record.offset)
        for record in committed_records(kafka_bootstrap, topic)
    ]
    (head,) = (noted.head for noted in heads.all())
    assert ([], 40, 39) == (list(verify(lines, [head])), len(lines), head.number)
    assert 1 == len({line.partition for line in lines})


@pytest.mark.kafka
def test_after_a_failure_another_chain_says_so(kafka_bootstrap: str) -> None:
    """Kafka refuses a record: nothing may be applied, and the next chain says that nothing was."""
    topic, heads = fresh("audit"), MemoryHeads()
    create_topics(kafka_bootstrap, {topic: 1}, {"max.message.bytes": "700"})
    with KafkaTrail(Writer("api", heads, clock), topic, {"bootstrap_servers": kafka_bootstrap}, 20) as trail:
        trail.write([event()])
        with pytest.raises(TrailUnavailable):
            trail.write([Event(at=1, actor="ann", via="api", action="revoke", reason="x" * 900)])
        trail.write([event("release")])

    lines = [Line(record.value or b"") for record in committed_records(kafka_bootstrap, topic)]
    actions = [record.event.action for record in map(read_record, (line.value for line in lines)) if record is not None]
    assert ["revoke", "abandoned", "release"] == actions
    assert ([], 3, 1) == (
        list(verify(lines, [noted.head for noted in heads.all()])),
        trail.written,
        trail.failed,
    )


@pytest.mark.kafka
def test_what_kafka_cannot_take_is_said_in_time(kafka_bootstrap: str) -> None:
    """There is no such topic: the write fails, and no chain is given up for it, as nothing was sent."""
    heads = MemoryHeads()
    trail = trail_at(kafka_bootstrap, "nowhere", heads)
    for _ in range(2):
        with pytest.raises(TrailUnavailable):
            trail.write([event()])
    trail.close()

    assert (2, 1) == (trail.failed, len(heads.all()))


def test_without_redis_nothing_is_written() -> None:
    """A chain that cannot be announced would look forged."""

    class Away(MemoryHeads):
        def all(self) -> Any:
            raise RegistryUnavailable("Redis cannot be reached.")

    with pytest.raises(TrailUnavailable):
        trail_at("127.0.0.1:1", "audit", Away()).write([event()])


def refused(trail: KafkaTrail) -> None:
    """Write, and be told that it could not be."""
    with pytest.raises(TrailUnavailable):
        trail.write([event()])


def test_nobody_waits_for_ever_for_a_turn() -> None:
    """While another write hangs, the next one is told so."""
    entered, leave = threading.Event(), threading.Event()

    class Slow(MemoryHeads):
        def all(self) -> Any:
            entered.set()
            leave.wait(30)
            raise RegistryUnavailable("Redis cannot be reached.")

    trail = trail_at("127.0.0.1:1", "audit", Slow())
    first = threading.Thread(target=refused, args=(trail,))
    first.start()
    entered.wait(30)
    with pytest.raises(TrailUnavailable):
        trail.write([event()])
    leave.set()
    first.join(30)

    assert 2 == trail.failed


def test_notes_are_written_aside() -> None:
    """Whoever notes does not wait, and what is noted is written in its order, after an outage too."""
    trail = MemoryTrail()
    trail.available = False
    notes = Notes(trail)
    given = [event("start"), event("stop")]
    for one in given:
        notes.note(one)
    trail.available = True
    until(lambda: trail.events == given, "the notes")
    notes.close()

    assert 0 == notes.dropped


def test_notes_are_bounded_and_end() -> None:
    """With a trail that is away so many wait, further ones are counted, and the end is not held up."""
    trail = MemoryTrail()
    trail.available = False
    notes = Notes(trail)
    for _ in range(MOST_NOTES + 3):
        notes.note(event())
    notes.close()

    assert (3, []) == (notes.dropped, trail.events)


def test_an_audit_that_is_off_forgets() -> None:
    """The trail of `audit.mode` `off` takes everything and keeps nothing."""
    trail = NoTrail()
    trail.write([event()])
    trail.close()
    settings = Settings.model_validate({"audit": {"mode": "off"}})

    with told(settings, "api") as notes:
        assert 0 == notes.dropped


def test_a_reload_of_the_policy_is_told(tmp_path: Path) -> None:
    """The digests before and after, and why a new file was refused."""
    path = tmp_path / "policy.toml"
    path.write_text("quarantine_seconds = 600\n")
    file = PolicyFile(path, [], b"k" * 32)
    told_: list[tuple[str, str, str]] = []
    file.on_reload = lambda before, after, fault: told_.append((before, after, fault))
    first = file.digest
    path.write_text("quarantine_seconds = 1200\n")
    file.rules()
    second = file.digest
    path.write_text("nope = 1\n")
    file.rules()

    (accepted, refused) = told_
    assert ((first, second, ""), (second, second)) == (accepted, (refused[0], file.digest))
    assert refused[1] not in {first, second}
    assert refused[2]


def test_what_cannot_be_written_is_not_applied() -> None:
    """Write-ahead: the registry is not asked where the trail is silent."""
    trail, registry = MemoryTrail(), MemoryRegistry("e")
    trail.available = False
    with pytest.raises(TrailUnavailable):
        apply(registry, trail, entry(), 0, "manual")

    assert [] == list(registry.snapshot().entries)
