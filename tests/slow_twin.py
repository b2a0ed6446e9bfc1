"""The engine in plain Python, one event at a time: the oracle. Written from the design, not from the engine's code.

It knows dictionaries, integers and lists; no numpy, no sorting, no batches. Distances come from `math` and are compared
far from their edges only (the builders keep away from them), levels and records are exact integers.
"""

import math
from collections import defaultdict, deque
from typing import Any

from detector.config import DetectorConfig
from tests import twin_of_places

MUCH = 1 << 60
REFRESH, LOGIN, LOGOUT, REVOKED = range(4)
REUSE, STALE, ENDED = 3, 4, 5
ONE = 4096
WEIGHT = [round(2 ** (12 + s / 300)) for s in range(3600)]
REST = [round(65536 * 2 ** (-(s % 300) / 300)) for s in range(3600)]
FADE = [round(65536 * 2 ** (-h / 168)) for h in range(4096)]
LOGS = [round(65536 * math.log2(1 + i / 4096)) for i in range(4097)]


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
    return (level * ((log2(level) - log2(expected)) * 45426 >> 16) >> 16) - (level - expected)


class Pace:
    """One key's level and record."""

    def __init__(self) -> None:
        self.hour = self.sum = self.record = 0
        self.best: dict[int, int] = defaultdict(int)

    def see(self, second: int, counts: bool, floor: int, hold: int) -> tuple[int, int]:
        """Count an event; the level and its surprise, times 4096."""
        hour, s = divmod(second, 3600)
        if hour != self.hour:
            passed = hour - self.hour
            due = [best for h, best in self.best.items() if h <= hour - 2]
            self.record = max(self.record, *due, 0) * FADE[min(passed, 4095)] >> 16
            self.best = defaultdict(int, {h: best for h, best in self.best.items() if h > hour - 2})
            self.sum >>= min(12 * passed, 63)
            self.hour = hour
        self.sum += WEIGHT[s] * counts
        level = max((self.sum >> s // 300) * REST[s] >> 16, 1)
        if surprise(level, max(self.record, floor * ONE)) <= hold * ONE:
            self.best[hour] = max(self.best[hour], level)
        return level, surprise(level, max(self.record + self.record // 2, floor * ONE))


class Memory(dict[int, dict[str, Any]]):
    """What is remembered by key; when full, the quarter not seen for longest goes."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity

    def of(self, key: int) -> dict[str, Any]:
        """What is remembered of the key."""
        if key not in self:
            self[key] = {
                "seen": -1, "recent": deque(maxlen=4), "rotations": deque(maxlen=5), "ended": False,
                "pace": Pace(), **twin_of_places.remembered(),
            }  # fmt: skip
        return self[key]

    def make_room(self, key: int) -> None:
        """Forget a quarter if the key is new and the memory full."""
        if key and key not in self and len(self) == self.capacity:
            for old in sorted(self, key=lambda k: (self[k]["seen"], k))[: self.capacity // 4]:
                del self[old]


class SlowTwin:
    """`process` takes one event, a dict of the batch's columns, and gives (reasons, score) or None."""

    def __init__(self, config: DetectorConfig) -> None:
        self.config = config
        self.families, self.subjects = Memory(config.families), Memory(config.subjects)

    def process(self, event: dict[str, int]) -> tuple[tuple[str, ...], float] | None:
        """Judge one event and learn from it."""
        self.families.make_room(event["family"])
        self.subjects.make_room(event["subject"])
        family = self.families.of(event["family"]) if event["family"] else None
        subject = self.subjects.of(event["subject"]) if event["subject"] else None
        fresh = not (family and event["event"] and event["event"] in family["recent"])
        finding = self.reuse(family, event, fresh) if family else None
        nats = 0
        for memory, floor in ((family, self.config.cadence.family_floor), (subject, self.config.cadence.subject_floor)):
            if memory:
                memory["seen"] = max(memory["seen"], event["at"])
                counts = fresh and event["kind"] == REFRESH
                _, own = memory["pace"].see(memory["seen"] // 1000, counts, floor, self.config.cadence.watch_nats)
                nats = max(nats, own if counts else 0)
        travel = 0
        if subject:
            travel = subject["places"].travel(event, subject["seen"], fresh, self.config.travel)
        taught = travel < 2 and finding not in ("theft_suspected", "theft_confirmed")
        kin, known = family["kin"] if family else None, subject["known"] if subject else None
        return self.verdict(finding, travel, nats, twin_of_places.novelty(kin, known, event, fresh, taught))

    def verdict(self, finding: str | None, travel: int, nats: int, new: int) -> tuple[tuple[str, ...], float] | None:
        """Weigh what the signals say."""
        watched, burst = (nats >= n * ONE for n in (self.config.cadence.watch_nats, self.config.cadence.burst_nats))
        named = [
            (finding, f"reuse.{finding}"), (travel, "travel.impossible"), (watched, "cadence.burst"),
            (travel == 3, "travel.return"), (new % 5, "novelty.subject"), (new >= 5, "novelty.family"),
        ]  # fmt: skip
        reasons = tuple(reason for present, reason in named if present)
        odds = -9210 + {"theft_suspected": 9900, "theft_confirmed": 14000}.get(finding or "", 0)
        odds += (0, 5000, 9900, 11500)[travel] + (9900 if burst else 5000 * watched)
        odds += max(weight for edge, weight in ((0, 0), (1, 300), (5, 1500), (10, 3500), (15, 4500)) if new >= edge)
        score = round(1 / (1 + math.exp(-min(odds, 16000) / 1000)), 6)
        return (reasons, score) if finding or score >= self.config.thresholds.watch else None

    def reuse(self, family: dict[str, Any], event: dict[str, int], fresh: bool) -> str | None:
        """What becomes of the token presented, and the family's memory of it."""
        ended = family["ended"]
        outcome = self.triage(family, event, ended) if fresh and event["kind"] == REFRESH else None
        family["recent"].append(event["event"])
        if fresh and not event["outcome"]:
            if event["kind"] in (LOGOUT, REVOKED):
                family["ended"] = True
            if event["kind"] == LOGIN:
                family["ended"] = False
            rotates = event["kind"] == REFRESH and event["token"] and event["token"] != event["successor"]
            if event["successor"] and (rotates or event["kind"] == LOGIN):
                used = 0 if event["kind"] == LOGIN else event["token"]
                place = (event["at"], event["device"] >> 32, event["network"] >> 32)
                family["rotations"].appendleft((used, event["successor"], *place))
        return outcome

    def triage(self, family: dict[str, Any], event: dict[str, int], ended: bool) -> str | None:  # noqa: PLR0911 - one return an outcome
        """The table of outcomes, first match wins."""
        refused, fault = bool(event["outcome"]), event["fault"]
        if refused and (fault == ENDED or ended):
            return "stale_after_logout"
        rotations = list(family["rotations"])
        live = bool(rotations) and event["token"] == rotations[0][1]
        mine = [r for r in rotations if event["token"] and not live and r[0] == event["token"]]
        if not refused and any(r[1] == event["successor"] for r in mine):
            return None  # this very rotation, delivered again
        counted = event["generation"] >= 0 and event["latest_generation"] >= 0
        behind = max(event["latest_generation"] - event["generation"] - (not refused), 0) if counted else 0
        if not mine and fault not in (REUSE, STALE) and not behind:
            return None
        used = {r[0] for r in rotations}
        succeeded = any(r[1] in used for r in mine)
        old = behind > 1 if counted else (bool(mine) and all(r[1] in used for r in mine)) or fault == STALE
        first = max((i for i, r in enumerate(rotations) if r in mine), default=0)
        then = rotations[first] if rotations else (0, 0, -MUCH, 0, 0)
        device, network = event["device"] >> 32, event["network"] >> 32
        other_device = bool(device and then[3] and device != then[3])
        other_network = bool(network and then[4] and network != then[4])
        same_device = bool(device and device == then[3])
        leeway = self.config.reuse.client_leeway_ms.get(event["client"], self.config.reuse.leeway_ms)
        brief = abs(event["at"] - then[2]) <= leeway
        earlier = {r[4] for r in rotations[first + 1 :]} - {0} if mine else set()
        returned = other_network and not same_device and network in earlier and then[4] not in earlier
        if old or (other_device and other_network and succeeded) or (returned and not brief):
            return "theft_confirmed"
        same = bool(rotations) and not other_device and not other_network
        if same and not succeeded:
            return "benign_retry"
        if (same or same_device) and succeeded and brief:
            return "concurrent_client"
        return "theft_suspected"
