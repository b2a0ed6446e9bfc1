"""decide: what becomes of a verdict."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from detector.batch import RefreshBatch
from detector.verdict import Level, Reason, Verdicts
from revocation.decide import Decision, Memory, decide
from revocation.issuers import Issuer
from revocation.living import Living
from revocation.policy import ClientPolicy, Policy, Rules
from revocation.record import Scope, State
from tests.revocation.verdicts import AT, ISS, ISSUER, KEY, Partition, batch, key, verdicts


def decided(policy: Policy | None = None, issuer: dict[str, Any] | None = None, **columns: Any) -> Decision:
    """The decision on one event with a score of 0.99."""
    rules = Rules.of(policy or Policy(), [Issuer(iss=ISS, **(issuer or {}))], KEY)
    return decide(verdicts(0.99), batch(**columns), rules, AT)


def test_a_confirmed_theft_revokes_the_family() -> None:
    """The entry names the family, why, since when and for how long; the alert names the entry."""
    decision = decided()

    (revocation,), (alert,) = decision.revocations, decision.alerts
    assert (revocation.subject.scope, revocation.state) == (Scope.FAMILY, State.REVOKED)
    assert revocation.subject.digest == (11).to_bytes(8, "big") + (12).to_bytes(8, "big")
    assert revocation.reasons == ("reuse.theft_confirmed",)
    assert (revocation.decided_at, revocation.expires_at) == (AT, AT + 86_400_000)
    assert alert.revocations == (revocation.id,)
    assert (alert.enforcement, alert.level, alert.score) == ("enforced", Level.REVOKE, 0.99)
    assert alert.measurements == {"reuse_depth": 2.0}


@pytest.mark.parametrize(("score", "states"), [(0.2, []), (0.5, [State.QUARANTINED]), (0.95, [State.REVOKED])])
def test_thresholds_say_what_is_done(score: float, states: list[State]) -> None:
    """Weak evidence only watches, medium evidence quarantines, strong evidence revokes."""
    decision = decide(verdicts(score), batch(), Rules.of(Policy(), [], KEY), AT)

    assert [revocation.state for revocation in decision.revocations] == states
    assert len(decision.alerts) == 1


def test_a_quarantine_ends_by_itself() -> None:
    """It stands for the policy's time from the later of the event and now, so that late telemetry is not in vain."""
    rules = Rules.of(Policy(quarantine_seconds=600), [], KEY)

    decision = decide(verdicts(0.6), batch(), rules, AT + 5_000_000)

    assert decision.revocations[0].expires_at == AT + 5_000_000 + 600_000


@pytest.mark.parametrize(
    ("visible", "wider", "scope"),
    [
        (("sid", "sub", "jti"), False, Scope.FAMILY),
        (("sub", "jti"), True, Scope.TOKEN),
        (("sub",), True, Scope.SUBJECT),
        (("sub",), False, None),
    ],
)
def test_an_entry_is_one_that_a_gateway_can_match(visible: tuple[str, ...], wider: bool, scope: Scope | None) -> None:
    """The family where tokens carry sid, else the token, else, if allowed, the subject up to that moment, else none."""
    decision = decided(Policy(wider_reach=wider), {"visible": visible})

    assert [revocation.subject.scope for revocation in decision.revocations] == ([scope] if scope else [])
    assert decision.alerts[0].enforcement == ("enforced" if scope else "unenforceable")
    if scope is Scope.SUBJECT:
        assert decision.revocations[0].not_before == AT


def test_a_token_entry_outlives_its_token() -> None:
    """It ends no earlier than the token, whatever the issuer's usual life."""
    decision = decided(issuer={"visible": ("jti",), "access_token_ttl": 60})

    assert decision.revocations[0].expires_at == AT + 7_200_000


def test_an_event_without_a_family_is_about_its_subject() -> None:
    """Without a session the subject is the narrowest that can be refused, and with neither nobody is."""
    assert decided(family=0).revocations[0].subject.scope is Scope.TOKEN
    assert decided(family=0, access=0).revocations[0].subject.scope is Scope.SUBJECT
    nobody = decided(family=0, access=0, subject=0)
    assert nobody.revocations == ()
    assert nobody.alerts[0].subject.scope is Scope.ORIGIN


