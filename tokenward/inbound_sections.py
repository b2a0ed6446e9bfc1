"""The settings of what others tell us: OAuth's endpoints and security events. `docs/protocols.md` says how they act."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from api.protocols.inbound import InboundSettings
from api.protocols.transmitters import TrustedTransmitter
from api.schemas import ScopeSlug
from api.trust import TrustedIssuer
from revocation.obey import OBEYABLE
from revocation.record import Scope
from revocation.secevents import Transmitter
from tokenward.section import Section

EVENTS = tuple(kind.slug for kind in OBEYABLE.values())
SCOPES: tuple[ScopeSlug, ...] = ("token", "family", "subject", "device")


class InboundSection(Section):
    """What introspection, revocation, global revocation and pushed events go by."""

    cascade: tuple[str, ...] = Field(
        default=(),
        description="Issuers, by `iss`, of whose tokens the session ends, too, when a client gives one up (RFC 7009).",
    )
    email_issuer: str | None = Field(
        default=None,
        description="The issuer whose `sub` is an e-mail address; without it nobody can be signed out by one.",
    )
    max_staleness_s: float = Field(
        default=60,
        ge=1,
        le=30 * 86_400,
        description="Introspection answers 503 when the registry was not heard of for longer, seconds.",
    )
    seen_s: int = Field(
        default=7 * 86_400,
        ge=3600,
        le=90 * 86_400,
        description="How long it is remembered which security events were taken, seconds.",
    )
    seen: int = Field(
        default=100_000, ge=1_000, le=10_000_000, description="Most events of one transmitter that are remembered."
    )


class TransmitterSettings(Section):
    """One transmitter of security events, `[transmitters."https://idp/"]`: exactly the `iss` of its events."""

    jwks_uri: str = Field(max_length=2048, description="Where its signing keys are, `https://`.")
    audiences: tuple[str, ...] = Field(
        min_length=1, description="Of these an event's `aud` must name one: what the stream calls us."
    )
    issuers: tuple[str, ...] = Field(
        default=(),
        description="Whose identities it may name, by the `iss` of their access tokens; an identifier that names no "
        "issuer is of the first. None: the transmitter's own.",
    )
    algorithms: tuple[str, ...] = Field(
        default=("RS256",), min_length=1, description="What its events may be signed with."
    )
    events: tuple[str, ...] = Field(
        default=EVENTS, description=f"The events that are obeyed: {', '.join(f'`{name}`' for name in EVENTS)}."
    )
    scopes: tuple[ScopeSlug, ...] = Field(
        default=SCOPES,
        description="What its events may end; `issuer` and `client` only where they are named here.",
    )
    opaque: Literal["none", "user", "session"] = Field(
        default="none", description="What an `opaque` identifier that stands alone is."
    )
    emails: bool = Field(
        default=False, description="Whether an `email` identifier is the `sub` of the first issuer's tokens."
    )
    tenants: dict[str, str] = Field(default={}, description="A tenant's id in its events -> the issuer that is meant.")
    critical_members: tuple[str, ...] = Field(
        default=(), description="Members of complex subjects without which an event means another one."
    )
    authorization: SecretStr | None = Field(
        default=None, description="The `Authorization` that it was told to push with, besides the signature."
    )
    verification_state: str | None = Field(
        default=None, description="What `state` of its verification events must be; none: it is not looked at."
    )
    lenient: bool = Field(
        default=False, description="Whether older wires are taken: no type, no `sub_id`, the subject in the event."
    )
    jwks_plain_http: bool = Field(
        default=False, description="Whether `jwks_uri` may be `http://` though it is not on this machine."
    )
    jwks_cafile: Path | None = Field(
        default=None, description="Certificates that its server's is checked against, PEM; the system's by default."
    )

    @field_validator("events")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := sorted(set(names) - set(EVENTS)):
            raise ValueError(f"nothing follows from {', '.join(unknown)}; there are {', '.join(EVENTS)}")
        return names

    @model_validator(mode="after")
    def _makes_sense(self) -> "TransmitterSettings":
        self.trusted("a transmitter")
        return self

    def trusted(self, iss: str) -> TrustedTransmitter:
        """What is trusted of the transmitter of that name."""
        keys = TrustedIssuer(
            iss=iss,
            jwks_uri=self.jwks_uri,
            algorithms=self.algorithms,
            jwks_plain_http=self.jwks_plain_http,
            jwks_cafile=self.jwks_cafile,
        )
        says = Transmitter(
            iss=iss,
            audiences=self.audiences,
            issuers=self.issuers or (iss,),
            obeyed=frozenset(self.events),
            opaque=self.opaque,
            emails=self.emails,
            tenants=self.tenants,
            critical=frozenset(self.critical_members),
            verification_state=self.verification_state,
            lenient=self.lenient,
        )
        authorization = None if self.authorization is None else self.authorization.get_secret_value()
        return TrustedTransmitter(
            says=says, keys=keys, scopes=frozenset(map(Scope, self.scopes)), authorization=authorization
        )


def inbound_by(section: InboundSection, transmitters: Mapping[str, TransmitterSettings]) -> InboundSettings:
    """What the settings say, as the API takes it."""
    return InboundSettings(
        cascade=section.cascade,
        emails=section.email_issuer,
        transmitters=tuple(one.trusted(iss) for iss, one in transmitters.items()),
        max_staleness_ms=int(section.max_staleness_s * 1000),
    )
