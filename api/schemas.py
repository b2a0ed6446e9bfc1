"""The shapes of questions and answers. What the raw check path speaks is msgspec; what FastAPI serves is pydantic.

Members that do not apply are absent, never null. Times are epoch milliseconds but where a JWT's claims are meant.
"""

from typing import Annotated, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from revocation.claims import Answer, Claims

BATCH_TOKENS = 10_000
"""The most tokens of one batch."""
PAGE_ENTRIES = 1000
"""The most entries of one page."""

StateSlug = Literal["quarantined", "revoked"]
ScopeSlug = Literal["token", "family", "subject", "client", "device", "key", "origin", "issuer"]


class RegistryWord(msgspec.Struct, frozen=True):
    """How fresh an answer is."""

    epoch: Annotated[str, msgspec.Meta(description="Changes when the registry lost its past.")]
    seq: Annotated[int, msgspec.Meta(description="The last change that this answer knows of.", ge=0)]
    age_ms: Annotated[int, msgspec.Meta(description="Milliseconds since the registry was last heard of.", ge=0)]


class CheckAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True):
    """What to do with one token, and why."""

    registry: RegistryWord


class BatchQuestion(msgspec.Struct, frozen=True):
    """Many tokens at once; the bare array is accepted, too."""

    #: At most `BATCH_TOKENS`; counted after decoding, as too many are refused otherwise than wrong ones.
    tokens: list[Claims]


class BatchAnswer(msgspec.Struct, frozen=True):
    """One answer a token, in the order of the question."""

    registry: RegistryWord
    answers: list[Answer]


class Problem(msgspec.Struct, frozen=True):
    """RFC 9457."""

    type: Annotated[str, msgspec.Meta(description="Stable; ends with the problem's slug.")]
    title: str
    status: int
    detail: str


class _Shape(BaseModel):
    model_config = ConfigDict(frozen=True)


class RegistryState(_Shape):
    """How fresh an answer is."""

    epoch: str = Field(description="Changes when the registry lost its past.")
    seq: int = Field(ge=0, description="The last change that this answer knows of.")
    age_ms: int = Field(ge=0, description="Milliseconds since the registry was last heard of.")


class Entry(_Shape):
    """One live entry; whom it is about is told by a keyed digest only."""

    id: str = Field(description="The decision's id: the same decision, made again, has the same.")
    scope: ScopeSlug
    digest: str = Field(description="Keyed digest of the identity, 32 hexadecimal digits.")
    state: StateSlug
    reasons: list[str] = Field(description="Slugs, strongest first.")
    decided_at: int
    expires_at: int
    not_before: int | None = Field(None, description="Tokens of logins up to this moment are hit; absent: all are.")


class EntryPage(_Shape):
    """Some of the entries."""

    registry: RegistryState
    entries: list[Entry]
    next: str | None = Field(None, description="The cursor of the next page; absent on the last one.")


class ReplicaStanding(_Shape):
    """One follower of the feed."""

    name: str
    cursor: str = Field(description="Everything up to this position is applied.")
    heard_at: int = Field(description="When it last said so.")
    behind: int | None = Field(
        None, ge=0, description="Changes that it lacks; absent: its position is of another past."
    )
    lag_ms: int | None = Field(None, ge=0, description="For how long it has lacked the first of them; absent likewise.")
    laggard: bool = Field(description="Whether that is too long.")


class ReplicaStandings(_Shape):
    """All followers that were heard of lately."""

    replicas: list[ReplicaStanding]


class Health(_Shape):
    """The process answers."""

    status: Literal["ok"] = "ok"
    version: str


class Readiness(_Shape):
    """What must be so before this process may be asked."""

    status: Literal["ready"] = "ready"
    registry: RegistryState
