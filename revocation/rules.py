"""Rules: a policy made ready for batches, by the 64-bit keys that batches carry. PURE."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

import msgspec

from detector.config import (
    CadenceConfig,
    DetectorConfig,
    FailureConfig,
    Quiet,
    ReuseConfig,
    SpreadConfig,
    SystemicConfig,
    Thresholds,
    TravelConfig,
)
from detector.verdict import Reason
from revocation.allow import Allow, bits_of, compile_allow, key_of
from revocation.instants import epoch_ms
from revocation.issuers import Issuer
from revocation.record import Scope, digester
from revocation.sections import ClientPolicy, Mode, Policy, PolicyError, RolloverPolicy, TenantPolicy

SCOPES: Final[dict[str, tuple[Scope, ...]]] = {"failure.stuffing": (Scope.ORIGIN,)}
"""What each reason acts on where neither policy nor this says otherwise the family: whoever tries foreign tokens owns
none of the sessions that he tries."""

NOBODY: Final = Issuer(iss="")
"""Stands for an issuer that nobody configured."""


class ClientRules(msgspec.Struct, frozen=True):
    """What holds for one client."""

    mode: Mode
    thresholds: Thresholds
    blast_share: float
    blast_per_minute: int


class Rules(msgspec.Struct, frozen=True):
    """A policy made ready: of the rules for a client, its own come first, then its tenant's, then those for all."""

    policy: Policy
    issuers: dict[int, Issuer]
    clients: dict[int, ClientRules]
    #: By the key of the tenant's issuer.
    tenants: dict[int, ClientRules]
    default: ClientRules
    allows: tuple[Allow, ...]
    #: What each reason acts on, by its bit.
    scopes: dict[int, tuple[Scope, ...]]
    #: Names in the policy that nothing in the settings answers to: these rules never hold.
    unused: tuple[str, ...]
    detector: DetectorConfig
    #: The versions of the table of odds and of the configuration, as alerts name them.
    odds: str
    config: str

    def own(self, client: int, issuer: int) -> ClientRules:
        """The rules for the client of that key at the issuer of that key."""
        return self.clients.get(client) or self.tenants.get(issuer) or self.default

    def life_ms(self, issuer: int) -> int:
        """How long access tokens of the issuer with that key live at most, milliseconds."""
        return self.issuers.get(issuer, NOBODY).access_token_ttl * 1000

    @classmethod
    def of(
        cls,
        policy: Policy,
        issuers: Iterable[Issuer] = (),
        digest_key: bytes = b"",
        capacities: Mapping[str, Any] | None = None,
    ) -> "Rules":
        """Compile a policy. A client's own rules hold at every issuer given; `capacities` are DetectorConfig's.

        Raises:
            PolicyError: thresholds contradict one another, or a name or network is none.
        """
        issuers = list(issuers)
        by_key = {key_of(digester(digest_key, Scope.ISSUER, issuer.iss)("")): issuer for issuer in issuers}
        tenants = {k: policy.tenants[i.tenant] for k, i in by_key.items() if i.tenant in policy.tenants}
        clients = {
            key_of(digester(digest_key, Scope.CLIENT, issuer.iss)(name)): (name, own, tenants.get(at))
            for at, issuer in by_key.items()
            for name, own in policy.clients.items()
        }
        default = _own(policy, "thresholds")
        compiled = {
            key: _own(policy, f"clients.{name}", own, tenant or ClientPolicy())
            for key, (name, own, tenant) in clients.items()
        }
        of_tenants = {key: _own(policy, "tenants", tenant) for key, tenant in tenants.items()}
        watch = min(rules.thresholds.watch for rules in (default, *compiled.values(), *of_tenants.values()))
        leeways = {
            key: own.leeway_seconds * 1000 for key, (_, own, _) in clients.items() if own.leeway_seconds is not None
        }
        detector = _detector(policy, digest_key, leeways, replace(default.thresholds, watch=watch), capacities or {})
        return cls(
            policy=policy,
            issuers=by_key,
            clients=compiled,
            tenants=of_tenants,
            default=default,
            allows=tuple(compile_allow(allow, issuers, digest_key) for allow in policy.allow),
            scopes=_scopes(policy),
            unused=tuple(_unused(policy, issuers)),
            detector=detector,
            odds=detector.odds.version,
            config=detector.hash,
        )


