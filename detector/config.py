"""The configuration of the core: frozen values, one a signal, checked when made; behaviour is built from them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from hashlib import blake2b

from detector.odds import Odds
from detector.table import SMALLEST
from detector.weights import ODDS

MOST_LEEWAY_MS = 60_000
"""No provider offers a longer grace period."""

MOST_SERVER_NETWORKS = 8
"""A client's servers stand in one or a few data centres; this is how many networks are remembered of them."""


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
    #: There and back within this time is far stronger than there alone (1 in 147,857 honest pairs in the trial).
    return_ms: int = 3_600_000
    #: A network is familiar to a subject that was seen there on so many days.
    familiar_days: int = 2
    #: AS numbers whose addresses say little about where people are: VPNs, relays, satellites, mobile carriers.
    vague_asns: frozenset[int] = frozenset()
    #: A client is one of servers after an hour in which it refreshed for so many subjects (`detector.servers`); fewer
    #: are an office or a family behind one address.
    server_subjects: int = 20
    #: With so many subjects a network: people's applications have about one a network, a carrier's few.
    server_share: int = 10
    #: More networks than this in an hour are people's.
    server_networks: int = MOST_SERVER_NETWORKS

    def __post_init__(self) -> None:
        _require(self.floor_km >= 0, "The travel floor is a distance in km, 0 or more.")
        _require(min(self.rail_kmh, self.flight_kmh) > 0, "Travel speeds are in km/h and above 0.")
        times = (self.horizon_ms, self.overhead_ms, self.slack_ms, self.return_ms)
        _require(min(times) >= 0, "Travel times are 0 or more.")
        _require(self.familiar_days >= 1, "A network is familiar after 1 day or more.")
        _require(0 < self.server_share <= self.server_subjects, "Servers need 0 < server_share <= server_subjects.")
        networks = range(1, MOST_SERVER_NETWORKS + 1)
        _require(self.server_networks in networks, f"The networks of servers are 1 to {MOST_SERVER_NETWORKS}.")


@dataclass(frozen=True, slots=True)
class CadenceConfig:
    """Refreshes with a half-life of 5 minutes against the key's own record (`detector.pace`)."""

    #: No record is taken to be lower: a family with a 5-minute token has a level of 1.4, with ten tabs 14.
    family_floor: int = 20
    #: A person with several devices and applications.
    subject_floor: int = 40
    #: Nats of surprise from which a burst is watched; an hour that surprised by more teaches nothing.
    watch_nats: int = 20
    #: Nats from which it is strong evidence: 84 refreshes of a family within seconds.
    burst_nats: int = 50

    def __post_init__(self) -> None:
        _require(min(self.family_floor, self.subject_floor) > 0, "The cadence floors are counts above 0.")
        _require(0 < self.watch_nats <= self.burst_nats, "Cadence needs 0 < watch_nats <= burst_nats.")


@dataclass(frozen=True, slots=True)
class SpreadConfig:
    """Strangers: pairs of family and origin that met for the first time less than an hour ago (`signals.spread`).

    The constants are those of the design's trial on the DARPA stream; `docs/detection.md` has the figures.
    """

    #: No record of events of one pair is taken to be lower.
    pair_floor: int = 20
    #: Likewise of strangers' weighted events at a family, and of an origin's.
    family_floor: int = 200
    origin_floor: int = 100
    #: Nats of surprise, without the margin, above which a pair's level is not learnt.
    hold_nats: int = 20
    #: An hour in which strangers surprised by more teaches nothing at all.
    hour_nats: int = 50

    def __post_init__(self) -> None:
        _require(min(self.pair_floor, self.family_floor, self.origin_floor) > 0, "Spread floors are counts above 0.")
        _require(0 < self.hold_nats <= self.hour_nats, "Spread needs 0 < hold_nats <= hour_nats.")


@dataclass(frozen=True, slots=True)
class Quiet:
    """A span of stream time, epoch milliseconds, in which an issuer's refusals are explained: an announced rollover."""

    issuer: int
    begins: int
    ends: int


