"""What hits a token, and how the replica follows its registry."""

import threading
from collections.abc import Iterable

import pytest

from revocation.claims import ALLOW, UNKNOWN
from revocation.record import Change, Cursor, Position, Revocation, Scope, State, Subject
from revocation.registry import Snapshot
from revocation.replica import ISSUERS, SWEEP, Answer, Claims, Replica
from tests.revocation.entries import ISS, KEY, entry, subject

NOW = 50_000


def at(seq: int, epoch: str = "epoch") -> Position:
    """A position in a registry of one shard."""
    return Position((Cursor(epoch, seq),))


QUARANTINED = State.QUARANTINED
TOKEN = Claims(iss=ISS, sub="ann", sid="s1", jti="t1", client_id="app", device="phone", kid="k1", ip="203.0.113.7")
ADDRESS = Subject(Scope.ORIGIN, subject("203.0.113.7", Scope.ORIGIN, "").digest)
IDENTITIES = [
    subject("t1", Scope.TOKEN),
    subject("s1", Scope.FAMILY),
    subject("ann", Scope.SUBJECT),
    subject("app", Scope.CLIENT),
    subject("phone", Scope.DEVICE),
    subject("k1", Scope.KEY),
    subject("", Scope.ISSUER),
    ADDRESS,
]


def replica_of(*entries: Revocation, seq: int = 1, now: int = 0) -> Replica:
    """A replica that has just read a snapshot of these entries."""
    replica = Replica(KEY)
    replica.load(Snapshot(Cursor("epoch", seq), iter(entries)), now)
    return replica


def change(seq: int, *, name: str = "s1", state: State = State.REVOKED, expires_at: int = 100_000) -> Change:
    """A change of a family's entry."""
    released_at = 1_000 if state is State.RELEASED else -1
    return Change(seq=seq, entry=entry(subject(name), state, expires_at=expires_at, released_at=released_at))


def decisions(replica: Replica, tokens: Iterable[Claims], now: int = NOW) -> list[str]:
    """What the replica says of each token."""
    return [replica.check(token, now).decision for token in tokens]


@pytest.mark.parametrize("about", IDENTITIES, ids=[identity.scope.value for identity in IDENTITIES])
def test_every_scope_hits_its_token(about: Subject) -> None:
    """A token of a revoked identity is denied, and the answer says which scope it was, why and until when."""
    answer = replica_of(entry(about)).check(TOKEN, NOW)

    reason, until = "reuse.theft_confirmed", 100_000
    assert Answer(decision="deny", state="revoked", scope=about.scope, reason=reason, until=until) == answer


@pytest.mark.parametrize("about", IDENTITIES, ids=[identity.scope.value for identity in IDENTITIES])
def test_no_scope_hits_another_token(about: Subject) -> None:
    """A token of which everything is different is allowed."""
    other = Claims(iss=ISS + "/", sub="bob", sid="s2", jti="t2", client_id="web", device="pc", kid="k2", ip="::1")

    assert ALLOW == replica_of(entry(about)).check(other, NOW)


def test_claims_that_name_nothing_are_unknown() -> None:
    """Without an issuer and an address there is nothing that an entry could be about."""
    replica = replica_of(*map(entry, IDENTITIES))

    assert UNKNOWN == replica.check(Claims(sub="ann", sid="s1", jti="t1"), NOW)


def test_a_network_hits_the_addresses_in_it() -> None:
    """An entry about a /24, or a /48, hits requests from any address in it and no other."""
    v4, v6 = (
        Subject(Scope.ORIGIN, subject(net, Scope.ORIGIN, "").digest) for net in ("203.0.113.0/24", "2001:db8::/48")
    )
    addresses = ("203.0.113.9", "203.0.114.9", "2001:db8::7", "2001:db8:1::7", "no address")

    tokens = [Claims(iss=ISS, ip=address) for address in addresses]
    assert ["deny", "allow", "deny", "allow", "allow"] == decisions(replica_of(entry(v4), entry(v6)), tokens)


def test_address_alone_is_checked() -> None:
    """A request without a token is checked by its address."""
    assert ["deny"] == decisions(replica_of(entry(ADDRESS)), [Claims(ip="203.0.113.7")])


