"""The issuers that Tokenward was told of, and which of their identities a gateway can see. PURE."""

from collections.abc import Iterator, Mapping
from typing import Literal

import msgspec

Visible = Literal["sid", "sub", "jti"]


class Issuer(msgspec.Struct, frozen=True, kw_only=True):
    """One issuer: how its telemetry names it, and what its access tokens carry."""

    #: Exactly the `iss` of its access tokens.
    iss: str
    #: The format its telemetry has: a name in `ingest.formats.FORMATS`.
    format: str = "native"
    #: What telemetry calls it instead: Keycloak `realmId`, Auth0 `tenant_name`, an Okta org, Entra `tenantId`.
    tenant: str | None = None
    #: The longest life of an access token, seconds; an entry about one outlives it.
    access_token_ttl: int = 3600
    #: The identities that its access tokens carry.
    visible: tuple[Visible, ...] = ("sid", "sub", "jti")


class Issuers:
    """Finds an issuer by its `iss`, or by the tenant that its telemetry names.

    With `fallback` a tenant that nobody mapped becomes an issuer of its own, `<format>:<tenant>`. That is for looking
    at files (`tokenward replay`): no gateway ever sees such an `iss`, so nothing could be enforced on it.
    """

    def __init__(self, issuers: Mapping[str, Issuer] | None = None, *, fallback: bool = False) -> None:
        self._fallback = fallback
        self._by_iss = dict(issuers or {})
        self._by_tenant = {(i.format, i.tenant): i for i in self._by_iss.values() if i.tenant is not None}

    def of_tenant(self, format_name: str, tenant: str) -> Issuer | None:
        """The issuer whose telemetry of that format names `tenant`, or None: it is unmapped."""
        return self._by_tenant.get((format_name, tenant))

    def iss_of(self, format_name: str, *tenants: str | None) -> str | None:
        """The `iss` of the first mapped name among `tenants`, as telemetry of that format names it; None: unmapped."""
        for tenant in tenants:
            if tenant and (issuer := self.of_tenant(format_name, tenant)):
                return issuer.iss
        named = next(filter(None, tenants), None)
        return f"{format_name}:{named}" if self._fallback and named else None

    def of(self, iss: str) -> Issuer:
        """The issuer of that `iss`; one that nobody configured has the defaults."""
        return self._by_iss.get(iss) or Issuer(iss=iss)

    def __iter__(self) -> Iterator[Issuer]:
        return iter(self._by_iss.values())
