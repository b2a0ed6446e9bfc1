"""Limits: how much is revoked without a person, and who has used up his credit."""

from revocation.decide import Decision
from revocation.issuers import Issuer
from revocation.limits import MOST_OFFENCES, BlastRadius, Offences
from revocation.record import State
from tests.revocation.verdicts import AT, DAY, ISS, MINUTE, Partition, verdicts

KEYS = (("subject", 21),)


def states(decision: Decision) -> list[State]:
    """What the entries of a decision are."""
    return [revocation.state for revocation in decision.revocations]


def test_above_so_many_a_minute_families_are_quarantined() -> None:
    """The rest of the minute only quarantines, the next one revokes again, and one page is sent."""
    partition = Partition("[blast_radius]\nper_minute = 2\n")
    decisions = [partition(family=family) for family in (1, 2, 3, 4)]
    later = partition(family=5, at=AT + MINUTE)

    assert [[State.REVOKED]] * 2 + [[State.QUARANTINED]] * 2 == [states(decision) for decision in decisions]
    assert [State.REVOKED] == states(later)
    kinds = [[(alert.kind, alert.limited) for alert in decision.alerts] for decision in decisions]
    decided = [("decision", False)]
    assert [decided, decided, [("page", True), ("decision", True)], [("decision", True)]] == kinds


def test_above_a_share_of_the_clients_families_they_are_quarantined() -> None:
    """Ten families in a hundred of 1,000 are one in a hundred; the hour after, it begins anew."""
    partition = Partition("[blast_radius]\nleast = 0\n[clients.spa]\nblast_share = 0.002\n")
    told = verdicts(0.99, client_families=1_000)
    decisions = [partition(told, family=family) for family in (1, 2, 3)]

    assert [[State.REVOKED], [State.REVOKED], [State.QUARANTINED]] == [states(decision) for decision in decisions]
    assert [State.REVOKED] == states(partition(told, family=4, at=AT + 60 * MINUTE))


def test_a_few_may_always_be_revoked() -> None:
    """A client with few families is not out of reach."""
    partition = Partition("[blast_radius]\nleast = 1\n")

    assert [State.REVOKED] == states(partition(verdicts(0.99, client_families=3)))


def test_a_family_is_counted_once() -> None:
    """More evidence against a family that is revoked already needs no room."""
    partition = Partition("[blast_radius]\nper_minute = 1\n")
    partition()

    assert [State.REVOKED] == states(partition(verdicts(0.99, reasons=1 << 3), at=AT + 1))


def test_what_comes_late_counts_in_the_span_that_is_open() -> None:
    """A minute does not begin again because an event is late."""
    blast = BlastRadius()

    assert [True, False, False] == [blast.spend(1, at, 1, None) for at in (AT + MINUTE, AT, AT + MINUTE)]


def test_clients_are_bounded() -> None:
    """The client that was seen least lately is forgotten."""
    blast = BlastRadius(clients=1)

    assert [True, False, True, True] == [blast.spend(client, AT, 1, None) for client in (1, 1, 2, 1)]


def test_whoever_was_revoked_several_times_is_judged_harder() -> None:
    """After three thefts of one person's sessions half the usual score revokes, and for four times as long."""
    partition = Partition("[repeat]\ndecisions = 3\n", Issuer(iss=ISS))
    for family in (1, 2, 3):
        partition(family=family)
    decision = partition(0.48, family=4, at=AT + DAY)
    (alert,) = decision.alerts

    assert (True, [State.REVOKED]) == (alert.repeat, states(decision))
    assert {"watch": 0.001, "quarantine": 0.25, "revoke": 0.475} == alert.thresholds
    assert AT + DAY + 4 * DAY == decision.revocations[0].expires_at
    assert [] == states(partition(0.48, family=5, subject=22, origin=42, device=52, at=AT + DAY))
    assert [] == states(partition(0.48, family=5, at=AT + 40 * DAY))


def test_a_user_agent_is_no_device() -> None:
    """What many people's browsers call themselves gives none of them less credit."""
    partition = Partition("[repeat]\ndecisions = 2\n")
    for family in (1, 2):
        partition(family=family, subject=family, origin=family, device=7, agent=7)

    assert [] == states(partition(0.48, family=3, subject=3, origin=3, device=7, agent=7))


def test_offences_are_other_families() -> None:
    """The same session counts once, and not against itself; one that was released does not count."""
    offences = Offences()
    for family, at in ((1, AT), (1, AT + 1), (2, AT), (3, AT + DAY)):
        offences.add(KEYS, family, at)
    counts = [offences.of(KEYS, family, AT + 1, 30) for family in (1, 9)]
    offences.forgive([*KEYS, ("origin", 5)], 1)

    assert ([1, 2], 1) == (counts, offences.of(KEYS, 9, AT + 1, 30))
    assert 0 == offences.of((), 9, AT, 30)


def test_offences_are_bounded() -> None:
    """The oldest families of a key, and the keys seen least lately, are forgotten."""
    offences = Offences(keys=1)
    for family in range(1, MOST_OFFENCES + 2):
        offences.add(KEYS, family, AT)
    many = offences.of(KEYS, 99, AT, 1)
    offences.add([("subject", 22)], 1, AT)

    assert (MOST_OFFENCES, 0, 1) == (many, offences.of(KEYS, 99, AT, 1), len(offences))
