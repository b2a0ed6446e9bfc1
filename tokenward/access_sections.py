"""The settings of access: who may ask the API what. `docs/access.md` says how they act together."""

from collections.abc import Mapping
from typing import Literal

from pydantic import AwareDatetime, Field, field_validator

from api.access.access import Access, Caller, HashedKey
from api.access.grants import EVERYWHERE, PREFIX, WORDS, granted
from api.schemas import ScopeSlug
from tokenward.section import Section

DIGEST_CHARS = 64


class KeySettings(Section):
    """One key of a principal, as `tokenward key` prints it; the key itself stands nowhere here."""

    sha256: str = Field(pattern=f"^[0-9a-f]{{{DIGEST_CHARS}}}$", description="SHA-256 of the key, in hexadecimal.")
    until: AwareDatetime | None = Field(
        default=None, description="No longer good from then on, with its time zone; without it, it does not end."
    )

    def hashed(self) -> HashedKey:
        """The key as the API compares it."""
        until = None if self.until is None else int(self.until.timestamp() * 1000)
        return HashedKey(bytes.fromhex(self.sha256), until)


class PrincipalSettings(Section):
    """One caller, `[principals.NAME]`."""

    may: tuple[str, ...] = Field(
        min_length=1,
        description="What it may do: `check`, `follow`, `read`, `revoke` or `revoke.family` and so on, `release`, "
        "`approve`, `administer`, `introspect`, `sign_out`, `ssf_manage`, `ssf_read`, `decisions`.",
    )
    everywhere: bool = Field(default=False, description="Whether it acts on, and sees, all issuers.")
    issuers: tuple[str, ...] = Field(default=(), description="Whose identities it acts on and sees, by `iss`.")
    tenants: tuple[str, ...] = Field(default=(), description="Likewise, by the names of `access.tenants`.")
    client_ids: tuple[str, ...] = Field(
        default=(),
        max_length=64,
        description="The OAuth clients that it is: it may give up tokens that were issued to these (RFC 7009).",
    )
    keys: tuple[KeySettings, ...] = Field(
        default=(), max_length=16, description="Its keys, several while one takes the place of another."
    )
    certificates: tuple[str, ...] = Field(
        default=(),
        max_length=64,
        description="Names of its certificates: a URI of the alternative names, or a common name without a colon.",
    )

    @field_validator("may")
    @classmethod
    def _known(cls, words: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := sorted(set(words) - set(WORDS)):
            raise ValueError(f"there is no right {', '.join(unknown)}; there are {', '.join(WORDS)}")
        return words


class AccessSettings(Section):
    """Who may ask the API."""

    mode: Literal["required", "open"] = Field(
        default="required",
        description="`required`: every route but `/healthz` asks who calls; `open`: everybody may do everything, on "
        "loopback only.",
    )
    audience: str | None = Field(
        default=None,
        min_length=1,
        description="What the `aud` of a token must name for the token to be a credential; without it none is.",
    )
    operators: tuple[str, ...] = Field(
        default=(),
        description=f"Issuers whose tokens may act for other issuers: for those of their tenants, or with "
        f"`{PREFIX}{EVERYWHERE}` for all.",
    )
    tenant_claim: str | None = Field(
        default=None, min_length=1, description="The claim in which an operator's token names tenants."
    )
    tenants: dict[str, tuple[str, ...]] = Field(default={}, description="Tenant -> its issuers, by `iss`.")
    sign_out_url: str | None = Field(
        default=None,
        max_length=2048,
        description="The URL by which issuers reach `/v1/global-token-revocation`: their tokens of the type "
        "`global-token-revocation+jwt` for exactly this audience are credentials there.",
    )
    requests: int = Field(
        default=600, ge=1, le=1_000_000, description="Most administrative requests of one caller within `window_s`."
    )
    events: int = Field(
        default=6_000,
        ge=1,
        le=1_000_000,
        description="Most security events that are pushed from one address within `window_s`, good ones or not.",
    )
    failures: int = Field(
        default=30,
        ge=1,
        le=100_000,
        description="Most wrong credentials from one address within `window_s`; then unknown ones are not looked at.",
    )
    window_s: int = Field(default=60, ge=1, le=86_400, description="The time that all three are counted in, seconds.")
    approval_scopes: tuple[ScopeSlug, ...] = Field(
        default=("issuer", "client"),
        description="Scopes that are revoked and released over the API only when a second person agrees; `[]`: none.",
    )
    approval_bulk: int = Field(
        default=100,
        ge=0,
        le=1_000_000,
        description="Bulks of so many identities are carried out only when a second person agrees; 0: any at once.",
    )
    approval_s: int = Field(
        default=86_400, ge=60, le=7 * 86_400, description="How long something may wait for a second person, seconds."
    )


def access_by(settings: AccessSettings, principals: Mapping[str, PrincipalSettings]) -> Access:
    """What the settings say, as the API takes it.

    Raises:
        ValueError: a name is none, a tenant is nobody's, or a key or certificate is two principals'.
    """
    tenants = {name: frozenset(issuers) for name, issuers in settings.tenants.items()}
    return Access(
        open=settings.mode == "open",
        callers=tuple(_caller(name, principal, tenants) for name, principal in principals.items()),
        audience=settings.audience,
        operators=frozenset(settings.operators),
        tenant_claim=settings.tenant_claim,
        tenants=tenants,
        sign_out_url=settings.sign_out_url,
        requests=settings.requests,
        events=settings.events,
        failures=settings.failures,
        window_s=settings.window_s,
    )


def _caller(name: str, settings: PrincipalSettings, tenants: Mapping[str, frozenset[str]]) -> Caller:
    if unknown := sorted(set(settings.tenants) - tenants.keys()):
        raise ValueError(f"principals.{name}: access.tenants has no {', '.join(unknown)}")
    if settings.everywhere == bool(settings.issuers or settings.tenants):
        raise ValueError(f"principals.{name} has either everywhere = true, or issuers or tenants")
    rights = granted(settings.may)
    named = frozenset(settings.issuers).union(*(tenants[tenant] for tenant in settings.tenants))
    return Caller(
        name=name,
        verbs=rights.verbs,
        scopes=rights.scopes,
        issuers=None if settings.everywhere else named,
        clients=frozenset(settings.client_ids),
        keys=tuple(key.hashed() for key in settings.keys),
        certificates=settings.certificates,
    )
