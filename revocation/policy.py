"""The policy: what is done about a verdict. PURE: decisions come back as values, the shell acts on them.

`policy.toml` is read into `Policy`; together with the issuers it becomes `Rules`, which `decide` holds verdicts
against. A decision about a family becomes entries that a gateway can match, by what the issuer's access tokens carry:
the family where `sid` is visible, else each of its living access tokens where `jti` is, else, if the policy allows the
wider reach, the subject up to this moment, else none, and the alert says so.
"""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

import msgspec

from detector.config import CadenceConfig, DetectorConfig, ReuseConfig, Thresholds, TravelConfig
from revocation.issuers import Issuer
from revocation.record import Scope, digester

Mode = Literal["enforce", "shadow"]
Seconds = Annotated[int, msgspec.Meta(ge=0, le=60)]
Score = Annotated[float, msgspec.Meta(gt=0, le=1)]
Count = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]


class PolicyError(ValueError):
    """The policy cannot be used; the sentence says what to change. The policy before stays in force."""

    reason = "policy_error"


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the policy file: a member that nobody knows is refused, not overlooked."""


class ReusePolicy(Section, frozen=True):
    """`[reuse]`: triage of refresh tokens that are presented again."""

    #: How long a second use of the immediate predecessor passes as several tabs or a retry. Never a grandparent's.
    leeway_seconds: Seconds = 10


class TravelPolicy(Section, frozen=True):
    """`[travel]`: impossible travel."""

    #: Moves shorter than this are not judged.
    floor_km: Annotated[int, msgspec.Meta(ge=0, le=20_015)] = 100


class CadencePolicy(Section, frozen=True):
    """`[cadence]`: bursts of refreshes, counted with a half-life of 5 minutes."""

    #: No family's record is taken to be lower.
    family_floor: Count = 20
    #: Likewise for a person with all devices.
    subject_floor: Count = 40


class ThresholdPolicy(Section, frozen=True):
    """`[thresholds]`: the probability of theft from which something is done; flagged events below are watched."""

    quarantine: Score = 0.5
    revoke: Score = 0.95


class ClientPolicy(Section, frozen=True):
    """`[clients.NAME]`: what is different for one client; what is not given is as for all."""

    mode: Mode | None = None
    leeway_seconds: Seconds | None = None
    quarantine: Score | None = None
    revoke: Score | None = None


class Policy(Section, frozen=True):
    """The whole file. Every member has a default: an empty file is a policy."""

    #: `shadow` decides and alerts, and writes nothing to the registry.
    mode: Mode = "enforce"
    #: How long a quarantine stands, seconds; further evidence renews it.
    quarantine_seconds: Annotated[int, msgspec.Meta(ge=60, le=86_400)] = 900
    #: How long a revoked family or subject is refused, seconds: as long as its provider may go on refreshing it, and
    #: never less than its access tokens live.
    revoke_seconds: Annotated[int, msgspec.Meta(ge=60, le=30 * 86_400)] = 86_400
    #: Whether a family that no gateway can see may be enforced by refusing the whole subject up to that moment.
    wider_reach: bool = False
    reuse: ReusePolicy = ReusePolicy()
    travel: TravelPolicy = TravelPolicy()
    cadence: CadencePolicy = CadencePolicy()
    thresholds: ThresholdPolicy = ThresholdPolicy()
    clients: dict[str, ClientPolicy] = msgspec.field(default_factory=dict)


def load_policy(text: str) -> Policy:
    """Read `policy.toml`.

    Raises:
        PolicyError: it is not TOML, or a member is unknown or out of range.
    """
    try:
        policy = msgspec.toml.decode(text, type=Policy)
        for name, client in policy.clients.items():
            _thresholds(policy, client, f"clients.{name}")
        _thresholds(policy, ClientPolicy(), "thresholds")
    except (msgspec.DecodeError, ValueError) as error:
        raise PolicyError(f"The policy was not accepted: {error}") from None
    return policy


def _thresholds(policy: Policy, client: ClientPolicy, where: str) -> Thresholds:
    try:
        return Thresholds(
            quarantine=policy.thresholds.quarantine if client.quarantine is None else client.quarantine,
            revoke=policy.thresholds.revoke if client.revoke is None else client.revoke,
        )
    except ValueError as error:
        raise PolicyError(f"{error} - at `{where}`") from None


class ClientRules(msgspec.Struct, frozen=True):
    """What holds for one client."""

    mode: Mode
    thresholds: Thresholds


class Rules(msgspec.Struct, frozen=True):
    """A policy made ready for batches: issuers and clients by the 64-bit keys that batches carry."""

    policy: Policy
    issuers: dict[int, Issuer]
    clients: dict[int, ClientRules]
    default: ClientRules
    detector: DetectorConfig

    def life_ms(self, issuer: int) -> int:
        """How long access tokens of the issuer with that key live at most, milliseconds."""
        known = self.issuers.get(issuer)
        return (known or Issuer(iss="")).access_token_ttl * 1000

    @classmethod
    def of(
        cls,
        policy: Policy,
        issuers: Iterable[Issuer] = (),
        digest_key: bytes = b"",
        capacities: Mapping[str, Any] | None = None,
    ) -> "Rules":
        """Compile a policy. A client's own rules hold at every issuer given; `capacities` are DetectorConfig's."""
        issuers = list(issuers)
        keys = {
            _key(digester(digest_key, Scope.CLIENT, issuer.iss)(name)): client
            for issuer in issuers
            for name, client in policy.clients.items()
        }
        leeways = {k: c.leeway_seconds * 1000 for k, c in keys.items() if c.leeway_seconds is not None}
        return cls(
            policy=policy,
            issuers={_key(digester(digest_key, Scope.ISSUER, issuer.iss)("")): issuer for issuer in issuers},
            clients={k: ClientRules(c.mode or policy.mode, _thresholds(policy, c, "clients")) for k, c in keys.items()},
            default=ClientRules(policy.mode, _thresholds(policy, ClientPolicy(), "thresholds")),
            detector=DetectorConfig(
                reuse=ReuseConfig(leeway_ms=policy.reuse.leeway_seconds * 1000, client_leeway_ms=leeways),
                travel=TravelConfig(floor_km=policy.travel.floor_km),
                cadence=CadenceConfig(
                    family_floor=policy.cadence.family_floor, subject_floor=policy.cadence.subject_floor
                ),
                thresholds=_thresholds(policy, ClientPolicy(), "thresholds"),
                **(capacities or {}),
            ),
        )


def _key(digest: bytes) -> int:
    return int.from_bytes(digest[:8], "big") or 1
