"""The worker on a real broker: thefts become refusals and alerts, once, over restarts and rebalances."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from ingest.report import StepReport
from ingest.worker import Worker
from revocation.memory import MemoryRegistry
from revocation.policy import Policy, Rules
from revocation.record import Revocation, State
from tests.rig import Names, Steps, clock, past
from tests.servers.kafka import create_topics
from tests.telemetry import ISSUER, KEY, RULES, Session

pytestmark = pytest.mark.kafka

HOUR = 3_600_000


@pytest.fixture
def names(kafka_bootstrap: str) -> Names:
    """Topics that nobody else knows."""
    names = Names(kafka_bootstrap)
    names.create()
    return names


@pytest.fixture
def registry() -> MemoryRegistry:
    """An empty registry."""
    return MemoryRegistry("e")


@contextmanager
def working(names: Names, registry: MemoryRegistry, **given: Any) -> Iterator[Steps]:
    """A worker that is stepped by hand, and closed afterwards."""
    worker = names.worker(registry, **given)
    try:
        yield Steps(worker.step)
    finally:
        worker.close()


def revoked(registry: MemoryRegistry, *sessions: Session) -> list[bool]:
    """Whether each session's family is refused."""
    return [
        entry is not None and entry.state is State.REVOKED
        for entry in registry.find([session.family for session in sessions], clock())
    ]


def test_a_theft_is_refused_and_told(names: Names, registry: MemoryRegistry) -> None:
    """A grandparent presented from elsewhere: one revocation, one alert, one change; an honest one is left alone."""
    thief, honest = Session(past()), Session(past())
    names.tell(*thief.refreshes(4), *honest.refreshes(4), thief.theft(), partition=0)
    with working(names, registry) as worker:
        worker.until_total("alerts", 1)

        assert [True, False] == revoked(registry, thief, honest)
        assert [thief.family.digest.hex()] == names.alerted()
        assert [registry.find([thief.family], clock())[0].id.encode()] == [  # type: ignore[union-attr]  # it is there
            record.key for record in names.read(names.revocations)
        ]
        assert (9, 1, 0) == (worker.total("events"), worker.total("revocations"), names.unread(names.telemetry))


def test_what_cannot_be_used_goes_to_the_dead_letters(names: Names, registry: MemoryRegistry) -> None:
    """Malformed records, and events out of time, are set aside with their reason; a theft between them is found."""
    thief, old, new = Session(past()), Session(clock() - 10 * 24 * HOUR), Session(clock() + HOUR)
    early, late = new.refreshes(1)[0], old.refreshes(1)[0]
    names.tell(*thief.refreshes(4), b"garbage", early, late, thief.theft(), partition=0)
    with working(names, registry) as worker:
        worker.until_total("alerts", 1)

        assert [True] == revoked(registry, thief)
        assert [(b"garbage", "bad_json"), (early, "from_the_future"), (late, "too_old")] == names.letters()
        assert 0 == names.unread(names.telemetry)


def test_a_restart_remembers_and_repeats_nothing(names: Names, registry: MemoryRegistry) -> None:
    """A theft is recognised by what a worker saw before it; the new one sends no alert and no dead letter again."""
    first, second = Session(past()), Session(past())
    names.tell(*first.refreshes(4), first.theft(), b"garbage", *second.refreshes(4), partition=0)
    with working(names, registry) as worker:
        worker.until_total("events", 9)
    names.tell(second.theft(), partition=0)
    with working(names, registry) as worker:
        worker.until_total("alerts", 1)

        assert (1, 9) == (worker.total("events"), worker.total("replayed"))
    assert [True, True] == revoked(registry, first, second)
    assert sorted([first.family.digest.hex(), second.family.digest.hex()]) == names.alerted()
    assert [(b"garbage", "bad_json")] == names.letters()


