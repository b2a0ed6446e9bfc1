"""Releases: what a person let pass is not thrown out again for the same reason."""

from typing import Any

import pytest

from detector.verdict import Level, Reason
from revocation.decide import Decision
from revocation.record import Scope, Subject
from revocation.releases import Releases
from tests.revocation.verdicts import AT, DAY, MINUTE, Partition, verdicts

TRAVEL = Reason.TRAVEL_IMPOSSIBLE
PARIS, OSLO = {"lat": 4886, "lon": 235, "accuracy": 20}, {"lat": 5991, "lon": 1075, "accuracy": 20}


def flown(km: float = 1340, reasons: int = TRAVEL, score: float = 0.66) -> Any:
    """A verdict on a journey."""
    return verdicts(score, reasons=reasons, travel_km=km)


def enforcement(decision: Decision) -> str:
    """What is done."""
    return decision.alerts[0].enforcement


def released(partition: Partition, decision: Decision, at: int) -> None:
    """A person lets pass whatever the decision refused."""
    for entry in decision.revocations:
        partition.memory.released(entry.subject, entry.reasons, at)


def test_the_same_is_muted() -> None:
    """In the person's next session too; it is watched, and nobody is told."""
    partition = Partition()
    released(partition, partition(), AT + MINUTE)
    (alert,) = partition(family=99, at=AT + DAY).alerts

    assert ("muted", Level.WATCH, False) == (alert.enforcement, alert.level, alert.is_told)
    assert ("reuse.theft_confirmed",) == alert.excused


def test_other_people_other_reasons_and_later_days_are_not() -> None:
    """Nobody else is spared, nothing else, and not for ever."""
    partition = Partition()
    released(partition, partition(), AT + MINUTE)
    later = AT + DAY

    assert "enforced" == enforcement(partition(family=98, subject=99, at=later))
    assert "enforced" == enforcement(partition(verdicts(0.99, reasons=TRAVEL), at=later))
    assert "enforced" == enforcement(partition(at=AT + 31 * DAY))


def test_muting_can_be_turned_off() -> None:
    """With no days, a release is a release and nothing more."""
    partition = Partition("[release]\nmute_days = 0\n")
    released(partition, partition(), AT + MINUTE)

    assert "enforced" == enforcement(partition(at=AT + DAY))


@pytest.mark.parametrize(
    ("km", "place", "told"),
    [(1340, PARIS, "muted"), (1390, PARIS, "muted"), (2340, PARIS, "enforced"), (1340, OSLO, "enforced")],
)
def test_of_travel_the_same_trip_is_muted(km: float, place: dict[str, int], told: str) -> None:
    """The same length into the same cell of a degree; any other trip is judged."""
    partition = Partition()
    released(partition, partition(flown(), **PARIS), AT + MINUTE)

    assert told == enforcement(partition(flown(km), at=AT + DAY, **place))


def test_both_ways_are_muted_when_both_were_flagged() -> None:
    """A release is about all trips that led to the decision, also those that were not told again."""
    partition = Partition()
    decision = partition(flown(), **PARIS)
    silent = partition(flown(), at=AT + 1, **OSLO)
    released(partition, decision, AT + MINUTE)

    assert () == silent.alerts + silent.revocations
    again = [partition(flown(), at=AT + n * DAY, **place) for n, place in enumerate((PARIS, OSLO), 1)]
    assert ["muted", "muted"] == [enforcement(decision) for decision in again]


def test_a_trip_after_the_release_is_judged() -> None:
    """A later decision about the same session is not covered by the release before it."""
    partition = Partition()
    released(partition, partition(flown(), **PARIS), AT + MINUTE)

    assert ["enforced"] * 2 == [enforcement(partition(flown(), at=AT + n * DAY, **OSLO)) for n in (1, 2)]


def test_a_trip_without_places_mutes_every_trip() -> None:
    """Where the event said no place, the reason alone is muted."""
    partition = Partition()
    released(partition, partition(flown()), AT + MINUTE)

    assert "muted" == enforcement(partition(flown(), at=AT + DAY, **OSLO))


def test_a_release_may_be_heard_of_before_its_decision() -> None:
    """State that is rebuilt by reading again mutes the same, and learns nothing from what was released."""
    first = Partition()
    (entry,) = first().revocations
    partition = Partition("[repeat]\ndecisions = 2\n")
    for _ in range(2):
        partition.memory.released(entry.subject, entry.reasons, AT + MINUTE)
    decisions = [partition(), partition(family=99, at=AT + DAY)]

    assert ["enforced", "muted"] == [enforcement(decision) for decision in decisions]
    assert 0 == len(partition.memory.offences)


def test_a_release_does_not_undo_what_comes_after_it() -> None:
    """Heard of late, it forgives only what was decided before it."""
    partition = Partition()
    (entry,) = partition().revocations
    partition.memory.released(entry.subject, entry.reasons, AT - 1)

    assert partition.memory.revoked.holds(11, AT + 1)


def test_an_address_that_was_released_is_muted_for_everybody() -> None:
    """Its release is about the address, not about the person who was behind it."""
    partition = Partition('[scopes]\nreuse = ["origin"]\n')
    released(partition, partition(), AT + MINUTE)

    assert "muted" == enforcement(partition(family=98, subject=99, at=AT + DAY))
    assert "enforced" == enforcement(partition(origin=99, at=AT + DAY))


def test_a_release_of_what_nobody_remembers_mutes_its_subject() -> None:
    """Whose session it was is not known then."""
    partition = Partition()
    family = Subject(Scope.FAMILY, (11).to_bytes(8, "big") + (12).to_bytes(8, "big"))
    partition.memory.released(family, ["reuse.theft_confirmed"], AT - 1)

    assert ["muted", "enforced"] == [enforcement(partition(family=family)) for family in (11, 99)]


def test_releases_are_bounded() -> None:
    """Those that were told last are remembered."""
    releases = Releases(capacity=2)
    subjects = [Subject(Scope.FAMILY, bytes([n] * 16)) for n in range(3)]
    for subject in subjects:
        releases.released(subject, ("manual",), AT)

    muted = [releases.is_muted((subject,), "manual", None, AT + 1, 1) for subject in subjects]
    assert [False, True, True] == muted
    assert [-1, AT, AT] == [releases.since(subject) for subject in subjects]