def test_what_a_token_does_not_carry_is_not_looked_up() -> None:
    """A token without a session is not hit by an entry about one."""
    assert ["allow"] == decisions(replica_of(entry(subject("s1"))), [Claims(iss=ISS, sub="ann")])


def test_ended_entry_hits_nothing() -> None:
    """An entry hits up to its expiry and not at it."""
    replica = replica_of(entry(subject("s1"), expires_at=NOW))

    assert [["deny"], ["allow"]] == [decisions(replica, [TOKEN], NOW - 1), decisions(replica, [TOKEN], NOW)]


@pytest.mark.parametrize("scope", [Scope.SUBJECT, Scope.CLIENT, Scope.KEY, Scope.ISSUER])
@pytest.mark.parametrize(
    ("auth_time", "iat", "decision"),
    [
        (100, 900, "deny"),  # a thief refreshes: a fresh iat and the old login
        (101, 50, "allow"),
        (None, 100, "deny"),  # minted in the cut-off's second
        (None, 101, "allow"),
        (None, None, "deny"),
        (100.999, None, "deny"),
        (101.0, None, "allow"),
        (float("nan"), 900, "deny"),
        (float("inf"), None, "deny"),
    ],
)
def test_cutoff_spares_later_logins(scope: Scope, auth_time: float | None, iat: int | None, decision: str) -> None:
    """A revocation up to second 100.5 hits logins of second 100 and before; without auth_time, iat counts."""
    about = next(identity for identity in IDENTITIES if identity.scope is scope)
    token = Claims(iss=ISS, sub="ann", client_id="app", kid="k1", auth_time=auth_time, iat=iat)

    assert [decision] == decisions(replica_of(entry(about, not_before=100_500)), [token])


def test_without_cutoff_every_login_is_hit() -> None:
    """A subject revoked without a cut-off is denied whenever it signed in."""
    replica = replica_of(entry(subject("ann", Scope.SUBJECT)))

    assert ["deny"] == decisions(replica, [Claims(iss=ISS, sub="ann", auth_time=10**9)])


def test_cutoff_does_not_spare_a_family() -> None:
    """A revoked family is denied whatever its times say: a cut-off is for scopes that outlive a login."""
    replica = replica_of(entry(subject("s1"), not_before=100_500))

    assert ["deny"] == decisions(replica, [Claims(iss=ISS, sid="s1", auth_time=10**9)])


@pytest.mark.parametrize(
    ("auth_time", "iat", "decision"),
    [(100, 900, "step_up"), (101, None, "allow"), (None, 900, "step_up"), (None, None, "step_up")],
)
@pytest.mark.parametrize("not_before", [0, 100_400])
def test_quarantine_ends_with_a_new_login(
    auth_time: int | None, iat: int | None, decision: str, not_before: int
) -> None:
    """A login after the quarantine's cut-off, or else its decision, releases it; a refreshed token does not."""
    decided_at = 100_200 if not_before == 0 else 1_000_000
    replica = replica_of(entry(subject("s1"), QUARANTINED, decided_at=decided_at, not_before=not_before))

    assert [decision] == decisions(replica, [Claims(iss=ISS, sid="s1", auth_time=auth_time, iat=iat)])


def test_quarantine_steps_up() -> None:
    """The answer about a quarantined token says so."""
    answer = replica_of(entry(subject("s1"), QUARANTINED, reasons=())).check(TOKEN, NOW)

    expected = Answer(decision="step_up", state="quarantined", scope=Scope.FAMILY, until=100_000, auth_after=1_000)
    assert expected == answer


def test_deny_wins_over_step_up() -> None:
    """A token hit by a quarantine and a revocation is denied, whichever scope is looked up first."""
    quarantine, later = (
        entry(subject(name, scope), QUARANTINED, expires_at=NOW * 9)
        for name, scope in (("ann", Scope.SUBJECT), ("t1", Scope.TOKEN))
    )

    assert ["deny"] == decisions(replica_of(quarantine, entry(subject("s1")), later), [TOKEN])


def test_of_equals_the_longer_answers() -> None:
    """Of two revocations the one that ends later is told."""
    replica = replica_of(entry(subject("ann", Scope.SUBJECT), expires_at=70_000), entry(subject("t1", Scope.TOKEN)))

    assert 100_000 == replica.check(TOKEN, NOW).until


