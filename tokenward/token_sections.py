"""The settings of tokens: whose are taken, and how `/authz` answers. `docs/tokens.md` says how they act together."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from api.profiles import Profile
from api.trust import LONGEST_LEEWAY_S, USUAL_ALGORITHMS, USUAL_TYPES, TrustedIssuer
from tokenward.outward_sections import OutboundSettings
from tokenward.section import Section

#: Settings of an issuer that are about its telemetry, or about entries; all others are about its tokens.
OF_TELEMETRY = frozenset({"format", "tenant", "access_token_ttl", "visible"})
#: And those that say what it is told.
OUTBOUND = frozenset({"outbound"})


class IssuerSettings(Section):
    """One issuer, `[issuers."https://idp/realms/acme"]`: exactly the `iss` of its access tokens."""

    format: str = Field(default="native", description="The format of its telemetry.")
    tenant: str | None = Field(
        default=None,
        description="What telemetry calls it: Keycloak `realmId`, Auth0 `tenant_name`, Okta org, Entra `tenantId`.",
    )
    access_token_ttl: int = Field(
        default=3600, ge=1, le=30 * 86_400, description="Longest life of an access token, seconds."
    )
    visible: tuple[Literal["sid", "sub", "jti"], ...] = Field(
        default=("sid", "sub", "jti"), min_length=1, description="Which identities its access tokens carry."
    )
    jwks_uri: str | None = Field(
        default=None,
        max_length=2048,
        description="Where its signing keys are, `https://`; without it `/authz` cannot verify its tokens.",
    )
    audiences: tuple[str, ...] = Field(
        default=(),
        description="Of these a token's `aud` must name one; where none is set, tokens for anybody are taken.",
    )
    algorithms: tuple[str, ...] = Field(
        default=USUAL_ALGORITHMS,
        min_length=1,
        description="What its tokens may be signed with: RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, "
        "ES512, EdDSA. A key that does not say its own has the first that fits.",
    )
    token_types: tuple[str, ...] = Field(
        default=USUAL_TYPES,
        min_length=1,
        description="What the header's `typ` may be, with or without `application/`; `none`: there is none.",
    )
    leeway_s: int = Field(
        default=30, ge=0, le=LONGEST_LEEWAY_S, description="How far its clock and ours may differ, seconds."
    )
    jwks_refresh_s: float = Field(
        default=300,
        ge=1,
        le=86_400,
        description="Between fetches of its keys, seconds; keys that are published that much ahead delay nobody.",
    )
    jwks_least_s: float = Field(
        default=2,
        ge=0.1,
        le=300,
        description="Between any two fetches, seconds, whatever keys tokens name; a new key delays requests so long.",
    )
    jwks_wait_s: float = Field(
        default=5, ge=0, le=30, description="Longest that a request waits for a key that is not known, seconds."
    )
    jwks_most_age_s: float = Field(
        default=86_400,
        ge=60,
        le=30 * 86_400,
        description="How long keys are used on that cannot be fetched again, seconds.",
    )
    jwks_plain_http: bool = Field(
        default=False, description="Whether `jwks_uri` may be `http://` though it is not on this machine."
    )
    jwks_cafile: Path | None = Field(
        default=None, description="Certificates that its server's is checked against, PEM; the system's by default."
    )

    outbound: OutboundSettings = OutboundSettings()

    @model_validator(mode="after")
    def _makes_sense(self) -> "IssuerSettings":
        self.trusted("an issuer")
        return self

    def trusted(self, iss: str) -> TrustedIssuer:
        """What is trusted of the issuer of that name."""
        return TrustedIssuer(iss=iss, **self.model_dump(exclude=set(OF_TELEMETRY | OUTBOUND)))

    def of_telemetry(self) -> dict[str, Any]:
        """The settings that its telemetry and entries about it are read by."""
        return self.model_dump(include=set(OF_TELEMETRY))


class AuthzSettings(Section):
    """One profile of `/authz`, `[authz.NAME]`."""

    verify: bool = Field(
        default=True, description="Whether tokens are verified; false: the gateway has done it, they are only read."
    )
    cookie: str | None = Field(
        default=None, description="The cookie that holds the token where there is no `Authorization` with one."
    )
    address_header: str | None = Field(
        default=None,
        description="The header that the gateway writes the client's address in, over any that came, e.g. `x-real-ip`.",
    )
    max_staleness_s: float = Field(
        default=60,
        ge=1,
        le=30 * 86_400,
        description="What is known of the registry is stale when it was not heard of for longer, seconds.",
    )
    when_stale: Literal["closed", "open"] = Field(
        default="closed",
        description="What happens then to tokens that are not known to be bad: `closed`: 403, `open`: they pass.",
    )
    anonymous: Literal["deny", "allow"] = Field(
        default="deny", description="What happens to requests without a token: `deny`: 401, `allow`: they pass."
    )
    cache_s: int = Field(
        default=0,
        ge=0,
        le=3600,
        description="How long gateways may remember that a token passed, seconds; so long it passes once revoked, too.",
    )
    realm: str = Field(default="tokenward", description="What challenges call the protected resources.")

    @model_validator(mode="after")
    def _makes_sense(self) -> "AuthzSettings":
        self.profile()
        return self

    def profile(self) -> Profile:
        """The profile."""
        return Profile(**self.model_dump())
