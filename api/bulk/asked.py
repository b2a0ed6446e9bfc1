"""What bulks are asked by, and how they are shown."""

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.bulk.draft import Bulk, Fault
from api.bulk.store import Seen
from api.schemas import ScopeSlug, StateSlug
from api.writes.asked import Why
from api.writes.once import Answered
from api.writes.shown import JSON
from api.writes.terms import LONGEST_S
from revocation.record import LATEST, State

Moment = Annotated[int, Field(ge=0, le=LATEST)] | None


class FilterAsked(BaseModel):
    """Which of the registry's live entries."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    scope: ScopeSlug | None = None
    state: StateSlug | None = None
    reason: Annotated[str, Field(max_length=64)] | None = Field(None, description="One of the entry's reasons.")
    decided_after: Moment = Field(None, description="Decided at this moment or later, epoch milliseconds.")
    decided_before: Moment = Field(None, description="Decided before this moment.")


class BulkAsked(Why):
    """One decision about very many: whom it is about comes as parts, or is what the filter finds now."""

    action: Literal["revoke", "release"] = "revoke"
    state: StateSlug = Field("revoked", description="Of a revocation: `quarantined` asks for a new login only.")
    ttl_s: Annotated[int, Field(ge=1, le=LONGEST_S)] | None = Field(
        None, description="Of a revocation: for how long; the policy's span without it."
    )
    filter: FilterAsked | None = Field(None, description="For callers of all issuers.")


class FaultShown(BaseModel):
    """A line that names nobody."""

    part: int
    line: int = Field(description="In its part, from 1.")
    why: Literal["json", "one", "address", "network", "digest"] = Field(
        description="`json`: not an identity in JSON; `one`: nobody, or several; or what is wrong with what it names."
    )


class PartShown(BaseModel):
    """What was read of a part."""

    lines: int = Field(description="Identities, each counted once.")
    unusable: int
    faults: list[FaultShown] = Field(description="The first lines that cannot be used.")


class BulkShown(BaseModel):
    """One bulk."""

    id: str
    stage: Literal["draft", "waiting", "running", "done", "undoing", "undone"]
    action: Literal["revoke", "release"]
    by: str
    at: int
    ends_at: int = Field(description="Until then it can be looked at and undone.")
    reason: str
    comment: str | None = None
    state: StateSlug | None = None
    ttl_s: int | None = None
    scopes: list[ScopeSlug]
    parts: int
    lines: int = Field(description="Identities that it names.")
    unusable: int
    faults: list[FaultShown]
    approval: str | None = Field(None, description="What waits for a second person, under `/v1/approvals`.")
    decided_at: int | None = Field(None, description="The moment of all its decisions.")
    done: int = Field(description="Lines carried out; while it is undone: that are still to be undone.")
    changed: int = Field(description="Of the lines carried out, those about whom something changed.")
    finished_at: int | None = None
    undone_by: str | None = None


class BulksShown(BaseModel):
    """All that the caller may see."""

    bulks: list[BulkShown]


class TallyShown(BaseModel):
    """Of one scope."""

    hit: int = Field(description="Identities about whom something would change.")
    already: int = Field(description="Those about whom it is as asked already.")


class DryRunShown(BaseModel):
    """What the bulk would do now. Nothing has been done."""

    lines: int
    unusable: int
    faults: list[FaultShown]
    hit: int
    already: int
    scopes: dict[str, TallyShown] = Field(description="The same by scope.")
    needs_approval: bool


_SLUGS: dict[State, StateSlug] = {State.REVOKED: "revoked", State.QUARANTINED: "quarantined"}


def bulk_shown(bulk: Bulk) -> BulkShown:
    """The bulk as it is answered."""
    revokes = bulk.action == "revoke"
    return BulkShown(
        id=bulk.id,
        stage=bulk.stage,
        action=bulk.action,
        by=bulk.by,
        at=bulk.at,
        ends_at=bulk.ends_at,
        reason=bulk.reason,
        comment=bulk.comment or None,
        state=_SLUGS[bulk.state] if revokes else None,
        ttl_s=bulk.ttl_ms // 1000 if revokes else None,
        scopes=sorted(scope.value for scope in bulk.scopes),
        parts=len(bulk.parts),
        lines=bulk.lines,
        unusable=bulk.unusable,
        faults=faults_shown(bulk.faults),
        approval=bulk.approval,
        decided_at=bulk.decided_at or None,
        done=bulk.done,
        changed=bulk.changed,
        finished_at=bulk.finished_at or None,
        undone_by=bulk.undone_by or None,
    )


def faults_shown(faults: Iterable[Fault]) -> list[FaultShown]:
    """Lines that cannot be used."""
    return [FaultShown.model_validate(fault, from_attributes=True) for fault in faults]


def bulk_answer(seen: Seen, status: int) -> Answered:
    """The bulk, its place, and its tag."""
    body = bulk_shown(seen.bulk).model_dump_json(exclude_none=True).encode()
    return Answered(status, body, {**JSON, "Location": f"/v1/bulk/{seen.bulk.id}", "ETag": seen.etag})
