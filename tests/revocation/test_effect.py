"""Effect: a revoked family that is refreshed all the same."""

from itertools import pairwise

import numpy as np
import pytest

from detector.batch import Kind, Outcome, RefreshBatch
from detector.verdict import Level, Verdicts
from revocation.decide import Decision, Memory, decide
from revocation.effect import Revoked
from revocation.issuers import Issuer
from revocation.record import Scope
from tests.revocation.verdicts import AT, DAY, ISS, MINUTE, Partition, batch, rules, verdicts

SUCCESS = Outcome.SUCCESS


def reasons(decision: Decision) -> list[tuple[str, ...]]:
    """Why, alert by alert."""
    return [alert.reasons for alert in decision.alerts]


def test_a_refresh_after_the_revocation_is_told() -> None:
    """It has the highest level, whatever the detector says, and the entry lasts longer."""
    partition = Partition()
    partition()
    decision = partition(None, at=AT + MINUTE, outcome=SUCCESS)
    (alert,), (entry,) = decision.alerts, decision.revocations

    assert (("effectiveness.refreshed",), Level.REVOKE, 1.0) == (alert.reasons, alert.level, alert.score)
    assert (Scope.FAMILY, AT + MINUTE + DAY) == (entry.subject.scope, entry.expires_at)


def test_it_is_told_with_what_else_is_flagged() -> None:
    """One event is one decision."""
    partition = Partition()
    partition()

    assert [("reuse.theft_confirmed", "effectiveness.refreshed")] == reasons(
        partition(0.2, at=AT + MINUTE, outcome=SUCCESS)
    )


@pytest.mark.parametrize(
    "columns",
    [
        {"outcome": Outcome.REFUSED},
        {"outcome": SUCCESS, "kind": Kind.LOGIN},
        {"outcome": SUCCESS, "family": 99},
        {"outcome": SUCCESS, "family": 0},
        {"outcome": SUCCESS, "at": AT},
        {"outcome": SUCCESS, "at": AT + 2 * DAY},
    ],
)
def test_nothing_else_is(columns: dict[str, int]) -> None:
    """A refusal is the effect that is wanted; another family, the event itself and a time after its end say nothing."""
    partition = Partition()
    partition()

    assert [] == reasons(partition(None, **{"at": AT + MINUTE, **columns}))


@pytest.mark.parametrize("policy", ['mode = "shadow"', "[thresholds]\nrevoke = 1"])
def test_only_a_written_revocation_has_to_have_an_effect(policy: str) -> None:
    """In shadow mode nobody was told, and a quarantine asks no provider for anything."""
    partition = Partition(policy)
    partition()

    assert [] == reasons(partition(None, at=AT + MINUTE, outcome=SUCCESS))


@pytest.mark.parametrize("cuts", [[], [1], [2], [1, 2, 3]])
def test_any_cut_says_the_same(cuts: list[int]) -> None:
    """A refresh that stands in one batch with the revocation is found as one in a later batch is."""
    refreshed = [batch(at=AT + n * MINUTE, outcome=SUCCESS) for n in (1, 2)]
    events = RefreshBatch.concat([batch(at=AT - 1, outcome=SUCCESS), batch(), *refreshed])
    memory, told = Memory(), []
    for first, stop in pairwise([0, *cuts, 4]):
        flag = verdicts(0.99).moved(1 - first) if first <= 1 < stop else Verdicts.empty()
        decision = decide(flag, events.take(slice(first, stop)), rules(), AT, memory)
        told += [(alert.at, alert.reasons) for alert in decision.alerts]

    assert [(AT, ("reuse.theft_confirmed",)), (AT + MINUTE, ("effectiveness.refreshed",))] == told


def test_each_new_token_of_a_hidden_family_is_refused() -> None:
    """It is told once a quarter of an hour, but no token that the provider goes on issuing may pass."""
    partition = Partition("", Issuer(iss=ISS, visible=("jti",), access_token_ttl=300))
    partition()
    decisions = [
        partition(None, at=AT + n, outcome=SUCCESS, access=100 + n, access_exp=AT + DAY, access_low=0) for n in (1, 2)
    ]

    assert [1, 0] == [len(decision.alerts) for decision in decisions]
    tokens = [{r.subject.digest[7] for r in decision.revocations} for decision in decisions]
    assert [{31, 101}, {31, 101, 102}] == tokens


def test_a_released_family_may_be_refreshed() -> None:
    """Nothing is expected of a provider once a person let it pass."""
    partition = Partition()
    (entry,) = partition().revocations
    partition.memory.released(entry.subject, entry.reasons, AT + 1)

    assert [] == reasons(partition(None, at=AT + MINUTE, outcome=SUCCESS))


def test_revoked_families_are_bounded() -> None:
    """Those that were revoked last are remembered, from the first time to the last end."""
    revoked = Revoked(families=2)
    for family, at in ((1, AT), (2, AT), (1, AT + 5), (3, AT)):
        revoked.add(family, at, at + MINUTE)
    found = revoked.refreshed(batch(4, family=np.array([1, 2, 3, 4]), outcome=SUCCESS), np.empty(0, np.int64))

    assert (2, [0, 2]) == (len(revoked), found.tolist())
    assert [True, False] == [revoked.holds(1, at) for at in (AT + MINUTE + 4, AT + MINUTE + 5)]
