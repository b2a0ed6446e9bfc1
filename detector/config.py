"""The configuration of the core: frozen values, one a signal, checked when made; behaviour is built from them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from hashlib import blake2b

from detector.table import SMALLEST

MOST_LEEWAY_MS = 60_000
"""No provider offers a longer grace period."""


def _require(fine: bool, sentence: str) -> None:  # noqa: FBT001 - reads as "require that"
    if not fine:
        raise ValueError(sentence)


@dataclass(frozen=True, slots=True)
class ReuseConfig:
    """Triage of a refresh token that is presented again."""

    #: How long a second use of the immediate predecessor is taken for several tabs or a retry. Providers offer 0-60 s
    #: (Okta's grace period is 0-60 s, Auth0's overlap is configured likewise); 10 s covers a retry with back-off.
    leeway_ms: int = 10_000
    #: The same for single clients, by the client's key.
    client_leeway_ms: Mapping[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for leeway in (self.leeway_ms, *self.client_leeway_ms.values()):
            _require(0 <= leeway <= MOST_LEEWAY_MS, f"A reuse leeway is 0 to 60 s; got {leeway} ms.")


@dataclass(frozen=True, slots=True)
class TravelConfig:
    """The envelope of honest travel: `t_min = min(d / rail, overhead + d / flight) - slack`.

    The constants are those of the design's trial on 90 days of real aircraft movements (93.9 % of thefts at 0.030 % of
    honest events); what each stands for is why they are believed beyond that data.
    """

    #: Shorter moves are not judged: city-level positions are not better than that.
    floor_km: int = 100
    #: Moves that took longer are not judged: nearly every place can be reached within a day.
    horizon_ms: int = 24 * 3_600_000
    #: The fastest trains in service run at some 350 km/h.
    rail_kmh: int = 350
    #: Airliners cruise at 900 km/h over ground, with a strong jet stream at up to 1,400.
    flight_kmh: int = 1_400
    #: What a flight costs besides cruising, at the very least.
    overhead_ms: int = 30 * 60_000
    #: Clocks and rounding.
    slack_ms: int = 2 * 60_000

    def __post_init__(self) -> None:
        _require(self.floor_km >= 0, "The travel floor is a distance in km, 0 or more.")
        _require(min(self.rail_kmh, self.flight_kmh) > 0, "Travel speeds are in km/h and above 0.")
        _require(min(self.horizon_ms, self.overhead_ms, self.slack_ms) >= 0, "Travel times are 0 or more.")


@dataclass(frozen=True, slots=True)
class CadenceConfig:
    """Refreshes with a half-life of 5 minutes against the key's own record (`detector.pace`)."""

    #: No record is taken to be lower: a family with a 5-minute token has a level of 1.4, with ten tabs 14.
    family_floor: int = 20
    #: A person with several devices and applications.
    subject_floor: int = 40
    #: Nats of surprise from which a burst is watched; more than this is never learnt.
    watch_nats: int = 20
    #: Nats from which it is strong evidence: 84 refreshes of a family within seconds.
    burst_nats: int = 50

    def __post_init__(self) -> None:
        _require(min(self.family_floor, self.subject_floor) > 0, "The cadence floors are counts above 0.")
        _require(0 < self.watch_nats <= self.burst_nats, "Cadence needs 0 < watch_nats <= burst_nats.")


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The scores (probabilities) from which an event is quarantined and revoked; what is flagged below is watched."""

    quarantine: float = 0.5
    revoke: float = 0.95

    def __post_init__(self) -> None:
        _require(0 < self.quarantine <= self.revoke <= 1, "Thresholds need 0 < quarantine <= revoke <= 1.")


@dataclass(frozen=True, slots=True)
class DetectorConfig:
    """All of it, and how much may be remembered."""

    reuse: ReuseConfig = field(default_factory=ReuseConfig)
    travel: TravelConfig = field(default_factory=TravelConfig)
    cadence: CadenceConfig = field(default_factory=CadenceConfig)
    thresholds: Thresholds = field(default_factory=Thresholds)
    #: Tracked keys of one partition; `docs/performance.md` has the bytes each costs.
    families: int = 1_000_000
    subjects: int = 1_000_000

    def __post_init__(self) -> None:
        _require(
            min(self.families, self.subjects) >= SMALLEST,
            f"The detector needs room for at least {SMALLEST} families and subjects.",
        )

    @property
    def hash(self) -> str:
        """Names this configuration: equal ones have equal names, 8 hexadecimal digits."""
        plain = asdict(self)
        plain["reuse"]["client_leeway_ms"] = sorted(self.reuse.client_leeway_ms.items())
        return blake2b(repr(plain).encode(), digest_size=4).hexdigest()
