"""Limits: how much is revoked without a person, and who has used up his credit. PURE.

Both count by the events' own times, in their order, so that a replay counts the same. A partition counts for itself.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
MOST_OFFENCES = 20
"""Remembered of one key: the largest `repeat.decisions`."""


@dataclass(slots=True)
class _Spent:
    minute: int = 0
    in_minute: int = 0
    hour: int = 0
    in_hour: int = 0

    def move(self, at: int) -> None:
        """Begin new spans where `at` lies after those counted in; what comes late counts in them."""
        if (minute := at // MINUTE_MS) > self.minute:
            self.minute, self.in_minute = minute, 0
        if (hour := at // HOUR_MS) > self.hour:
            self.hour, self.in_hour = hour, 0


class BlastRadius:
    """What was revoked of each client in the current minute and hour of stream time."""

    def __init__(self, clients: int = 10_000) -> None:
        self._capacity = clients
        self._spent: OrderedDict[int, _Spent] = OrderedDict()

    def spend(self, client: int, at: int, per_minute: int, per_hour: int | None) -> bool:
        """Whether one more family of the client may be revoked (None: any number an hour); it is counted then."""
        spent = self._spent.pop(client, None) or _Spent()
        self._spent[client] = spent
        if len(self._spent) > self._capacity:
            self._spent.popitem(last=False)
        spent.move(at)
        if spent.in_minute >= per_minute or (per_hour is not None and spent.in_hour >= per_hour):
            return False
        spent.in_minute += 1
        spent.in_hour += 1
        return True


class Offences:
    """The families that were revoked lately, by the subject, device and address that they were used with."""

    def __init__(self, keys: int = 100_000) -> None:
        self._capacity = keys
        self._families: OrderedDict[tuple[str, int], OrderedDict[int, int]] = OrderedDict()

    def add(self, keys: Iterable[tuple[str, int]], family: int, at: int) -> None:
        """One more family; the same one again only counts as later."""
        for key in keys:
            families = self._families.setdefault(key, OrderedDict())
            families[family] = max(at, families.pop(family, at))
            self._families.move_to_end(key)
            if len(families) > MOST_OFFENCES:
                families.popitem(last=False)
            if len(self._families) > self._capacity:
                self._families.popitem(last=False)

    def forgive(self, keys: Iterable[tuple[str, int]], family: int) -> None:
        """The family was released."""
        for key in keys:
            self._families.get(key, OrderedDict()).pop(family, None)

    def of(self, keys: Iterable[tuple[str, int]], family: int, at: int, days: int) -> int:
        """Of the key with most: how many other families in the `days` before `at`."""
        first = at - days * DAY_MS
        return max(
            (
                sum(first <= when <= at and other != family for other, when in self._families.get(key, {}).items())
                for key in keys
            ),
            default=0,
        )

    def __len__(self) -> int:
        return len(self._families)