def test_a_restart_reads_no_further_back_than_the_horizon(names: Names, registry: MemoryRegistry) -> None:
    """Records that are older than the horizon before the committed offset are not read again."""
    session = Session(past(120))
    for age, value in zip((HOUR, HOUR // 2, 0), session.refreshes(3), strict=True):
        names.tell(value, partition=0, timestamp_ms=clock() - age)
    with working(names, registry) as worker:
        worker.until_total("events", 3)
    with working(names, registry, horizon_ms=45 * 60_000) as worker:
        worker.until_total("replayed", 2)
        worker.until(lambda: worker.reports[-1].behind == 0, "not read to the end")

        assert (0, 2) == (worker.total("events"), worker.total("replayed"))


def test_a_partition_that_moves_takes_its_memory_along(names: Names, registry: MemoryRegistry) -> None:
    """A second worker knows the sessions of the partition it gets, and the first one keeps what it knows of its own."""
    sessions = [Session(past()), Session(past())]
    for number, session in enumerate(sessions):
        names.tell(*session.refreshes(4), partition=number)
    with working(names, registry) as first:
        first.until_total("events", 8)
        with working(names, registry, instance="2") as second:

            def both() -> StepReport:
                first.step()
                report = second.step()
                assert isinstance(report, StepReport)
                return report

            together = Steps(both)
            together.until(lambda: ready(together), "no share")
            for number, session in enumerate(sessions):
                names.tell(session.theft(), partition=number)
            together.until(lambda: revoked(registry, *sessions) == [True, True], "the thefts were not found")
            together.until(lambda: names.unread(names.telemetry) == 0, "not settled")

            assert sorted(session.family.digest.hex() for session in sessions) == names.alerted()


def ready(steps: Steps) -> bool:
    """Whether the worker owns one partition, and reads it."""
    latest = steps.reports[-1:]
    return [(1, 0)] == [(report.partitions, report.preparing) for report in latest if isinstance(report, StepReport)]


def test_offsets_without_effects_are_committed_soon(names: Names, registry: MemoryRegistry) -> None:
    """Honest traffic moves the group on, after `commit_ms` at the latest and when the worker ends."""
    names.tell(*Session(past()).refreshes(3), partition=0)
    with working(names, registry, commit_ms=0) as worker:
        worker.until_total("events", 3)
        at_once = names.unread(names.telemetry)
        names.tell(*Session(past()).refreshes(3), partition=0)
    with working(names, registry, commit_ms=HOUR) as worker:
        worker.until_total("events", 3)
        waiting = names.unread(names.telemetry)

    assert (0, 3, 0) == (at_once, waiting, names.unread(names.telemetry))


def test_what_kafka_does_not_take_is_kept_until_it_does(kafka_bootstrap: str, registry: MemoryRegistry) -> None:
    """Without a topic for alerts the turn waits, the thief is refused already; when it is there, one alert is told."""
    names = Names(kafka_bootstrap)
    names.create(1, names.alerts)
    thief = Session(past())
    names.tell(*thief.refreshes(4), thief.theft())
    stalls: list[str] = []

    def once_stalled(report: StepReport) -> None:
        if report.stalls and not stalls:
            stalls.extend(report.stalls)
            assert [True] == revoked(registry, thief)
            create_topics(kafka_bootstrap, {names.alerts: 1})

    with working(names, registry, on_report=once_stalled) as worker:
        worker.until_total("alerts", 1)

    assert (["transaction_failed"], [thief.family.digest.hex()]) == (stalls, names.alerted())


def test_a_family_in_two_partitions_is_noticed(names: Names, registry: MemoryRegistry) -> None:
    """Telemetry that is not keyed by subject is counted."""
    split, whole = Session(past()), Session(past())
    names.tell(*split.refreshes(2), *whole.refreshes(2), partition=0)
    names.tell(*split.refreshes(2), partition=1)
    with working(names, registry) as worker:
        worker.until_total("events", 6)

        assert 1 == worker.total("families_in_two_partitions")


def test_a_policy_takes_effect_at_the_next_turn(names: Names, registry: MemoryRegistry) -> None:
    """A switch to shadow mode stops writing to the registry, without a restart; alerts go on and say so."""
    shadow = Rules.of(Policy(mode="shadow"), [ISSUER], KEY, {"families": 1_000, "subjects": 1_000})
    now = [RULES]
    first, second = Session(past()), Session(past())
    names.tell(*first.refreshes(4), *second.refreshes(4), first.theft(), partition=0)
    with working(names, registry, rules=lambda: now[0]) as worker:
        worker.until_total("alerts", 1)
        now[0] = shadow
        names.tell(second.theft(), partition=0)
        worker.until_total("alerts", 2)

        assert [True, False] == revoked(registry, first, second)
        assert [b'"enforcement":"enforced"', b'"enforcement":"shadow"'] == [
            part
            for record in names.read(names.alerts)
            for part in (record.value or b"").split(b",")
            if b"enforcement" in part
        ]


def test_who_was_released_is_let_pass(names: Names, registry: MemoryRegistry) -> None:
    """A release is heard of: the same reason does not throw the same person out again, after a restart neither."""
    session = Session(past())
    names.tell(*session.refreshes(4), session.theft(), partition=0)
    with working(names, registry) as worker:
        worker.until_total("alerts", 1)
        worker.until(lambda: names.unread(names.telemetry) == 0, "not settled")
    session.at = clock()
    registry.release([session.family], clock() - 1_000, "ann")
    with working(names, registry) as worker:
        worker.until_total("replayed", 5)
        names.tell(session.theft(), partition=0)
        worker.until_total("events", 1)

        assert 0 == worker.total("revocations")
    assert [False] == revoked(registry, session)


def test_what_has_ended_is_forgotten(names: Names, registry: MemoryRegistry) -> None:
    """The worker lets the registry forget entries that have ended, so that it holds what is alive."""
    session = Session(past())
    ended = Revocation(
        id="r", subject=session.family, state=State.REVOKED, reasons=("manual",), decided_at=1, expires_at=clock() + 500
    )
    registry.apply([ended], clock())
    with working(names, registry) as worker:
        worker.until(lambda: list(registry.snapshot().entries) == [], "the ended entry is gone")

    assert registry.find([session.family], 1) == [None]


def test_run_ends_when_it_is_told_to(names: Names, registry: MemoryRegistry) -> None:
    """`run` works until the event is set, then settles what it has read and returns."""
    names.tell(*Session(past()).refreshes(3), partition=0)
    stop, seen = threading.Event(), 0

    def enough(report: StepReport) -> None:
        nonlocal seen
        seen += report.events
        if seen == 3:
            stop.set()

    worker: Worker[Any] = names.worker(registry, on_report=enough, commit_ms=HOUR)
    worker.run(stop)

    assert 0 == names.unread(names.telemetry)
