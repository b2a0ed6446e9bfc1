"""Orders: what another system asks for becomes a decision like any other."""

import pytest

from revocation.memory import MemoryRegistry
from revocation.orders import Order, Target, decision_of
from revocation.record import LATEST, Revocation, Scope, State, Subject, digester
from tests.revocation.entries import ISS, KEY

NOW = 1_795_427_100_000
SPAN = 600_000


def order(scope: Scope = Scope.SUBJECT, state: State = State.REVOKED, at: int = NOW - 5_000, iss: str = ISS) -> Order:
    """Something about ann."""
    return Order(target=Target(scope, iss, "ann"), state=state, reason="caep.session_revoked", at=at)


def decided(one: Order, cause: str = "idp j1", now: int = NOW, until: int = 0) -> Revocation:
    """The decision."""
    return decision_of(one, KEY, now, SPAN, actor="ssf:idp", cause=cause, until=until)


def test_a_decision_is_of_the_moment_when_it_happened() -> None:
    """Logins up to then are hit, and who was released since is not caught again by an event that comes late."""
    decision = decided(order())

    assert (Subject(Scope.SUBJECT, digester(KEY, Scope.SUBJECT, ISS)("ann")), NOW - 5_000, NOW - 5_000) == (
        decision.subject,
        decision.decided_at,
        decision.not_before,
    )


def test_what_is_repeated_after_a_release_stays_released() -> None:
    """Even where nobody remembers that the event was seen, the registry does."""
    registry = MemoryRegistry("e1")
    decision = decided(order())
    registry.apply([decision], NOW)
    registry.release([decision.subject], NOW + 1, "ann")

    registry.apply([decided(order(), now=NOW + 10)], NOW + 10)

    assert [None] == registry.find([decision.subject], NOW + 10)


def test_a_known_end_is_kept() -> None:
    """An entry about a token that ends later than usual lasts until it has ended, within what the registry counts."""
    assert [NOW + SPAN, NOW + 900_000, LATEST] == [
        decided(order(Scope.TOKEN), until=until).expires_at for until in (0, NOW + 900_000, LATEST + 1)
    ]


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (order(Scope.FAMILY), 0),
        (order(Scope.TOKEN), 0),
        (order(Scope.FAMILY, State.QUARANTINED), NOW - 5_000),
        (order(at=0), 1),
        (order(at=NOW + 1), NOW),
    ],
)
def test_a_cut_off_is_never_missing(one: Order, expected: int) -> None:
    """A moment of nought would hit every login there ever will be; one in the future, logins to come."""
    assert expected == decided(one).not_before


def test_one_cause_gives_one_id() -> None:
    """The same event, taken twice, is the same decision; another event, scope or state is another."""
    same = {decided(order()).id, decided(order(), now=NOW + 7).id}
    others = {
        decided(order(Scope.FAMILY)).id,
        decided(order(), "idp j2").id,
        decided(order(state=State.QUARANTINED)).id,
    }

    assert (1, 4) == (len(same), len(same | others))