def test_released_entries_hit_nothing() -> None:
    """A tombstone in a snapshot or in the changes hits nobody, and does not count as an entry."""
    replica = replica_of(change(1).entry, change(1, name="s2", state=State.RELEASED).entry)
    replica.apply([change(2, state=State.RELEASED), change(3, name="s3", state=State.RELEASED)])

    assert (0, ["allow"]) == (len(replica), decisions(replica, [TOKEN]))


def test_changes_take_effect_at_once() -> None:
    """After `apply`, tokens of a scope that had no entry before are denied too, and the cursor has moved."""
    replica = replica_of(seq=4)
    before = decisions(replica, [TOKEN])
    replica.apply([change(5)], NOW)

    assert (["allow"], ["deny"]) == (before, decisions(replica, [TOKEN]))
    assert (at(5), NOW) == (replica.position, replica.fresh_at)


def test_changes_again_are_skipped() -> None:
    """What was taken over already does not come back over something newer."""
    replica = replica_of(seq=4)
    replica.apply([change(5), change(6, state=State.RELEASED)])
    replica.apply([change(5)])

    assert (at(6), ["allow"]) == (replica.position, decisions(replica, [TOKEN]))


def test_own_changes_do_not_hide_others() -> None:
    """A change that leaves a gap counts at once, and the cursor waits for what lies between."""
    replica = replica_of(seq=4)
    replica.apply([change(7)])

    assert (at(4), ["deny"]) == (replica.position, decisions(replica, [TOKEN]))


def test_changes_before_a_snapshot_count() -> None:
    """A replica that never had a snapshot still denies what it was told, without a cursor."""
    replica = Replica(KEY)
    replica.apply([change(5)])

    assert (None, ["deny"], 0) == (replica.position, decisions(replica, [TOKEN]), replica.fresh_at)


def test_known_bad_stays_while_a_snapshot_is_read() -> None:
    """A snapshot that is still being read changes no answer."""
    replica = replica_of(change(1).entry)
    during: list[str] = []

    def entries() -> Iterable[Revocation]:
        during.extend(decisions(replica, [TOKEN]))
        yield change(8).entry

    replica.load(Snapshot(Cursor("other", 8), iter(entries())))

    assert ["deny"] == during


def test_ended_entries_are_forgotten_in_steps() -> None:
    """Each `apply` forgets a bounded number of ended entries, and all are gone after enough of them."""
    replica = replica_of(*(change(1, name=f"s{n}").entry for n in range(2 * SWEEP + 1)))
    sizes = [len(replica)]
    for _ in range(3):
        replica.apply([], now=200_000)
        sizes.append(len(replica))

    assert [2 * SWEEP + 1, SWEEP + 1, 1, 0] == sizes


def test_prolonged_entries_are_not_forgotten() -> None:
    """An entry whose expiry has moved on stays until the new one; one that was released meanwhile is no obstacle."""
    replica = replica_of(change(1).entry, change(1, name="s2").entry, change(1, name="s3").entry)
    replica.apply([change(2, expires_at=900_000), change(3, name="s2", expires_at=100_001)], now=0)
    replica.apply([change(4, name="s3", state=State.RELEASED)], now=200_000)

    assert [900_000] == [left.expires_at for left in replica.rows(0, replica.size)]


def test_issuers_named_by_requests_do_not_pile_up() -> None:
    """Checking tokens of more issuers than are remembered answers right for each."""
    replica = replica_of(change(1).entry)
    tokens = [Claims(iss=f"https://idp/{n}", sid="s1") for n in range(ISSUERS + 1)]

    assert ({"allow"}, ["deny"]) == (set(decisions(replica, tokens)), decisions(replica, [TOKEN]))


def test_readers_never_see_a_gap() -> None:
    """While one thread loads snapshots and applies changes, a token that is revoked throughout is always denied."""
    replica = replica_of(change(1).entry)
    answers: set[str] = set()
    written = threading.Event()

    def read() -> None:
        while not written.is_set():
            answers.update(decisions(replica, [TOKEN]))

    reader = threading.Thread(target=read)
    reader.start()
    for seq in range(1, 200):
        replica.load(Snapshot(Cursor("epoch", seq), iter([change(1).entry])), NOW)
        replica.apply([change(seq + 1, name="s2"), change(seq + 2, name="s2", state=State.RELEASED)], NOW)
    written.set()
    reader.join(10)

    assert {"deny"} == answers
