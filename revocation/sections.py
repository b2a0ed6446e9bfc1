"""The members of `policy.toml`, their defaults and ranges; `docs/policy.md` says what each is for. PURE."""

from typing import Annotated, Literal

import msgspec

from revocation.instants import Instant

Mode = Literal["enforce", "shadow"]
Reach = Literal["token", "family", "subject", "origin"]
Leeway = Annotated[int, msgspec.Meta(ge=0, le=60)]
Score = Annotated[float, msgspec.Meta(gt=0, le=1)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Count = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
Days = Annotated[int, msgspec.Meta(ge=1, le=366)]
Asn = Annotated[int, msgspec.Meta(ge=1, le=2**32 - 1)]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]


class PolicyError(ValueError):
    """The policy cannot be used; the sentence says what to change. The policy before stays in force."""

    reason = "policy_error"


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the policy file: a member that nobody knows is refused, not overlooked."""


class ThresholdPolicy(Section, frozen=True):
    """`[thresholds]`: the probability of theft from which something is done."""

    #: Evidence below is not told, but for findings that have a name of their own.
    watch: Score = 0.001
    quarantine: Score = 0.5
    revoke: Score = 0.95


class ReusePolicy(Section, frozen=True):
    """`[reuse]`: triage of refresh tokens that are presented again."""

    #: How long a second use of the immediate predecessor passes as several tabs or a retry. Never a grandparent's.
    leeway_seconds: Leeway = 10


class TravelPolicy(Section, frozen=True):
    """`[travel]`: impossible travel."""

    #: Moves shorter than this are not judged.
    floor_km: Annotated[int, msgspec.Meta(ge=0, le=20_015)] = 100
    #: AS numbers whose addresses say little about where people are: VPNs, relays, satellites, mobile carriers.
    vague_asns: tuple[Asn, ...] = ()


class CadencePolicy(Section, frozen=True):
    """`[cadence]`: bursts of refreshes, counted with a half-life of 5 minutes."""

    #: No family's record is taken to be lower.
    family_floor: Count = 20
    #: Likewise for a person with all devices.
    subject_floor: Count = 40


class SpreadPolicy(Section, frozen=True):
    """`[spread]`: families and addresses that never met before, weighted counts with a half-life of 5 minutes."""

    #: No record of one pair, of a family's strangers, of an origin's strangers is taken to be lower.
    pair_floor: Count = 20
    family_floor: Count = 200
    origin_floor: Count = 100


class FailurePolicy(Section, frozen=True):
    """`[failure]`: refused refreshes, weighted counts with a half-life of 5 minutes."""

    #: No family's and no origin's record is taken to be lower.
    family_floor: Count = 20
    origin_floor: Count = 40


class SystemicPolicy(Section, frozen=True):
    """`[systemic]`: when evidence is held because a whole population shows it at once."""

    #: No record of families with that sign is taken to be lower; half-life 5 minutes.
    reuse_floor: Count = 2
    travel_floor: Count = 3
    volume_floor: Count = 5
    #: And at least this share of the segment's active families shows it.
    least_share: Share = 0.02


class BlastPolicy(Section, frozen=True):
    """`[blast_radius]`: how much is revoked without a person; what is above it is quarantined, and a person paged."""

    #: Of the active families of a client, within an hour.
    share: Share = 0.01
    #: So many of a client an hour pass whatever its size: of few families every share is too small.
    least: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 10
    #: Families of a client within a minute.
    per_minute: Count = 60


class RepeatPolicy(Section, frozen=True):
    """`[repeat]`: a subject, device or address with several revocations behind it is given less credit."""

    #: So many revocations, none of them released, within so many days.
    decisions: Annotated[int, msgspec.Meta(ge=2, le=20)] = 3
    days: Days = 30
    #: Thresholds are multiplied by this, and the lives of entries by that.
    threshold_factor: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.5
    life_factor: Annotated[int, msgspec.Meta(ge=1, le=30)] = 4


class ReleasePolicy(Section, frozen=True):
    """`[release]`: what a person let pass is not thrown out again for the same reason."""

    #: So long; 0 mutes nothing. Of travel, only the trip that was released.
    mute_days: Annotated[int, msgspec.Meta(ge=0, le=366)] = 30


class TenantPolicy(Section, frozen=True):
    """`[tenants.NAME]`: what is different for the clients of one tenant; what is not given is as for all."""

    mode: Mode | None = None
    watch: Score | None = None
    quarantine: Score | None = None
    revoke: Score | None = None
    blast_share: Share | None = None
    blast_per_minute: Count | None = None


class ClientPolicy(TenantPolicy, frozen=True):
    """`[clients.NAME]`: what is different for one client; what is not given is as for its tenant, then as for all."""

    leeway_seconds: Leeway | None = None


class AllowPolicy(Section, frozen=True):
    """`[[allow]]`: events that match one of each member given are only watched, until a stated moment."""

    until: Instant
    note: Annotated[str, msgspec.Meta(max_length=256)] = ""
    #: /24 of IPv4, /48 of IPv6, or single addresses: what telemetry carries digests of.
    networks: tuple[Text, ...] = ()
    asns: tuple[Asn, ...] = ()
    #: `sub` and `client_id`, at every configured issuer.
    subjects: tuple[Text, ...] = ()
    clients: tuple[Text, ...] = ()
    #: Reasons or signals; given, only what weighs for these is allowed, and all other evidence acts.
    reasons: tuple[Text, ...] = ()


class RolloverPolicy(Section, frozen=True):
    """`[[rollovers]]`: an announced change of signing keys; the refusals that it explains are not counted."""

    issuer: Text
    begins: Instant = msgspec.field(name="from")
    until: Instant


class Policy(Section, frozen=True):
    """The whole file. Every member has a default: an empty file is a policy."""

    #: `shadow` decides and alerts, and writes nothing to the registry.
    mode: Mode = "enforce"
    #: How long a quarantine stands, seconds; further evidence renews it.
    quarantine_seconds: Annotated[int, msgspec.Meta(ge=60, le=86_400)] = 900
    #: How long a revoked family, subject or origin is refused, seconds: as long as its provider may go on refreshing
    #: it, and never less than its access tokens live.
    revoke_seconds: Annotated[int, msgspec.Meta(ge=60, le=30 * 86_400)] = 86_400
    #: Whether a family that no gateway can see may be enforced by refusing the whole subject up to that moment.
    wider_reach: bool = False
    thresholds: ThresholdPolicy = ThresholdPolicy()
    #: Reason or signal to what is refused for it; what is not named is as in `revocation.rules.SCOPES`.
    scopes: dict[str, Annotated[tuple[Reach, ...], msgspec.Meta(min_length=1)]] = msgspec.field(default_factory=dict)
    reuse: ReusePolicy = ReusePolicy()
    travel: TravelPolicy = TravelPolicy()
    cadence: CadencePolicy = CadencePolicy()
    spread: SpreadPolicy = SpreadPolicy()
    failure: FailurePolicy = FailurePolicy()
    systemic: SystemicPolicy = SystemicPolicy()
    blast_radius: BlastPolicy = BlastPolicy()
    repeat: RepeatPolicy = RepeatPolicy()
    release: ReleasePolicy = ReleasePolicy()
    tenants: dict[str, TenantPolicy] = msgspec.field(default_factory=dict)
    clients: dict[str, ClientPolicy] = msgspec.field(default_factory=dict)
    allow: tuple[AllowPolicy, ...] = ()
    rollovers: tuple[RolloverPolicy, ...] = ()
