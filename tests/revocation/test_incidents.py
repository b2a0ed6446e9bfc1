"""Incidents: a thousand alerts become one, and a theft inside the storm is still stopped."""

from typing import Any

import pytest

from detector.verdict import Level, Reason, Segment, Verdicts
from revocation.decide import Decision
from revocation.incidents import Incidents
from revocation.record import Scope, State
from tests.revocation.verdicts import AT, MINUTE, Partition, key, verdicts

STORM = Reason.CADENCE_BURST | Reason.SYSTEMIC_VOLUME


def held(reasons: int = STORM, segment: Segment = Segment.NONE, **members: Any) -> Verdicts:
    """An event of a population whose evidence is held, and weighs nothing."""
    return verdicts(0.0001, reasons=reasons, incident=segment, systemic_families=300, systemic_share=0.4, **members)


def kinds(decision: Decision) -> list[str]:
    """What people are told."""
    return [alert.kind for alert in decision.alerts]


def test_a_storm_is_one_incident() -> None:
    """It is told where it begins, other segments of the issuer belong to it, and no single session is told of."""
    partition = Partition()
    storm = [(Segment.NONE, 1), (Segment.RELEASE, 2), (Segment.NONE, 3), (Segment.CLIENT, 4), (Segment.ISSUER, 5)]
    told = [partition(held(segment=segment), family=family, at=AT + family) for segment, family in storm]

    assert [[], ["incident"], [], [], []] == [kinds(decision) for decision in told]
    assert () == sum((decision.revocations for decision in told), ())


def test_an_incident_says_what_it_is() -> None:
    """It is about the issuer, names the segment, the cause and the numbers, and does nothing."""
    (alert,) = Partition()(held(segment=Segment.RELEASE)).alerts

    assert (Scope.ISSUER, key(Scope.ISSUER, "")) == (
        alert.subject.scope,
        int.from_bytes(alert.subject.digest[:8], "big"),
    )
    assert (Level.WATCH, "none", Segment.RELEASE) == (alert.level, alert.enforcement, alert.segment)
    assert (("systemic.volume",), "client_defect") == (alert.reasons, alert.cause)
    assert {"systemic_families": 300, "systemic_share": 0.4} == alert.measurements
    assert alert.is_told


def test_every_partition_tells_the_same_incident() -> None:
    """Begun within the same hour, it has the same id; another cause has another."""
    ids = [Partition()(held(segment=Segment.CLIENT), at=AT + late, family=late).alerts[0].id for late in (0, MINUTE)]
    travel = held(Reason.TRAVEL_IMPOSSIBLE | Reason.SYSTEMIC_TRAVEL, Segment.NETWORK)

    assert 1 == len(set(ids))
    assert Partition()(travel).alerts[0].id not in ids


def test_it_is_told_again_once_it_was_over() -> None:
    """After a pause as long as evidence is held, and in another hour, a new one begins."""
    partition = Partition()
    begins = [partition(held(segment=Segment.CLIENT), at=AT + minutes * MINUTE) for minutes in (0, 14, 28, 90)]

    assert [["incident"], [], [], ["incident"]] == [kinds(decision) for decision in begins]


def test_within_one_hour_it_is_the_same() -> None:
    """Evidence that is held again twenty minutes later belongs to the incident that was told."""
    partition = Partition()

    assert [1, 0] == [len(partition(held(segment=Segment.CLIENT), at=AT + n * MINUTE).alerts) for n in (0, 17)]


def test_a_theft_inside_the_storm_is_stopped() -> None:
    """What other evidence weighs is acted on, and only by its own reasons."""
    partition = Partition('[scopes]\ncadence = ["subject"]\n')
    theft = verdicts(0.99, reasons=STORM | Reason.REUSE_THEFT_CONFIRMED, weights={"reuse": 14_000})

    decision = partition(theft)

    assert [(Scope.FAMILY, State.REVOKED)] == [(r.subject.scope, r.state) for r in decision.revocations]
    assert ["attack"] == [alert.cause for alert in decision.alerts]


@pytest.mark.parametrize(
    ("reasons", "score", "told"),
    [
        (Reason.CADENCE_BURST, 0.002, True),
        (Reason.CADENCE_BURST, 0.0005, False),
        (Reason.REUSE_BENIGN_RETRY, 0.0001, True),
    ],
)
def test_what_is_too_weak_to_be_watched_is_not_told(reasons: Reason, score: float, told: bool) -> None:
    """Below the client's threshold only findings with a name of their own are."""
    assert told == bool(Partition()(verdicts(score, reasons=reasons)).alerts)


def test_incidents_are_bounded() -> None:
    """The one that was seen least lately is forgotten."""
    incidents = Incidents(incidents=1)
    begun = [incidents.begins(1, issuer, AT, MINUTE, marked=True) for issuer in (1, 1, 2, 1)]

    assert ([True, False, True, True], 1) == (begun, len(incidents))