def check(policy: Policy) -> None:
    """Whether the policy could be compiled, whatever the issuers.

    Raises:
        PolicyError: it could not; the sentence says where.
    """
    _own(policy, "thresholds")
    for where, owned in (("tenants", policy.tenants), ("clients", policy.clients)):
        for name, own in owned.items():
            _own(policy, f"{where}.{name}", own)
    for allow in policy.allow:
        compile_allow(allow, (), b"")
    for rollover in policy.rollovers:
        _quiet(rollover, b"")
    _scopes(policy)


def _own(policy: Policy, where: str, *owners: TenantPolicy) -> ClientRules:
    """The rules of an owner: each member from the first that gives it."""

    def given(name: str, otherwise: Any) -> Any:
        values = (getattr(owner, name) for owner in owners)
        return next((value for value in values if value is not None), otherwise)

    shared = policy.thresholds
    try:
        thresholds = Thresholds(**{n: given(n, getattr(shared, n)) for n in ("watch", "quarantine", "revoke")})
    except ValueError as error:
        raise PolicyError(f"{error} - at `{where}`") from None
    return ClientRules(
        mode=given("mode", policy.mode),
        thresholds=thresholds,
        blast_share=given("blast_share", policy.blast_radius.share),
        blast_per_minute=given("blast_per_minute", policy.blast_radius.per_minute),
    )


def _scopes(policy: Policy) -> dict[int, tuple[Scope, ...]]:
    """A reason's own name comes before its signal's, the policy's before the usual."""
    bits_of(policy.scopes, "scopes")
    said = {name: tuple(map(Scope, scopes)) for name, scopes in policy.scopes.items()}
    return {int(reason): _first(said, reason) or SCOPES.get(reason.slug, (Scope.FAMILY,)) for reason in Reason}


def _first(said: Mapping[str, tuple[Scope, ...]], reason: Reason) -> tuple[Scope, ...] | None:
    return said.get(reason.slug) or said.get(reason.slug.partition(".")[0])


def _unused(policy: Policy, issuers: Iterable[Issuer]) -> Iterable[str]:
    tenants, names = {issuer.tenant for issuer in issuers}, {issuer.iss for issuer in issuers}
    yield from (f"tenants.{name}" for name in policy.tenants if name not in tenants)
    yield from (f"rollovers: {rollover.issuer}" for rollover in policy.rollovers if rollover.issuer not in names)


def _quiet(rollover: RolloverPolicy, key: bytes) -> Quiet:
    begins, ends = epoch_ms(rollover.begins), epoch_ms(rollover.until)
    if begins >= ends:
        raise PolicyError("A rollover ends after it begins: `from` before `until` - at `rollovers`")
    return Quiet(key_of(digester(key, Scope.ISSUER, rollover.issuer)("")), begins, ends)


def _detector(
    policy: Policy, key: bytes, leeways: dict[int, int], thresholds: Thresholds, capacities: Mapping[str, Any]
) -> DetectorConfig:
    """What the core is to be told."""
    systemic = msgspec.structs.asdict(policy.systemic)
    systemic["least_share_permille"] = round(1000 * systemic.pop("least_share"))
    return DetectorConfig(
        reuse=ReuseConfig(leeway_ms=policy.reuse.leeway_seconds * 1000, client_leeway_ms=leeways),
        travel=TravelConfig(floor_km=policy.travel.floor_km, vague_asns=frozenset(policy.travel.vague_asns)),
        cadence=CadenceConfig(**msgspec.structs.asdict(policy.cadence)),
        spread=SpreadConfig(**msgspec.structs.asdict(policy.spread)),
        failure=FailureConfig(
            **msgspec.structs.asdict(policy.failure),
            rollovers=tuple(_quiet(rollover, key) for rollover in policy.rollovers),
        ),
        systemic=SystemicConfig(**systemic),
        thresholds=thresholds,
        **capacities,
    )
