"""What is done about origins: addresses are refused; through networks and kins sessions are asked who they are."""

from typing import Any

import numpy as np
import pytest

from detector.tallies import SCHEMA, OriginKind, Tallies
from detector.verdict import MEASUREMENTS, Level, Reason, Verdicts
from revocation.alert import Decision
from revocation.condemn import OriginMemory, condemn
from revocation.issuers import Issuer
from revocation.policy import Policy, Rules
from revocation.record import Scope, State, Subject, digester

T = 1_767_323_040_000
MINUTE = 60_000
KEY = b"k" * 16
ISSUER = Issuer(iss="https://idp.example", visible=("sid",))
RULES = Rules.of(Policy(), [ISSUER], KEY)
(ISSUER_KEY,) = RULES.issuers
COUNT = MEASUREMENTS.index("failure_count")


def rows(*given: dict[str, Any]) -> Tallies:
    """Rows of a session that is refreshed where it had never been, but for what is given."""
    usual: dict[str, Any] = {
        "at": T,
        "kind": OriginKind.KIN,
        "origin": 5,
        "issuer": ISSUER_KEY,
        "client": 6,
        "address": 7,
        "address_low": 8,
        "subject": 9,
        "subject_low": 10,
        "family": 11,
        "family_low": 12,
        "contact": True,
        "stranger": True,
    }
    whole = [{name: fill for name, (_, fill) in SCHEMA.items()} | usual | row for row in given]
    return Tallies.of(**{name: np.array([row[name] for row in whole], SCHEMA[name][0]) for name in SCHEMA})


REFUSED: dict[str, Any] = {"refused": 1, "fault": 2, "family": 0, "subject": 0}


def verdicts(*found: int, score: float = 0.9, reasons: int = Reason.FAILURE_STUFFING) -> Verdicts:
    """A verdict on each of these rows."""
    blank = Verdicts.blank(len(found))
    blank.row[:] = found
    blank.level[:] = Level.QUARANTINE
    blank.score[:] = score
    blank.reasons[:] = reasons
    blank.measurements[:, COUNT] = 40
    return blank


def told(decision: Decision) -> list[tuple[int, str, bytes, str]]:
    """Row, scope, digest and enforcement of each alert."""
    return [(one.row, one.subject.scope.value, one.subject.digest, one.enforcement) for one in decision.alerts]


def digest(high: int, low: int) -> bytes:
    """Two halves as a digest."""
    return high.to_bytes(8, "big") + low.to_bytes(8, "big")


def test_an_address_is_quarantined() -> None:
    """The entry is what a gateway matches an address by, and ends by itself; the alert says why."""
    decision = condemn(verdicts(0), rows(REFUSED | {"kind": OriginKind.ADDRESS}), RULES, T)

    (entry,) = decision.revocations
    assert (Subject(Scope.ORIGIN, digest(7, 8)), State.QUARANTINED) == (entry.subject, entry.state)
    assert (T, T + RULES.policy.quarantine_seconds * 1000) == (entry.decided_at, entry.expires_at)
    assert [(0, "origin", digest(7, 8), "enforced")] == told(decision)
    (alert,) = decision.alerts
    assert (("failure.stuffing",), {"failure_count": 40.0}, (entry.id,)) == (
        alert.reasons,
        alert.measurements,
        alert.revocations,
    )


def test_an_address_is_matched_as_gateways_do() -> None:
    """The digest of an entry about an address is the one that a replica makes of the address in the claims."""
    of_address = digester(KEY, Scope.ORIGIN, "")("192.0.2.7")
    high, low = int.from_bytes(of_address[:8], "big"), int.from_bytes(of_address[8:], "big")
    place = {"kind": OriginKind.ADDRESS, "origin": high, "address": high, "address_low": low}

    assert [of_address] == [
        entry.subject.digest for entry in condemn(verdicts(0), rows(REFUSED | place), RULES, T).revocations
    ]


def test_overwhelming_evidence_still_only_quarantines() -> None:
    """An address is no proof of what somebody holds: nothing is revoked."""
    decision = condemn(verdicts(0, score=1.0), rows(REFUSED | {"kind": OriginKind.ADDRESS}), RULES, T)

    assert [State.QUARANTINED] == [entry.state for entry in decision.revocations]
    assert [Level.QUARANTINE] == [alert.level for alert in decision.alerts]


def test_weak_evidence_is_only_watched() -> None:
    """Below the threshold nothing is written, and no network is condemned."""
    found = rows(REFUSED | {"kind": OriginKind.ADDRESS}, REFUSED, {})
    decision = condemn(verdicts(0, 1, score=0.01), found, RULES, T)

    assert ((), [Level.WATCH] * 2) == (decision.revocations, [alert.level for alert in decision.alerts])