def test_shadow_mode_says_what_it_would_have_done() -> None:
    """Nothing to be written, and the alert names the entry that would have been."""
    decision = decided(Policy(mode="shadow"))

    assert decision.revocations == ()
    assert decision.alerts[0].enforcement == "shadow"
    assert len(decision.alerts[0].revocations) == 1


def test_a_client_can_have_its_own_rules() -> None:
    """Shadow mode and thresholds for one client alone."""
    policy = Policy(clients={"spa": ClientPolicy(mode="shadow", quarantine=0.9, revoke=0.995)})

    assert decided(policy).alerts[0].enforcement == "shadow"
    assert decided(policy).alerts[0].level is Level.QUARANTINE
    assert decided(policy, client=key(Scope.CLIENT, "other")).alerts[0].enforcement == "enforced"


def test_the_same_decision_is_made_once() -> None:
    """Events that say the same of a family within a quarter of an hour are one decision, across batches too."""
    memory = Memory()
    rules = Rules.of(Policy(), [], KEY)
    first = decide(verdicts(0.99, 0.99), batch(2), rules, AT, memory)
    again = decide(verdicts(0.99), batch(at=AT + 60_000), rules, AT, memory)
    later = decide(verdicts(0.99), batch(at=AT + 1_800_000), rules, AT, memory)

    assert [len(decision.alerts) for decision in (first, again, later)] == [1, 0, 1]
    assert len(memory) == 2


def test_a_replay_decides_the_same_ids() -> None:
    """Ids come from the events alone, whatever the time of deciding."""
    rules = Rules.of(Policy(), [], KEY)
    one, other = (decide(verdicts(0.99), batch(), rules, now) for now in (AT, AT + 99_999_999))

    assert [a.id for a in one.alerts] == [a.id for a in other.alerts]
    assert [r.id for r in one.revocations] == [r.id for r in other.revocations]


def test_what_is_remembered_is_bounded() -> None:
    """The oldest decisions are forgotten."""
    memory = Memory(decisions=2)

    assert [memory.add(word) for word in ("a", "b", "c", "a", "c")] == [True, True, True, True, False]
    assert len(memory) == 2


HIDDEN = Issuer(iss=ISS, visible=("sub", "jti"), access_token_ttl=300)
"""An issuer whose access tokens do not carry the session."""


def issued(*tokens: int, family: int = 11, at: int = AT) -> RefreshBatch:
    """Refreshes of a family that issue these access tokens, a second apart; their events do not say when they end."""
    times = at + np.arange(len(tokens)) * 1000
    return batch(len(tokens), at=times, family=family, access=np.array(tokens), access_exp=0)


def refused(decision: Decision) -> list[tuple[int, int]]:
    """The access tokens that are refused, and when each entry ends."""
    entries = [(revocation.subject.digest, revocation.expires_at) for revocation in decision.revocations]
    return [(int.from_bytes(digest[:8], "big"), ends) for digest, ends in entries]


@pytest.mark.parametrize("cuts", [[], [3], [1, 2, 3, 4]])
def test_each_living_token_of_a_hidden_family_is_refused(cuts: list[int]) -> None:
    """The family's tokens up to the event, if not ended, each until it ends; no other family's and no later ones."""
    rules = Rules.of(Policy(), [HIDDEN], KEY)
    old, others = issued(90, at=AT - 400_000), issued(70, family=12)
    events = RefreshBatch.concat([old, issued(1), others, issued(2, at=AT + 1000), issued(3, at=AT + 2000)])
    memory, decisions = Memory(), []
    for first, stop in pairwise([0, *cuts, 5]):
        flag = verdicts(0.6) if first <= 3 < stop else Verdicts.empty()
        flag = Verdicts.concat([flag]).moved(3 - first)
        decisions.append(decide(flag, events.take(slice(first, stop)), rules, AT, memory))

    assert [entry for decision in decisions for entry in refused(decision)] == [(1, AT + 300_000), (2, AT + 301_000)]


