"""The origin stage in plain Python, one tally at a time: the oracle."""

from typing import Any

from detector.config import DetectorConfig
from tests.twin_of_counts import ONE, Count, Record

EVERYDAY = (5, 6)
ADDRESS = 1


class SlowOrigins:
    """`process` takes one tally, a dict of the columns, and gives the grades of failure and spread."""

    def __init__(self, config: DetectorConfig) -> None:
        self.config = config
        self.origins: dict[tuple[int, int], dict[str, Any]] = {}

    def process(self, tally: dict[str, int]) -> tuple[int, int]:
        """Count, compare, and learn."""
        key = (tally["kind"], tally["origin"])
        if key not in self.origins:
            self.origins[key] = {
                "seen": 0,
                "counts": [Count() for _ in range(5)],
                "records": [Record() for _ in range(4)],
            }
        origin = self.origins[key]
        origin["seen"] = max(origin["seen"], tally["at"] // 1000)
        return self.failure(origin, tally), self.spread(origin, tally) * (tally["kind"] == ADDRESS)

    def spread(self, origin: dict[str, Any], tally: dict[str, int]) -> int:
        """Strangers at the origin, and the pair against the record of all its pairs."""
        config, second = self.config.spread, origin["seen"]
        level = origin["counts"][0].add(second, 12 if tally["contact"] else int(tally["stranger"]))
        out, pair = origin["records"][:2]
        nats = 0
        if tally["stranger"]:
            nats = out.see(second, level, floor=config.origin_floor, spoil=config.hour_nats)
        else:
            out.turn(second)
        nats = max(nats, pair.see(second, tally["level"], floor=config.pair_floor, hold=config.hold_nats))
        return int(nats) // ONE

    def failure(self, origin: dict[str, Any], tally: dict[str, int]) -> int:
        """Strangers' refusals, fast and slow."""
        first = bool(tally["contact"] and tally["stranger"])
        wrong = bool(first and tally["refused"] and not tally["held"])
        weight = (1 if tally["fault"] in EVERYDAY else 4) if wrong else 0
        nats = 0
        for place, second in ((1, origin["seen"]), (3, origin["seen"] // 72)):
            level = origin["counts"][place].add(second, weight)
            contacts = origin["counts"][place + 1].add(second, int(first))
            record = origin["records"][2 + place // 2]
            config = self.config.failure
            if not wrong or tally["fault"] in EVERYDAY:
                record.turn(second)
            elif (own := record.see(second, level, floor=config.origin_floor, hold=config.hold_nats)) > nats:
                nats = own if level * 2 >= contacts else nats
        return int(nats) // ONE
