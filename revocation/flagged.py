"""Flagged: the events of a batch that something is to be said of, one by one, as deciding reads them. PURE.

The detector flags most of them. The rest are successful refreshes of families that were revoked: the registry refuses
their access tokens, and yet the provider goes on issuing new ones.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from detector.batch import RefreshBatch
from detector.verdict import CHANNELS, MEASUREMENTS, Reason, Segment, Verdicts, slugs
from revocation.allow import BITS
from revocation.cause import SYSTEMIC
from revocation.effect import Revoked

REVIVED: Final = int(Reason.EFFECTIVENESS_REFRESHED)
HELD: Final = int(SYSTEMIC)
_CHANNEL_BITS: Final = tuple(BITS[channel] for channel in CHANNELS)


class Event(NamedTuple):
    """One flagged event; lists are of `CHANNELS`, but for `measurements`."""

    row: int
    at: int
    score: float
    #: `Reason` bits.
    reasons: int
    grades: list[int]
    #: Thousandths of a nat.
    weights: list[int]
    measurements: list[float]
    #: The segment whose incident begins here.
    segment: Segment

    @property
    def held(self) -> int:
        """Bits of the causes whose evidence is held."""
        return self.reasons & HELD

    @property
    def counting(self) -> int:
        """Bits of the reasons that added to the score; where no weight is known, all that are not held."""
        bits = sum(b for b, weight in zip(_CHANNEL_BITS, self.weights, strict=True) if weight)
        return self.reasons & ((bits | REVIVED) if bits else ~HELD)

    def measured(self, name: str) -> float:
        """One of `MEASUREMENTS`."""
        return self.measurements[MEASUREMENTS.index(name)]


def flagged(verdicts: Verdicts, batch: RefreshBatch, revoked: Revoked) -> Iterator[Event]:
    """The events in the batch's order. `revoked` may grow meanwhile: what counts is what it holds at each event."""
    places = {row: place for place, row in enumerate(verdicts.row.tolist())}
    refreshed = set(revoked.refreshed(batch, verdicts.row).tolist())
    for row in sorted(places.keys() | refreshed):
        at = int(batch.at[row])
        revived = row in refreshed and revoked.holds(int(batch.family[row]), at)
        if row in places:
            event = _event(verdicts, places[row], at)
            yield event._replace(score=1.0, reasons=event.reasons | REVIVED) if revived else event
        elif revived:
            yield _unseen(row, at)


@lru_cache(maxsize=4096)
def names_of(reasons: int) -> tuple[str, ...]:
    """The slugs of `Reason` bits; flags are slow, and the same few sets of them come again and again."""
    return tuple(slugs(reasons))


def bits_by_channel(bits: int) -> tuple[int, ...]:
    """Those of `bits` that belong to each channel."""
    return tuple(bits & of_channel for of_channel in _CHANNEL_BITS)


def _event(verdicts: Verdicts, place: int, at: int) -> Event:
    return Event(
        row=int(verdicts.row[place]),
        at=at,
        score=float(verdicts.score[place]),
        reasons=int(verdicts.reasons[place]),
        grades=verdicts.grades[place].tolist(),
        weights=verdicts.weights[place].tolist(),
        measurements=verdicts.measurements[place].tolist(),
        segment=Segment(int(verdicts.incident[place])),
    )


def _unseen(row: int, at: int) -> Event:
    nothing = [0] * len(CHANNELS)
    return Event(row, at, 1.0, REVIVED, nothing, nothing, [0.0] * len(MEASUREMENTS), Segment.NONE)
