"""Allow-lists: whom they mean, until when, and that no address need stand in them in the clear."""

from collections.abc import Sequence
from typing import Any

import pytest

from detector.verdict import Level, Reason
from ingest.columns import Columns
from ingest.formats.event import RefreshEvent
from revocation.issuers import Issuer
from revocation.policy import PolicyError, load_policy
from revocation.record import Scope
from tests.revocation.verdicts import AT, ISS, KEY, Partition, batch, key, rules, verdicts

UNTIL = "until = 2027-01-01T00:00:00Z\n"
ENDED = "until = 2026-01-01T00:00:00Z\n"


def enforcement(member: str, until: str = UNTIL, **columns: Any) -> str:
    """What is done about a theft of `ann` under a policy with one entry."""
    decision = Partition(f"[[allow]]\n{until}{member}\n")(subject=key(Scope.SUBJECT, "ann"), asn=64500, **columns)
    return decision.alerts[0].enforcement


@pytest.mark.parametrize(
    "member", ["asns = [1, 64500]", 'subjects = ["ann"]', 'clients = ["spa"]', 'reasons = ["reuse"]']
)
def test_whoever_is_named_is_spared(member: str) -> None:
    """An event that matches is not acted on, and is told all the same."""
    assert "allowed" == enforcement(member)


@pytest.mark.parametrize(
    "member",
    [
        "asns = [1]",
        'subjects = ["bob"]',
        'clients = ["other"]',
        'reasons = ["travel"]',
        'asns = [64500]\nclients = ["x"]',
    ],
)
def test_whoever_is_not_named_is_not(member: str) -> None:
    """Each member that is given has to match."""
    assert "enforced" == enforcement(member)


def test_it_ends() -> None:
    """After its end it spares nobody."""
    assert "enforced" == enforcement('clients = ["spa"]', ENDED)


def test_an_allowed_event_is_told() -> None:
    """It is only watched, it makes no entry, and the alert says what it would have counted for."""
    decision = Partition(f'[[allow]]\n{UNTIL}clients = ["spa"]\n')()
    (alert,) = decision.alerts

    assert (Level.WATCH, True, ("reuse.theft_confirmed",)) == (alert.level, alert.is_told, alert.excused)
    assert () == decision.revocations + alert.entries


def test_only_the_named_reasons_are_allowed() -> None:
    """What other evidence weighs is still acted on."""
    partition = Partition(f'[[allow]]\n{UNTIL}reasons = ["travel"]\n')
    both = Reason.REUSE_THEFT_CONFIRMED | Reason.TRAVEL_IMPOSSIBLE

    (alert,) = partition(verdicts(0.999, reasons=both, weights={"reuse": 14_000, "travel": 9_900})).alerts

    assert ("enforced", Level.REVOKE, {"reuse": 14.0}) == (alert.enforcement, alert.level, alert.weights)
    assert ("travel.impossible",) == alert.excused


def test_where_no_weight_is_known_the_score_stands() -> None:
    """Evidence that is not allowed keeps the score that the detector gave."""
    partition = Partition(f'[[allow]]\n{UNTIL}reasons = ["travel"]\n')

    (alert,) = partition(verdicts(0.99, reasons=Reason.REUSE_THEFT_CONFIRMED | Reason.TRAVEL_RETURN)).alerts

    assert 0.99 == alert.score


@pytest.mark.parametrize(
    ("networks", "matched"),
    [
        (["203.0.113.0/24"], [True, True, False, False]),
        (["203.0.113.7"], [True, False, False, False]),
        (["203.0.113.8/32"], [False, True, False, False]),
        (["2001:db8:1::/48", "198.51.100.1"], [False, False, True, False]),
    ],
)
def test_networks_are_matched_by_digest(networks: Sequence[str], matched: Sequence[bool]) -> None:
    """/24 and /48 networks and single addresses are those that telemetry carries the digests of."""
    addresses = ["203.0.113.7", "203.0.113.8", "2001:db8:1:2::3", "198.51.100.2"]
    events = [RefreshEvent(at=AT, iss=ISS, outcome="success", ip=ip) for ip in addresses]
    events_batch = Columns(KEY).batch(events)
    (allow,) = rules(f"[[allow]]\n{UNTIL}networks = {list(networks)}\n").allows

    assert list(matched) == [allow.matches(events_batch, row) for row in range(4)]


def test_subjects_are_those_of_every_issuer() -> None:
    """A subject of an issuer that is not configured is nobody's."""
    other = Issuer(iss="https://other")
    (allow,) = rules(f'[[allow]]\n{UNTIL}subjects = ["ann"]\n', Issuer(iss=ISS), other).allows
    keys = [key(Scope.SUBJECT, "ann", iss) for iss in (ISS, other.iss, "https://third")]

    assert [True, True, False] == [allow.matches(batch(subject=subject), 0) for subject in keys]


@pytest.mark.parametrize(
    ("member", "sentence"),
    [
        ("", "Say what is allowed"),
        ('networks = ["203.0.113.0/25"]', "only single ones, /24 of IPv4 and /48 of IPv6"),
        ('networks = ["203.0.113.1/24"]', "has host bits set"),
        ('networks = ["home"]', "at `allow.networks`"),
        ('reasons = ["luck"]', "There is no reason or signal 'luck' - at `allow.reasons`"),
    ],
)
def test_what_cannot_be_matched_is_refused(member: str, sentence: str) -> None:
    """The sentence says what can."""
    with pytest.raises(PolicyError, match=sentence):
        load_policy(f"[[allow]]\n{UNTIL}{member}\n")


def test_an_end_is_a_must() -> None:
    """Nothing is allowed for ever."""
    with pytest.raises(PolicyError, match="missing required field `until`"):
        load_policy("[[allow]]\nasns = [1]\n")
