"""Two persons: what waits, who may decide, and what comes of it."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from api.access.principal import Principal, Verb
from api.problems import Refused
from api.registrar import ApprovalNeeded, Registrar
from api.writes.approvals import Approval, Approvals
from revocation.audit import MemoryTrail
from revocation.errors import TrailUnavailable
from revocation.memory import MemoryRegistry
from revocation.pending import Document, MemoryPending
from revocation.record import Scope
from tests.api.running import ISSUER, KEY, Running, entry
from tests.api.writes.callers import ACCESS, shown
from tests.api.writes.test_revoking import WHY, post, slug

ANN, BOB = (
    Principal(name=caller.name, kind="key", verbs=caller.verbs, scopes=caller.scopes, issuers=caller.issuers)
    for caller in ACCESS.callers[:2]
)


def brake(api: Running, by: str = "ann", **more: Any) -> dict[str, Any]:
    """Ask for the emergency brake; what waits then."""
    told = post(api, "/v1/revocations", by, iss=ISSUER, scope="issuer", **more)
    assert 202 == told.status_code
    waiting: dict[str, Any] = told.json()
    return waiting


def decide(api: Running, waiting: dict[str, Any], verdict: str, by: str, **headers: str) -> httpx.Response:
    """Approve or reject."""
    return api.http.post(
        f"/v1/approvals/{waiting['id']}/{verdict}", json={"reason": "soc.agreed"}, headers=shown(by) | headers
    )


def stands(api: Running, waiting: dict[str, Any]) -> int:
    """Whether the entry is there: 200 or 404."""
    return api.http.get(f"/v1/revocations/{waiting['scope']}/{waiting['digest']}", headers=shown("ann")).status_code


def test_it_waits_for_somebody_else(acted: Running) -> None:
    """202 and nothing in the registry; the one who asked cannot approve; another one does, and then it stands."""
    waiting = brake(acted)
    before = stands(acted, waiting)
    own, others = decide(acted, waiting, "approve", "ann"), decide(acted, waiting, "approve", "bob")

    assert (404, (403, "same_person"), 200) == (before, (own.status_code, slug(own)), others.status_code)
    assert ("approved", "bob", "soc.agreed") == tuple(
        others.json()[name] for name in ("status", "decided_by", "decided_because")
    )
    assert 200 == stands(acted, waiting)


def test_steps_are_counted(acted: Running) -> None:
    """What was asked for, approved and rejected can be watched; what was refused is none of these."""

    def steps() -> list[float]:
        told = [
            acted.metrics.get_sample_value("tokenward_approvals_total", {"step": word})
            for word in ("asked", "approved", "rejected")
        ]
        return [value for value in told if value is not None]

    before = steps()
    waiting, other = brake(acted), brake(acted, comment="Once more.")
    decide(acted, waiting, "approve", "ann")
    decide(acted, waiting, "approve", "bob")
    decide(acted, other, "reject", "bob")

    assert [2, 1, 1] == [after - earlier for earlier, after in zip(before, steps(), strict=True)]


def test_both_persons_stand_in_the_trail(acted: Running) -> None:
    """Who asked, who approved, and the decision under the name of the one who asked, all with the approval's id."""
    waiting = brake(acted, comment="Breach.")
    decide(acted, waiting, "approve", "bob")
    told = [(one.actor, one.action, one.reason) for one in acted.trail.events if one.request == waiting["id"]]

    assert [("ann", "ask", "soc.test"), ("bob", "approve", "soc.agreed"), ("ann", "revoke", "soc.test")] == told
    assert "ann" == acted.trail.events[-1].entries[0].actor


def test_a_release_takes_two_as_well(acted: Running) -> None:
    """What two persons did, one alone does not undo."""
    decide(acted, brake(acted), "approve", "bob")
    told = post(acted, "/v1/revocations/release", iss=ISSUER, scope="issuer")
    before = stands(acted, told.json())
    decide(acted, told.json(), "approve", "bob")

    assert (202, 200, 404) == (told.status_code, before, stands(acted, told.json()))


def test_what_is_rejected_is_not_done(acted: Running) -> None:
    """Neither by the one who rejects nor later; who asked may take it back."""
    first, second = brake(acted, client_id=None), brake(acted)
    verdicts = [decide(acted, first, "reject", "bob"), decide(acted, second, "reject", "ann")]
    late = decide(acted, first, "approve", "bob")

    assert ["rejected", "rejected"] == [told.json()["status"] for told in verdicts]
    assert (409, "decided") == (late.status_code, slug(late))


@pytest.mark.parametrize("verdict", ["approve", "reject"])
def test_only_who_may_decides(acted: Running, verdict: str) -> None:
    """A tenant's operator has no right to the whole issuer; another's, and a gateway, do not even see it."""
    waiting = brake(acted)
    told = [decide(acted, waiting, verdict, by).status_code for by in ("acme", "other", "gateway")]

    assert [403, 404, 403 if verdict == "approve" else 404] == told