def test_a_network_is_only_told() -> None:
    """All of a provider's customers come through it: nobody is asked for what one of them did."""
    after = {"kind": OriginKind.NETWORK, "family": 22}
    decision = condemn(verdicts(0), rows(REFUSED | {"kind": OriginKind.NETWORK}, after), RULES, T)

    assert [(0, "origin", digest(5, OriginKind.NETWORK), "unenforceable")] == told(decision)


def test_who_passes_through_a_condemned_kin_is_asked() -> None:
    """The origin itself is only told; the session that is refreshed through it afterwards is quarantined."""
    before, after = {"kind": OriginKind.KIN, "family": 21}, {"kind": OriginKind.KIN, "family": 22}
    decision = condemn(verdicts(1), rows(before, REFUSED | {"kind": OriginKind.KIN}, after), RULES, T)

    assert [
        (1, "origin", digest(5, OriginKind.KIN), "unenforceable"),
        (2, "family", digest(22, 12), "enforced"),
    ] == told(decision)
    assert [(Subject(Scope.FAMILY, digest(22, 12)), State.QUARANTINED)] == [
        (entry.subject, entry.state) for entry in decision.revocations
    ]


@pytest.mark.parametrize(
    "harmless",
    [
        {"refused": 1},
        {"contact": False},
        {"origin": 99},
        {"kind": OriginKind.ADDRESS},
        {"kind": OriginKind.NETWORK},
        {"family": 0, "subject": 0},
        {"at": T + RULES.policy.quarantine_seconds * 1000 + 1},
    ],
)
def test_others_are_left_alone(harmless: dict[str, Any]) -> None:
    """Refused, at home, of another origin, nameless, or later than the condemnation: nobody is asked."""
    decision = condemn(verdicts(0), rows(REFUSED, harmless), RULES, T)

    assert [0] == [alert.row for alert in decision.alerts]


def test_a_condemnation_is_remembered_and_renewed() -> None:
    """It holds in later batches, a quarantine's time from its latest evidence on."""
    memory, life = OriginMemory(), RULES.policy.quarantine_seconds * 1000
    condemn(verdicts(0), rows(REFUSED), RULES, T, memory)
    condemn(verdicts(0), rows(REFUSED | {"at": T + MINUTE}), RULES, T, memory)
    condemn(verdicts(0), rows(REFUSED | {"at": T - MINUTE}), RULES, T, memory)
    late = condemn(verdicts(), rows({"at": T + MINUTE + life}, {"at": T + MINUTE + life + 1}), RULES, T, memory)

    assert [0] == [alert.row for alert in late.alerts]


def test_the_memory_of_condemned_origins_is_bounded() -> None:
    """The one condemned longest ago is forgotten first."""
    memory = OriginMemory(origins=2)
    found = rows(*(REFUSED | {"origin": origin} for origin in (1, 2, 1, 3)))
    condemn(verdicts(0, 1, 2, 3), found, RULES, T, memory)

    assert [1, 3] == memory.keys()


def test_the_same_is_told_once_in_a_window() -> None:
    """One alert for an origin, a reason and a quarter of an hour, with an id that comes of the events alone."""
    place = REFUSED | {"kind": OriginKind.ADDRESS}
    found = rows(place, place, place | {"at": T + 15 * MINUTE})
    once, again = (condemn(verdicts(0, 1, 2), found, RULES, now) for now in (T, T + MINUTE))

    assert [0, 2] == [alert.row for alert in once.alerts]
    assert [alert.id for alert in once.alerts] == [alert.id for alert in again.alerts]
    assert [entry.id for entry in once.revocations] == [entry.id for entry in again.revocations]


def test_shadow_mode_writes_nothing() -> None:
    """The alert says what would have been."""
    shadow = Rules.of(Policy(mode="shadow"), [ISSUER], KEY)
    decision = condemn(verdicts(0), rows(REFUSED | {"kind": OriginKind.ADDRESS}), shadow, T)

    assert ((), ["shadow"]) == (decision.revocations, [alert.enforcement for alert in decision.alerts])


def test_any_cut_decides_the_same() -> None:
    """Row by row with a memory, or all at once: the same decisions in the same order of rows."""
    place = REFUSED | {"kind": OriginKind.ADDRESS}
    found = rows(place, REFUSED, {"family": 21}, place, {"family": 22}, REFUSED | {"kind": OriginKind.NETWORK}, {})
    flagged, memory = [0, 1, 3, 5], OriginMemory()
    parts = [
        condemn(verdicts(*([0] if row in flagged else [])), found.take(slice(row, row + 1)), RULES, T, memory)
        for row in range(len(found))
    ]
    whole = condemn(verdicts(*flagged), found, RULES, T)

    assert [alert.id for part in parts for alert in part.alerts] == [alert.id for alert in whole.alerts]
    assert {entry.id for part in parts for entry in part.revocations} == {entry.id for entry in whole.revocations}


def test_nothing_of_nothing() -> None:
    """No rows, no decisions."""
    assert Decision() == condemn(Verdicts.empty(), Tallies.empty(), RULES, T)
