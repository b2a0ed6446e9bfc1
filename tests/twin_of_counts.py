"""Decayed counts, records, pairs and populations in plain Python, one event at a time: the oracle's arithmetic."""

import math
from collections import defaultdict
from typing import Any, NamedTuple

from detector.config import SystemicConfig

ONE = 4096
WEIGHT = [round(2 ** (12 + s / 300)) for s in range(3600)]
REST = [round(65536 * 2 ** (-(s % 300) / 300)) for s in range(3600)]
FADE = [round(65536 * 2 ** (-h / 168)) for h in range(4096)]
LOGS = [round(65536 * math.log2(1 + i / 4096)) for i in range(4097)]
MOST_RECORD = 2**31 - 2
RELEASE, CLIENT, NETWORK, ISSUER = 1, 2, 3, 4
CAUSES = ("systemic.reuse", "systemic.travel", "systemic.volume")
JUDGED = {
    RELEASE: (True, False, True),
    CLIENT: (True, False, True),
    NETWORK: (False, True, True),
    ISSUER: (True, True, True),
}
MIX, BITS = 0x9E3779B97F4A7C15, 2**64


def log2(value: int) -> int:
    """16 fractional bits, as the recipe defines it: 4096 mantissas, interpolated."""
    exponent = value.bit_length() - 1
    mantissa = (value << 24 >> exponent) - (1 << 24)
    low, part = LOGS[mantissa >> 12], mantissa & 4095
    return (exponent << 16) + low + ((LOGS[(mantissa >> 12) + 1] - low) * part >> 12)


def surprise(level: int, expected: int) -> int:
    """Nats times 4096."""
    if level <= expected:
        return 0
    return max((level * ((log2(level) - log2(expected)) * 45426 >> 16) >> 16) - (level - expected), 0)


class Count:
    """A count whose half-life is 5 minutes."""

    def __init__(self) -> None:
        self.hour = self.sum = 0

    def add(self, second: int, weight: int) -> int:
        """The level with the event, times 4096."""
        hour, s = divmod(second, 3600)
        self.sum >>= min(12 * (hour - self.hour), 63)
        self.hour = hour
        self.sum += WEIGHT[s] * weight
        return max((self.sum >> s // 300) * REST[s] >> 16, 1)


class Record:
    """The highest level of closed hours; what an hour may teach."""

    def __init__(self) -> None:
        self.hour = self.record = 0
        self.best: dict[int, int] = defaultdict(int)
        self.spoilt: set[int] = set()

    def see(self, second: int, level: int, *, floor: int, hold: int = 0, spoil: int = 0) -> int:
        """The surprise of the level, times 4096; and learn from it."""
        hour = second // 3600
        if hour != self.hour:
            due = [0 if h in self.spoilt else best for h, best in self.best.items() if h <= hour - 2]
            self.record = max(self.record, *due, 0) * FADE[min(hour - self.hour, 4095)] >> 16
            self.best = defaultdict(int, {h: best for h, best in self.best.items() if h > hour - 2})
            self.hour = hour
        nats = surprise(level, max(self.record + self.record // 2, floor * ONE))
        if not hold or surprise(level, max(self.record, floor * ONE)) <= hold * ONE:
            self.best[hour] = max(self.best[hour], min(level, MOST_RECORD))
        if spoil and nats > spoil * ONE:
            self.spoilt.add(hour)
            self.best[hour] = max(self.best[hour], 1)
        return nats

    def turn(self, second: int) -> None:
        """Time passes, and nothing is to be learnt."""
        self.see(second, 0, floor=1)


class Pair:
    """A family and an address."""

    def __init__(self) -> None:
        self.seen = self.met = 0
        self.count = Count()

    def meet(self, second: int, counted: int) -> tuple[bool, bool, int]:
        """Whether this is a contact, whether they are strangers, and how busy they are."""
        latest = max(self.seen, second)
        if latest - self.seen > 86_400:
            self.met = latest
        contact, stranger = latest - self.seen > 3600, latest - self.met < 3600
        self.seen = latest
        return bool(contact and counted), bool(stranger and counted), self.count.add(latest, counted)


class Held(NamedTuple):
    """What a population says of one event."""

    causes: tuple[bool, bool, bool]
    incident: int


class Signs(NamedTuple):
    """Which causes an event shows, and of which it bears evidence that may be held."""

    shown: list[bool]
    evidence: list[bool]


class Population:
    """One segment."""

    def __init__(self) -> None:
        self.seen = 0
        self.counts = [Count() for _ in range(5)]
        self.records = [Record() for _ in range(3)]
        self.until = [0, 0, 0]


def segments(event: dict[str, int]) -> dict[int, int]:
    """The keys of the event's segments; 0: it has none."""
    release = event["client"] ^ event["release"] * MIX % BITS if event["client"] and event["release"] else 0
    plain = {RELEASE: release, CLIENT: event["client"], NETWORK: event["asn"], ISSUER: event["issuer"]}
    return {kind: ((key + kind) * MIX % BITS | 1 if key else 0) for kind, key in plain.items()}


def systemic(memory: Any, event: dict[str, int], weights: list[int], signs: Signs, config: SystemicConfig) -> Held:
    """Count the signs in each segment of the event, and find which are held."""
    left, evidence, held = list(signs.shown), list(signs.evidence), [False] * 3
    begins, shares = [False] * 3, {kind: [0, 0, 0] for kind in JUDGED}
    quieted: list[int] = []
    for kind, key in segments(event).items():
        if not key:
            continue
        weights = [0 if place in quieted else weight for place, weight in enumerate(weights)]
        here = memory.of(key)["population"]
        here.seen = max(here.seen, event["at"] // 1000)
        memory.of(key)["seen"] = here.seen
        seconds = [here.seen] * 3 + [here.seen // 36] * 2
        levels = [count.add(*told) for count, *told in zip(here.counts, seconds, weights, strict=True)]
        told_by = ((1, 0, config.reuse_floor), (4, 3, config.travel_floor), (2, 0, config.volume_floor))
        for cause, (place, base, floor) in enumerate(told_by):
            level, active, second = levels[place], levels[base], seconds[place]
            judged = left[cause] and JUDGED[kind][cause]
            shares[kind][cause] = level * 1000 // max(active, level)
            nats = 0
            if judged:
                nats = here.records[cause].see(second, level, floor=floor, hold=config.hold_nats)
            else:
                here.records[cause].turn(second)
            least = config.travel_share_permille if cause == 1 else config.least_share_permille
            enough = least <= shares[kind][cause] <= (1000, 500, 1000)[cause]
            if nats >= config.hold_nats * ONE and enough:
                begins[cause] |= here.until[cause] < here.seen
                here.until[cause] = max(here.until[cause], here.seen + config.hold_ms // 1000 * (1, 36, 1)[cause])
            if evidence[cause] and JUDGED[kind][cause] and here.until[cause] >= here.seen:
                held[cause], left[cause], evidence[cause] = True, False, False
                quieted = [*quieted, place]
    return Held((held[0], held[1], held[2]), widest(begins, shares))


def widest(begins: list[bool], shares: dict[int, list[int]]) -> int:
    """Of what begins, the widest segment that is hit at least half as evenly as the hardest hit."""
    incident = 0
    for cause in range(3):
        most = max(share[cause] for share in shares.values())
        for kind, share in shares.items():
            if begins[cause] and JUDGED[kind][cause] and 0 < most <= share[cause] * 2:
                incident = kind
    return incident