def test_everybody_sees_his_own(acted: Running) -> None:
    """A tenant's operator sees what touches his issuer; another tenant's, and a gateway, see nothing."""
    waiting = brake(acted)
    lists = {
        by: [one["id"] for one in acted.http.get("/v1/approvals", headers=shown(by)).json()["approvals"]]
        for by in ("bob", "acme", "other", "gateway")
    }
    alone = acted.http.get(f"/v1/approvals/{waiting['id']}", headers=shown("bob"))

    assert [True, True, False, False] == [waiting["id"] in seen for seen in lists.values()]
    assert (waiting, '"1"') == (alone.json(), alone.headers["ETag"])


def test_a_decision_may_be_bound_to_what_was_read(acted: Running) -> None:
    """With `If-Match` an approval that somebody touched meanwhile is left alone."""
    waiting = brake(acted)
    stale = decide(acted, waiting, "approve", "bob", **{"If-Match": '"7"'})
    fresh = decide(acted, waiting, "approve", "bob", **{"If-Match": '"1"'})

    assert ((412, "changed"), 200) == ((stale.status_code, slug(stale)), fresh.status_code)


@pytest.mark.parametrize("name", ["00" * 16, "nobody"])
def test_what_is_not_there(acted: Running, name: str) -> None:
    """404, and 400 for what is no id."""
    told = acted.http.get(f"/v1/approvals/{name}", headers=shown("ann"))

    assert {"00" * 16: 404, "nobody": 400}[name] == told.status_code


class Desk:
    """The parts of approvals, without HTTP."""

    def __init__(self) -> None:
        self.now = 1_000_000
        self.registry, self.trail, self.pending = MemoryRegistry("e"), MemoryTrail(), MemoryPending()
        self.registrar = Registrar(
            self.registry, self.trail, lambda _: None, lambda: self.now, KEY, approval_scopes=[Scope.ISSUER]
        )
        self.approvals = Approvals(self.pending, self.registrar, 10_000)
        #: What was carried out.
        self.carried: list[str] = []
        self.approvals.carriers["bulk"] = self.carry

    def carry(self, approval: Approval) -> None:
        """Carry something out, if the trail takes it."""
        self.registrar.note(approval.by, "carry", via="api")
        self.carried.append(approval.id)

    def ask(self) -> str:
        """Something of ann's waits; its id."""
        touched = ((Scope.FAMILY, ISSUER),)
        return self.approvals.ask(ANN, action="bulk", touched=touched, reason="soc.test").approval.id


def test_what_was_cut_off_is_approved_again() -> None:
    """The trail goes away between the verdict and the deed: it is neither done nor lost, and nobody can reject it."""
    desk = Desk()
    name = desk.ask()
    desk.trail.available = False
    with pytest.raises(TrailUnavailable):
        desk.approvals.approve(BOB, name, "soc.agreed")
    desk.trail.available = True
    with pytest.raises(Refused, match="decided"):
        desk.approvals.reject(BOB, name, "soc.no")

    assert ("approved", [name]) == (desk.approvals.approve(BOB, name, "soc.agreed").approval.status, desk.carried)


def test_what_nobody_decides_ends() -> None:
    """After its time it is gone."""
    desk = Desk()
    name = desk.ask()
    desk.now += 10_000

    with pytest.raises(Refused, match="not_waiting"):
        desk.approvals.approve(BOB, name, "soc.agreed")


class Overtaking(MemoryPending):
    """A store in which somebody is faster: his change comes just before the next one."""

    def __init__(self) -> None:
        super().__init__()
        self.faster: Callable[[], object] | None = None

    def change(self, kind: str, document: Document, text: bytes, ends_at: int, now: int) -> Document | None:
        """As the port says."""
        faster, self.faster = self.faster, None
        if faster is not None:
            faster()
        return super().change(kind, document, text, ends_at, now)


def test_of_two_verdicts_one_counts() -> None:
    """Whoever is second finds that it was decided, though both read it while it waited; nothing is carried out."""
    desk, pending = Desk(), Overtaking()
    desk.approvals = Approvals(pending, desk.registrar, 10_000)
    desk.approvals.carriers["bulk"] = desk.carry
    name = desk.ask()
    pending.faster = lambda: desk.approvals.reject(BOB, name, "soc.no")

    with pytest.raises(Refused, match="decided"):
        desk.approvals.approve(BOB, name, "soc.agreed")
    assert [] == desk.carried


def test_no_protocol_gets_around_it() -> None:
    """Whoever calls the registrar itself is told that it takes two."""
    desk = Desk()
    brakes = [entry("", Scope.ISSUER)]
    everything = Principal(name="x", kind="open", verbs=frozenset(Verb), scopes=frozenset(Scope), issuers=None)

    with pytest.raises(ApprovalNeeded):
        desk.registrar.revoke(everything, brakes, iss=ISSUER, **WHY)
