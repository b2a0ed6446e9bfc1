"""What the write API is asked: bodies, each with its bounds."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.registrar import REASON
from api.schemas import ScopeSlug, StateSlug
from api.writes.terms import LONGEST_S
from revocation.claims import Claims
from revocation.naming import Named
from revocation.record import LATEST, Scope

IDENTIFIER_CHARS = 1024
COMMENT_CHARS = 500

Identifier = Annotated[str | None, Field(min_length=1, max_length=IDENTIFIER_CHARS)]
Reason = Annotated[
    str, Field(pattern=f"^{REASON.pattern}$", description="Why: one word, such as `support.lost_device`.")
]
Comment = Annotated[str, Field(max_length=COMMENT_CHARS, description="For the audit trail only; name nobody in it.")]


class _Asked(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Why(_Asked):
    """The least that every change by hand says."""

    reason: Reason
    comment: Comment = ""


class Whom(Why):
    """Exactly one identity: of an issuer, an address, a whole issuer, or what a digest is of."""

    iss: Identifier = Field(None, description="The issuer, exactly as in its tokens.")
    sub: Identifier = Field(None, description="Whoever signed in.")
    sid: Identifier = Field(None, description="The session, or whatever else the issuer calls a token family.")
    jti: Identifier = Field(None, description="One access token.")
    client_id: Identifier = Field(None, description="The client.")
    device: Identifier = Field(None, description="A device id, or the thumbprint in `cnf.jkt`.")
    kid: Identifier = Field(None, description="The key that tokens are signed with.")
    ip: Identifier = Field(None, description="An address, or a network of 24 (IPv4) or 48 (IPv6) bits.")
    scope: ScopeSlug | None = Field(None, description="`issuer` with `iss` alone; with `digest`, what that is of.")
    digest: Annotated[str, Field(pattern="^[0-9a-fA-F]{32}$")] | None = Field(
        None, description="As entries and alerts show it; tells no issuer, so only for callers of all."
    )

    @property
    def named(self) -> Named:
        """The identity."""
        claims = Claims(**self.model_dump(include=IDENTITIES))
        return Named(claims=claims, scope=None if self.scope is None else Scope(self.scope), digest=self.digest)


IDENTITIES = {"iss", "sub", "sid", "jti", "client_id", "device", "kid", "ip"}


class RevocationAsked(Whom):
    """Refuse an identity from now on."""

    state: StateSlug = Field("revoked", description="`quarantined` asks for a new login only.")
    ttl_s: Annotated[int, Field(ge=1, le=LONGEST_S)] | None = Field(
        None, description="For how long; the policy's span without it, and never shorter than a token may live."
    )
    not_before: Annotated[int, Field(ge=0, le=LATEST)] | None = Field(
        None,
        description="Tokens of logins up to this moment are hit, epoch milliseconds (issuer, client, key, subject); "
        "without it: up to now.",
    )


class ReleaseAsked(Whom):
    """Let an identity pass again."""


Status = Literal["waiting", "approving", "approved", "rejected"]


class ApprovalShown(BaseModel):
    """Something that takes two persons."""

    model_config = ConfigDict(frozen=True)

    id: str
    action: Literal["revoke", "release", "bulk", "undo"] = Field(description="`undo`: of a bulk.")
    status: Status = Field(description="`approving`: it is being carried out, or was cut off; approve it again then.")
    by: str = Field(description="Who asked for it.")
    at: int = Field(description="When, epoch milliseconds.")
    ends_at: int = Field(description="Nobody can decide it any more from then on.")
    reason: str
    comment: str | None = None
    iss: str | None = None
    scope: ScopeSlug | None = None
    digest: str | None = None
    state: StateSlug | None = None
    ttl_s: int | None = None
    not_before: int | None = None
    bulk: str | None = Field(None, description="The id of the bulk.")
    lines: int | None = Field(None, description="How many identities the bulk names.")
    decided_by: str | None = None
    decided_at: int | None = None
    decided_because: str | None = Field(None, description="The reason that was given with the decision.")


class ApprovalsShown(BaseModel):
    """All that the caller may see."""

    model_config = ConfigDict(frozen=True)

    approvals: list[ApprovalShown]
