"""The slow twin's part about places: travel and novelty in plain Python, one event at a time."""

import math
from fractions import Fraction
from typing import Any

from detector.config import TravelConfig

DAY = 86_400
LOGIN = 1
KEPT, TODAY = 6, 3
SUBJECT_WIDTH = {"device": 4, "asn": 4, "country": 3, "agent": 4}
FAMILY_WIDTH = dict.fromkeys(SUBJECT_WIDTH, 2)


class Familiar:
    """The networks that a subject is used to; a day's networks count from the next day on."""

    def __init__(self) -> None:
        self.day, self.today = 0, list[int]()
        self.before: list[tuple[int, int]] = []

    def turn(self, day: int) -> None:
        """Close the days before."""
        if day == self.day:
            return
        for network in self.today:
            days = dict(self.before).get(network, 0)
            others = [entry for entry in self.before if entry[0] != network]
            self.before = [(network, min(days + 1, 255)), *others][:KEPT]
        self.day, self.today = day, []

    def knows(self, network: int, least_days: int) -> bool:
        """Whether the network was seen on so many days before."""
        return bool(network) and dict(self.before).get(network, 0) >= min(least_days, 255)

    def learn(self, network: int) -> None:
        """Note a network of today."""
        if network and network not in self.today and len(self.today) < TODAY:
            self.today.append(network)


class Places:
    """Where one subject was."""

    def __init__(self) -> None:
        self.place: dict[str, int] | None = None
        self.former: dict[str, int] | None = None
        self.familiar = Familiar()

    def travel(
        self, event: dict[str, int], seen: int, fresh: bool, served: tuple[bool, bool], config: TravelConfig
    ) -> int:
        """The grade of the event; `seen` is the latest second of the subject."""
        self.familiar.turn(seen // DAY)
        if not fresh or event["kind"] > LOGIN or served[1]:
            return 0
        event = event | {"vague": served[0] or event["asn"] in config.vague_asns}
        grade = self.grade(event, config) if event["accuracy"] >= 0 else 0
        if not grade and not event["outcome"]:
            self.familiar.learn(event["network"] >> 32)
        return grade

    def grade(self, event: dict[str, int], config: TravelConfig) -> int:
        """Judge a located event, and go there."""
        before, former = self.place, self.former
        moved = before is not None and is_move(before, event)
        if before is None or event["at"] >= before["at"]:
            self.place = event
            self.former = before if moved else former
        if before is None or not moved or not impossible(before, event, config):
            return 0
        ends = [one["network"] >> 32 for one in (before, event)]
        if all(self.familiar.knows(network, config.familiar_days) for network in ends):
            return 0
        if before["vague"] or event["vague"]:
            return 1
        return 3 if former is not None and is_return(former, event, config) else 2


def is_move(a: dict[str, int], b: dict[str, int]) -> bool:
    """Another position on another network."""
    elsewhere = (a["lat"], a["lon"]) != (b["lat"], b["lon"])
    return elsewhere and (b["network"] >> 32 == 0 or a["network"] >> 32 != b["network"] >> 32)


def impossible(before: dict[str, int], event: dict[str, int], config: TravelConfig) -> bool:
    """Whether nobody can have come here in the time."""
    elapsed = abs(event["at"] - before["at"])
    km = max(distance_km(before, event) - before["accuracy"] - event["accuracy"], 0)
    hour = Fraction(3_600_000)
    quickest = min(km * hour / config.rail_kmh, config.overhead_ms + km * hour / config.flight_kmh)
    too_soon: bool = elapsed < math.floor(quickest) - config.slack_ms
    return too_soon and elapsed <= config.horizon_ms and km > config.floor_km


def is_return(former: dict[str, int], event: dict[str, int], config: TravelConfig) -> bool:
    """Whether the event is back where the subject was a short while ago."""
    network = event["network"] >> 32
    back = (network and network == former["network"] >> 32) or distance_km(former, event) <= config.floor_km
    return bool(back) and abs(event["at"] - former["at"]) <= config.return_ms


class Client:
    """The networks from which one client refreshes for many; an hour's voices count from the next hour on."""

    def __init__(self) -> None:
        self.hour = self.people = 0
        self.voices: dict[int, int] = {}
        self.servers: set[int] = set()

    def turn(self, hour: int, config: TravelConfig) -> None:
        """Close the hour before."""
        if hour == self.hour:
            return
        voices, networks = sum(self.voices.values()), len(self.voices)
        if networks > config.server_networks:
            self.servers, self.people = set(), self.hour + 24
        elif self.hour >= self.people and voices >= max(config.server_subjects, networks * config.server_share):
            self.servers = {network for network, count in self.voices.items() if count >= config.server_share}
        self.hour, self.voices = hour, {}

    def knows(self, event: dict[str, int]) -> bool:
        """Whether the event comes from one of the servers."""
        return event["network"] >> 32 in self.servers

    def hear(self, network: int) -> None:
        """Count a voice."""
        self.voices[network] = self.voices.get(network, 0) + 1


def served(client: Any, subject: Any, event: dict[str, int], fresh: bool, config: TravelConfig) -> tuple[bool, bool]:
    """Whether the event's client refreshes from servers, and whether this event comes from one; and learn."""
    if not client:
        return False, False
    here, network = client["client"], event["network"] >> 32
    here.turn(client["seen"] // 3600, config)
    if subject and network and fresh and not event["kind"] and not event["outcome"]:
        hour = subject["seen"] // 3600
        if hour != subject["voice"]:
            here.hear(network)
        subject["voice"] = hour
    return bool(here.servers), here.knows(event)


class Known:
    """The last changes of each trait of one key, the latest first."""

    def __init__(self, width: dict[str, int]) -> None:
        self.width = width
        self.changes: dict[str, list[int]] = {trait: [] for trait in width}

    def see(self, event: dict[str, int], taught: bool) -> list[str]:
        """Which traits are new."""
        new = []
        for trait, width in self.width.items():
            value = event[trait] >> 32 if trait in ("device", "agent") else event[trait]
            changes = self.changes[trait]
            if not value:
                continue
            new += [trait] * (bool(changes) and value not in changes)
            if taught and changes[:1] != [value]:
                self.changes[trait] = [value, *changes][:width]
        return new


def novelty(
    family: Known | None, subject: Known | None, event: dict[str, int], fresh: bool, taught: bool
) -> tuple[int, bool]:
    """The grade: one for each trait new to the subject, five for each that changed in the family; and other hands."""
    if not fresh or event["kind"] > LOGIN:
        return 0, False
    mine = subject.see(event, taught) if subject else []
    kin = family.see(event, taught) if family else []
    return len(mine) + 5 * len(kin), "device" in kin


def distance_km(a: dict[str, int], b: dict[str, int]) -> int:
    """Whole kilometres of the great circle (haversine)."""
    p, q, m, n = (math.radians(x / 100) for x in (a["lat"], b["lat"], a["lon"], b["lon"]))
    h = math.sin((q - p) / 2) ** 2 + math.cos(p) * math.cos(q) * math.sin((n - m) / 2) ** 2
    return math.floor(2 * 6371.0088 * math.asin(min(1, math.sqrt(h))))


def remembered() -> dict[str, Any]:
    """What a new key of either kind begins with."""
    return {
        "places": Places(),
        "client": Client(),
        "voice": 0,
        "known": Known(SUBJECT_WIDTH),
        "kin": Known(FAMILY_WIDTH),
    }
