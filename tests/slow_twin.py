"""The engine in plain Python, one event at a time: the oracle. Written from the design, not from the engine's code.

It knows dictionaries, integers and lists; no numpy, no sorting, no batches. Distances come from `math` and are compared
far from their edges only (the builders keep away from them), levels and records are exact integers.
"""

import math
from collections import deque
from collections.abc import Iterable
from typing import Any, NamedTuple

from detector.config import DetectorConfig
from detector.odds import GROUPS, Odds
from tests import twin_of_places
from tests.twin_of_counts import CAUSES, ONE, Count, Held, Pair, Population, Record, Signs, segments, systemic

MUCH = 1 << 60
REFRESH, LOGIN, LOGOUT, REVOKED = range(4)
REUSE, STALE, ENDED, EXPIRED = 3, 4, 5, 6
FINDINGS = [None, "benign_retry", "concurrent_client", "stale_after_logout", "theft_suspected", "theft_confirmed"]
HELD = {"systemic.reuse": ["reuse"], "systemic.travel": ["travel"], "systemic.volume": ["cadence", "failure", "spread"]}
TRAVEL_RETURN, FAMILY_GRADE, STIRRING = 3, 5, 5
MIX, BITS = 0x9E3779B97F4A7C15, 2**64


class Memory(dict[int, dict[str, Any]]):
    """What is remembered by key; when full, the quarter not seen for longest goes."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity

    def of(self, key: int) -> dict[str, Any]:
        """What is remembered of the key."""
        if key not in self:
            self[key] = {
                "seen": 0, "recent": deque(maxlen=4), "rotations": deque(maxlen=4), "ended": 0,
                "cadence": (Count(), Record()), "failure": (Count(), Record()), "spread": (Count(), Record()),
                "slots": [0, 0, 0, 0, 0], "excused": 0, "pair": Pair(), "population": Population(),
                **twin_of_places.remembered(),
            }  # fmt: skip
        return self[key]

    def make_room(self, keys: Iterable[int]) -> None:
        """Forget a quarter, as often as the new ones among the keys want room."""
        while len(self) + len({key for key in keys if key and key not in self}) > self.capacity:
            for old in sorted(self, key=lambda k: (self[k]["seen"], k))[: self.capacity // 4]:
                del self[old]


class Reuse(NamedTuple):
    """What was found of a token."""

    finding: str | None = None
    at_home: bool = False
    revived: bool = False


class SlowTwin:
    """`process` takes one event, a dict of the batch's columns, and gives (reasons, score) or None."""

    def __init__(self, config: DetectorConfig) -> None:
        self.config = config
        self.families, self.subjects = Memory(config.families), Memory(config.subjects)
        self.pairs, self.populations = Memory(config.pairs), Memory(config.segments)
        self.clients = Memory(config.clients)
        #: What was found of the latest event: by channel, of its population, and whether its family had ended.
        self.grades: dict[str, int] = {}
        self.held = Held((False, False, False), 0)
        self.revived = False

    def process(self, event: dict[str, int]) -> tuple[tuple[str, ...], float] | None:
        """Judge one event and learn from it."""
        pair = self.pair_key(event)
        for memory, keys in (
            (self.families, [event["family"]]), (self.subjects, [event["subject"]]), (self.pairs, [pair]),
            (self.populations, segments(event).values()), (self.clients, [event["client"]]),
        ):  # fmt: skip
            memory.make_room(keys)
        second = event["at"] // 1000
        family = self.families.of(event["family"]) if event["family"] else None
        subject = self.subjects.of(event["subject"]) if event["subject"] else None
        client = self.clients.of(event["client"]) if event["client"] else None
        for known in (family, subject, client):
            if known:
                known["seen"] = max(known["seen"], second)
        fresh = not (family and event["event"] and event["event"] % 2**32 in family["recent"])
        reuse = self.reuse(family, event, fresh) if family else Reuse()
        met = (False, False, 0)
        if pair:
            met = self.pairs.of(pair)["pair"].meet(second, int(fresh))
            self.pairs.of(pair)["seen"] = self.pairs.of(pair)["pair"].seen
        served = twin_of_places.served(client, subject, event, fresh, self.config.travel)
        travel = subject["places"].travel(event, subject["seen"], fresh, served, self.config.travel) if subject else 0
        taught = travel < 2 and reuse.finding not in ("theft_suspected", "theft_confirmed")
        kin, known = family["kin"] if family else None, subject["known"] if subject else None
        new, hands = twin_of_places.novelty(kin, known, event, fresh, taught)
        refused = bool(
            fresh and event["kind"] == REFRESH and event["outcome"] and event["fault"] not in (ENDED, EXPIRED)
        )
        grades = {
            "reuse": FINDINGS.index(reuse.finding),
            "travel": travel,
            "cadence": self.cadence(family, subject, event, fresh) // ONE,
            "failure": self.failure(family, refused) // ONE,
            "spread": self.spread(family, met) // ONE,
            "novelty": new,
        }
        suspected = reuse.finding in ("theft_suspected", "theft_confirmed") and reuse.at_home
        known_refused, moved = refused and not met[0], travel > 0 and not hands
        loud = any(grades[channel] for channel in ("cadence", "failure", "spread")) and not hands
        signs = [
            suspected,
            moved and travel > 1 and not event["outcome"],
            (grades["cadence"] >= STIRRING and not hands) or known_refused,
        ]
        evidence = [suspected, moved, loud or refused]
        weights = self.slots(family, event, signs)
        asked = any(grades.values()) or reuse.revived
        chosen = asked or any([*weights, *signs, *evidence])
        held = Held((False, False, False), 0)
        if chosen:
            held = systemic(self.populations, event, weights, Signs(signs, evidence), self.config.systemic)
        if family:
            held = self.excused(family, held, evidence[2])
        told = asked or held.incident
        self.grades, self.revived = grades, reuse.revived
        self.held = held if told else Held((False, False, False), 0)
        return self.verdict(grades, held, reuse.revived) if told else None

    def excused(self, family: Any, held: Held, evidence: bool) -> Held:
        """What was held of the family's volume is held on wherever it shows."""
        if held.causes[2]:
            family["excused"] = max(family["excused"], family["seen"] + self.config.systemic.hold_ms // 1000)
        return Held((*held.causes[:2], evidence and family["excused"] >= family["seen"]), held.incident)

    def pair_key(self, event: dict[str, int]) -> int:
        """Of a family, or a token without one, and an address; 0 where there is none."""
        who, origin = event["family"] or event["token"], event["origin"]
        asks = event["kind"] in (REFRESH, LOGIN) and who and origin
        return max((who ^ (origin >> 29)) * MIX % BITS ^ origin, 1) if asks else 0

    def cadence(self, family: Any, subject: Any, event: dict[str, int], fresh: bool) -> int:
        """The larger surprise of the two."""
        nats, config = 0, self.config.cadence
        counts = int(fresh and event["kind"] == REFRESH)
        for memory, floor in ((family, config.family_floor), (subject, config.subject_floor)):
            if memory:
                count, record = memory["cadence"]
                calm = counts * (nats == 0)
                level = count.add(memory["seen"], calm)
                if calm:
                    limit = config.watch_nats
                    nats = record.see(memory["seen"], level, floor=floor, hold=limit, spoil=limit)
                else:
                    record.turn(memory["seen"])
        return nats

    def failure(self, family: Any, refused: bool) -> int:
        """Refusals of the family."""
        if not family or not refused:
            return 0
        count, record = family["failure"]
        level, config = count.add(family["seen"], 1), self.config.failure
        return int(
            record.see(family["seen"], level, floor=config.family_floor, hold=config.hold_nats, spoil=config.hold_nats)
        )

    def spread(self, family: Any, met: tuple[bool, bool, int]) -> int:
        """Strangers at the family."""
        if not family or not any(met[:2]):
            return 0
        count, record = family["spread"]
        level = count.add(family["seen"], 12 if met[0] else int(met[1]))
        if not met[1]:
            record.turn(family["seen"])
            return 0
        config = self.config.spread
        return int(record.see(family["seen"], level, floor=config.family_floor, spoil=config.hour_nats))

    def slots(self, family: Any, event: dict[str, int], signs: list[bool]) -> list[int]:
        """What the event adds to its segments' counts: once in five minutes."""
        if not family:
            return [0, 0, 0, 0, 0]
        sampled = event["family"] % 8 == 0
        shown = [(sampled, 8, 300), (signs[0], 1, 300), (signs[2], 1, 300), (sampled, 8, 10_800), (signs[1], 1, 10_800)]
        weights = []
        for place, (shows, weight, seconds) in enumerate(shown):
            slot = family["seen"] // seconds % 65536
            weights.append(weight if shows and slot != family["slots"][place] else 0)
            family["slots"][place] = slot if shows else family["slots"][place]
        return weights

    def verdict(self, grades: dict[str, int], held: Held, revived: bool) -> tuple[tuple[str, ...], float] | None:
        """Weigh what the signals say."""
        odds, config = self.config.odds, self.config
        silent = {channel for cause, shown in zip(CAUSES, held.causes, strict=True) if shown for channel in HELD[cause]}
        alone = {channel: weight(odds, channel, grade) for channel, grade in grades.items()}
        counting = {channel: 0 if channel in silent else w for channel, w in alone.items()}
        total = odds.prior + sum(max(counting.get(channel, 0) for channel in group) for group in GROUPS)
        total = min(max(total, -16000), 16000) // 10 * 10
        score = 1.0 if revived else round(1 / (1 + math.exp(-total / 1000)), 6)
        named = [
            *[(grades["reuse"] == number, f"reuse.{name}") for number, name in enumerate(FINDINGS) if name],
            (alone["travel"], "travel.impossible"), (alone["cadence"], "cadence.burst"),
            (alone["travel"] and grades["travel"] == TRAVEL_RETURN, "travel.return"),
            (alone["spread"], "spread.strangers"), (alone["failure"], "failure.refused"),
            (alone["novelty"] and grades["novelty"] % FAMILY_GRADE, "novelty.subject"),
            (alone["novelty"] and grades["novelty"] >= FAMILY_GRADE, "novelty.family"),
            (revived, "effectiveness.refreshed"), *zip(held.causes, CAUSES, strict=True),
        ]  # fmt: skip
        reasons = tuple(name for present, name in named if present)
        told = grades["reuse"] or revived or any(held.causes) or held.incident or score >= config.thresholds.watch
        return (reasons, score) if told else None

    def reuse(self, family: dict[str, Any], event: dict[str, int], fresh: bool) -> Reuse:
        """What becomes of the token presented, and the family's memory of it."""
        ended, second = family["ended"], event["at"] // 1000
        asks = fresh and event["kind"] == REFRESH
        outcome, at_home = self.triage(family, event, ended > 0) if asks else (None, False)
        revived = asks and not event["outcome"] and 0 < ended < second - 10
        family["recent"].append(event["event"] % 2**32)
        if fresh and not event["outcome"]:
            if event["kind"] in (LOGOUT, REVOKED):
                family["ended"] = max(second, 1)
            if event["kind"] == LOGIN:
                family["ended"] = 0
            rotates = event["kind"] == REFRESH and event["token"] and event["token"] != event["successor"]
            if event["successor"] and (rotates or event["kind"] == LOGIN):
                used = 0 if event["kind"] == LOGIN else event["token"]
                place = (event["at"], event["device"] >> 32, event["network"] >> 32)
                family["rotations"].appendleft((used, event["successor"], *place))
        return Reuse(outcome, at_home, revived)

    def triage(self, family: dict[str, Any], event: dict[str, int], ended: bool) -> tuple[str | None, bool]:  # noqa: PLR0911 - one return an outcome
        """The table of outcomes, first match wins."""
        refused, fault = bool(event["outcome"]), event["fault"]
        if refused and (fault == ENDED or ended):
            return "stale_after_logout", False
        rotations = list(family["rotations"])
        live = bool(rotations) and event["token"] == rotations[0][1]
        mine = [r for r in rotations if event["token"] and not live and r[0] == event["token"]]
        if not refused and any(r[1] == event["successor"] for r in mine):
            return None, False  # this very rotation, delivered again
        counted = event["generation"] >= 0 and event["latest_generation"] >= 0
        behind = max(event["latest_generation"] - event["generation"] - (not refused), 0) if counted else 0
        if not mine and fault not in (REUSE, STALE) and not behind:
            return None, False
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
        same = bool(rotations) and not other_device and not other_network
        if old or (other_device and other_network and succeeded) or (returned and not brief):
            return "theft_confirmed", same
        if same and not succeeded:
            return "benign_retry", True
        if (same or same_device) and succeeded and brief:
            return "concurrent_client", same
        return "theft_suspected", same


def weight(odds: Odds, channel: str, grade: int) -> int:
    """Thousandths of a nat."""
    ladder = odds.ladders[channel]
    return max([w for edge, w in zip(ladder.edges, ladder.weights, strict=True) if grade >= edge], default=0)
