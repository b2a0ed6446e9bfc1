"""Releases: what people let pass is not thrown out again for the same reason. PURE.

A release names an entry; who its person is, and which trip it was about, only the decision knew. So decisions are
remembered by the entries that came of them. Order does not matter: a release that is heard of before its decision is
made (state that is rebuilt by reading the stream again) mutes as soon as that decision is known, and nothing that
happened before it.

Of travel only the same trip is muted. The detector passes on where a trip ends and how long it was, not where it began:
one of the same length, to some 100 km, into the same cell of one degree (some 100 km) is taken for the same.
"""

from collections import OrderedDict
from typing import Any, NamedTuple

import msgspec

from detector.batch import UNKNOWN, RefreshBatch
from revocation.limits import DAY_MS
from revocation.record import Scope, Subject

TRIP_KM = 100
CELL = 100
"""Hundredths of a degree."""
MOST_TRIPS = 8
"""Remembered of one entry."""

_OF_A_PERSON = frozenset({Scope.TOKEN, Scope.FAMILY, Scope.SUBJECT})


class Trip(NamedTuple):
    """The cell where a journey ends, and its length in hundreds of kilometres."""

    lat: int
    lon: int
    length: int


class Mute(NamedTuple):
    """A reason that does not count for somebody; of travel, on one trip (None: on any)."""

    who: Subject
    reason: str
    trip: Trip | None


class Basis(msgspec.Struct):
    """What a decision was about, beyond what its entries say."""

    who: Subject
    family: int
    #: The subject, device and address, as `Offences` counts them.
    keys: tuple[tuple[str, int], ...]
    #: When the first event happened that led to it.
    at: int
    trips: set[Trip] = msgspec.field(default_factory=set)


class Releases:
    """The latest decisions by their entries, the latest releases, and what they mute."""

    def __init__(self, capacity: int = 100_000) -> None:
        self._capacity = capacity
        self._bases: OrderedDict[Subject, Basis] = OrderedDict()
        self._released: OrderedDict[Subject, tuple[int, tuple[str, ...]]] = OrderedDict()
        self._mutes: OrderedDict[Mute, int] = OrderedDict()

    def decided(self, entry: Subject, basis: Basis, trip: Trip | None) -> None:
        """An entry came of a decision."""
        at, reasons = self._released.get(entry, (-1, ()))
        known = self._bases.get(entry)
        if known is None or known.at <= at < basis.at:
            known = self._bases[entry] = basis
        if trip is not None and len(known.trips) < MOST_TRIPS:
            known.trips.add(trip)
        self._bound(self._bases, entry)
        if known.at <= at:
            self._mute(entry, known, reasons, at)

    def released(self, entry: Subject, reasons: tuple[str, ...], at: int) -> Basis | None:
        """A person let the entry's subject pass at `at`, epoch milliseconds; the decision's basis, if known."""
        known_at, _ = self._released.get(entry, (-1, ()))
        if at > known_at:
            self._released[entry] = (at, reasons)
            self._bound(self._released, entry)
        basis = self._bases.get(entry)
        self._mute(entry, basis, reasons, at)
        return basis

    def since(self, entry: Subject) -> int:
        """When the subject was released last, epoch milliseconds; -1: never."""
        return self._released.get(entry, (-1, ()))[0]

    def is_muted(self, who: tuple[Subject, ...], reason: str, trip: Trip | None, at: int, days: int) -> bool:
        """Whether the reason does not count at `at`, for any of `who`, on that trip."""
        if not self._mutes:
            return False
        trips: list[Trip | None] = [None]
        if trip is not None and reason.startswith("travel."):
            trips += [trip._replace(length=trip.length + more) for more in (-1, 0, 1)]
        muted = (self._mutes.get(Mute(whose, reason, which)) for whose in who for which in trips)
        return any(since is not None and since < at <= since + days * DAY_MS for since in muted)

    def _mute(self, entry: Subject, basis: Basis | None, reasons: tuple[str, ...], at: int) -> None:
        of_person = basis is not None and entry.scope in _OF_A_PERSON
        for who in {entry, basis.who} if basis is not None and of_person else {entry}:
            for reason in reasons:
                trips = basis.trips if basis is not None and reason.startswith("travel.") else None
                for trip in trips or (None,):
                    mute = Mute(who, reason, trip)
                    self._mutes[mute] = max(at, self._mutes.get(mute, at))
                    self._bound(self._mutes, mute)

    def _bound(self, table: OrderedDict[Any, Any], key: object) -> None:
        table.move_to_end(key)
        if len(table) > self._capacity:
            table.popitem(last=False)


def trip_of(batch: RefreshBatch, row: int, km: float) -> Trip | None:
    """The trip that ends with the event; None: it is not known where, or it was no trip."""
    if km <= 0 or batch.accuracy[row] == UNKNOWN:
        return None
    return Trip(int(batch.lat[row]) // CELL, int(batch.lon[row]) // CELL, round(km / TRIP_KM))