def test_living_tokens_are_bounded() -> None:
    """The last few tokens of the families seen last are kept."""
    living = Living(families=2, tokens=2)
    living.see(issued(1, 2, 3), 0, 3, lambda _: 1000)
    for family in (12, 13):
        living.see(issued(4, family=family), 0, 1, lambda _: 1000)

    assert len(living) == 2
    assert living.of(11, 0) == []
    assert [token.expires_at for token in living.of(13, 0)] == [AT + 1000]
    living.see(issued(1, 2, 3), 0, 3, lambda _: 1000)
    assert [token.digest[7] for token in living.of(11, 0)] == [2, 3]


@pytest.mark.parametrize(
    ("scopes", "entries"),
    [
        ('reuse = ["subject", "family"]', [(Scope.SUBJECT, AT), (Scope.FAMILY, 0)]),
        ('reuse = ["token"]\n"reuse.theft_confirmed" = ["origin"]', [(Scope.ORIGIN, 0)]),
        ('travel = ["origin"]', [(Scope.FAMILY, 0)]),
    ],
)
def test_each_reason_acts_on_its_scopes(scopes: str, entries: list[tuple[Scope, int]]) -> None:
    """A reason's own line comes before its signal's; only reasons that count act."""
    decision = Partition(f"[scopes]\n{scopes}\n")()

    assert entries == [(revocation.subject.scope, revocation.not_before) for revocation in decision.revocations]


def test_foreign_tokens_are_answered_at_their_origin() -> None:
    """Whoever tries tokens that are not his owns none of the sessions; without an address there is nobody to refuse."""
    stuffing = verdicts(0.99, reasons=Reason.FAILURE_STUFFING)
    decisions = [Partition()(stuffing, origin=origin) for origin in (41, 0)]

    assert [[Scope.ORIGIN], []] == [[r.subject.scope for r in decision.revocations] for decision in decisions]
    assert ["enforced", "unenforceable"] == [decision.alerts[0].enforcement for decision in decisions]


def test_a_token_alone_is_refused_only_where_a_gateway_sees_it() -> None:
    """With the scope `token` an issuer whose tokens have no `jti` leaves nothing to refuse."""
    issuer = Issuer(iss=ISS, visible=("sid", "sub"))

    assert () == Partition('[scopes]\nreuse = ["token"]\n', issuer)().revocations


def test_further_evidence_renews_a_quarantine() -> None:
    """Once a minute at most its entry is written again, with the same id and for longer; people are not told again."""
    partition = Partition()
    decisions = [partition(0.6, at=AT + seconds * 1000) for seconds in (0, 30, 60, 90)]

    ends = [[revocation.expires_at for revocation in decision.revocations] for decision in decisions]
    assert [[AT + 900_000], [], [AT + 960_000], []] == ends
    assert [1, 0, 0, 0] == [len(decision.alerts) for decision in decisions]
    assert 1 == len({revocation.id for decision in decisions for revocation in decision.revocations})


def test_a_tenant_can_have_its_own_rules() -> None:
    """The client's come first, then its tenant's, then those for all."""
    policy = """
        [tenants.acme]
        mode = "shadow"
        revoke = 0.999
        [clients.spa]
        mode = "enforce"
        """
    mine, other = Partition(policy, ISSUER), Partition(policy, Issuer(iss=ISS, tenant="else"))

    clients = enumerate((key(Scope.CLIENT, name) for name in ("spa", "app")), 1)
    events = [{"client": client, "family": family} for family, client in clients]
    told = [partition(**event).alerts[0] for partition in (mine, other) for event in events]
    assert [
        ("enforced", Level.QUARANTINE),
        ("shadow", Level.QUARANTINE),
        ("enforced", Level.REVOKE),
        ("enforced", Level.REVOKE),
    ] == [(alert.enforcement, alert.level) for alert in told]


def test_an_alert_explains_itself() -> None:
    """It holds grades, weights, thresholds and versions, so that nothing else is needed to say why."""
    partition = Partition()
    (alert,) = partition(verdicts(0.99, weights={"reuse": 14_000})).alerts

    assert ({"reuse": 14.0}, {}) == (alert.weights, alert.grades)
    assert {"watch": 0.001, "quarantine": 0.5, "revoke": 0.95} == alert.thresholds
    assert (partition.rules.detector.odds.version, partition.rules.detector.hash) == (alert.odds, alert.config)
    assert AT + 86_400_000 == alert.expires_at