@dataclass(frozen=True, slots=True)
class FailureConfig:
    """Refused refreshes with a half-life of 5 minutes against the key's own record."""

    #: No family's record is taken to be lower: a client that retries every few seconds through an outage.
    family_floor: int = 20
    #: No origin's record of refused strangers is taken to be lower, in weighted refusals: a foreign token counts 4, one
    #: that had ended or expired 1 (phones wake up in other networks every day).
    origin_floor: int = 40
    #: Nats above which a level is not learnt; of a family, nothing of that hour is.
    hold_nats: int = 20
    #: Announced signing-key rollovers: refusals within are not counted.
    rollovers: tuple[Quiet, ...] = ()

    def __post_init__(self) -> None:
        _require(min(self.family_floor, self.origin_floor) > 0, "Failure floors are counts above 0.")
        _require(self.hold_nats > 0, "Failure needs hold_nats above 0.")


@dataclass(frozen=True, slots=True)
class SystemicConfig:
    """When a sign is held for a whole population (`detector.systemic`)."""

    #: No segment's record of families with the sign is taken to be lower, by cause; half-life 5 min (travel: 3 h).
    reuse_floor: int = 2
    travel_floor: int = 3
    volume_floor: int = 5
    #: Nats of surprise from which the evidence is held.
    hold_nats: int = 5
    #: And the share of the segment's active families that show it, in thousandths.
    least_share_permille: int = 20
    #: The same of travel: only those who change networks can show it, some one in twenty within the hours that count.
    travel_share_permille: int = 5
    #: How long it stays held after the last surprise.
    hold_ms: int = 15 * 60_000

    def __post_init__(self) -> None:
        _require(min(self.reuse_floor, self.travel_floor, self.volume_floor) > 0, "Systemic floors are above 0.")
        _require(self.hold_nats > 0, "Systemic needs hold_nats above 0.")
        shares = {self.least_share_permille, self.travel_share_permille}
        _require(shares <= set(range(1001)), "The systemic share is in thousandths, 0 to 1000.")
        _require(self.hold_ms >= 0, "The systemic hold is a time of 0 or more.")


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The scores (probabilities) from which an event is watched, quarantined and revoked."""

    watch: float = 0.001
    quarantine: float = 0.5
    revoke: float = 0.95

    def __post_init__(self) -> None:
        _require(0 < self.watch <= self.quarantine, "Thresholds need 0 < watch <= quarantine.")
        _require(0 < self.quarantine <= self.revoke <= 1, "Thresholds need 0 < quarantine <= revoke <= 1.")


@dataclass(frozen=True, slots=True)
class DetectorConfig:
    """All of it, and how much may be remembered."""

    reuse: ReuseConfig = field(default_factory=ReuseConfig)
    travel: TravelConfig = field(default_factory=TravelConfig)
    cadence: CadenceConfig = field(default_factory=CadenceConfig)
    spread: SpreadConfig = field(default_factory=SpreadConfig)
    failure: FailureConfig = field(default_factory=FailureConfig)
    systemic: SystemicConfig = field(default_factory=SystemicConfig)
    thresholds: Thresholds = field(default_factory=Thresholds)
    odds: Odds = ODDS
    #: Tracked keys of one partition; `docs/performance.md` has the bytes each costs.
    families: int = 1_000_000
    subjects: int = 1_000_000
    #: Pairs of family and address: those of the last day or so.
    pairs: int = 2_000_000
    #: Segments: clients, their releases, autonomous systems and issuers, each with the three causes.
    segments: int = 50_000
    #: Clients whose servers are learnt.
    clients: int = 10_000
    #: At the origin stage: addresses, autonomous systems and programs.
    origins: int = 1_000_000

    def __post_init__(self) -> None:
        _require(
            min(self.families, self.subjects, self.pairs, self.segments, self.clients, self.origins) >= SMALLEST,
            f"The detector needs room for at least {SMALLEST} of each kind of key.",
        )

    @property
    def hash(self) -> str:
        """Names this configuration: equal ones have equal names, 8 hexadecimal digits."""
        plain = [(f.name, getattr(self, f.name)) for f in fields(self) if f.name not in {"reuse", "travel", "odds"}]
        leeways = sorted(self.reuse.client_leeway_ms.items())
        travel = replace(self.travel, vague_asns=frozenset()), sorted(self.travel.vague_asns)
        told = repr((plain, self.reuse.leeway_ms, leeways, travel))
        return blake2b(told.encode(), digest_size=4).hexdigest()
