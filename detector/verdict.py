"""Verdicts: what the engine says of the flagged events, in columns."""

from dataclasses import dataclass, fields, replace
from enum import IntEnum, IntFlag
from typing import Self

import numpy as np
from numpy.typing import NDArray


class Level(IntEnum):
    """How much an event's evidence asks for."""

    WATCH = 1
    QUARANTINE = 2
    REVOKE = 3

    @property
    def slug(self) -> str:
        """The name in output and metrics."""
        return self.name.lower()


class Reason(IntFlag):
    """Why an event is flagged; one bit each."""

    REUSE_BENIGN_RETRY = 1 << 0
    REUSE_CONCURRENT_CLIENT = 1 << 1
    REUSE_STALE_AFTER_LOGOUT = 1 << 2
    REUSE_THEFT_SUSPECTED = 1 << 3
    REUSE_THEFT_CONFIRMED = 1 << 4
    TRAVEL_IMPOSSIBLE = 1 << 5
    CADENCE_BURST = 1 << 6

    @property
    def slug(self) -> str:
        """The name in output and metrics of a single reason: `reuse.theft_confirmed`."""
        signal, _, outcome = (self.name or "").lower().partition("_")
        return f"{signal}.{outcome}"


def slugs(reasons: int) -> list[str]:
    """The names of the bits of `reasons`, strongest signal's first as `Reason` lists them."""
    return [reason.slug for reason in Reason if reason & reasons]


MEASUREMENTS = (
    "reuse_depth",  # rotations since the presented token was live; 0: it is live
    "reuse_age_s",  # seconds since it was used first
    "travel_km",  # distance to the subject's place before, less both accuracy radii
    "travel_kmh",  # the speed that distance would have taken
    "cadence_family",  # refreshes of the family, half-life 5 min
    "cadence_subject",  # refreshes of the subject, likewise
    "cadence_surprise",  # nats of the larger of the two against its own record
)
"""The columns of `Verdicts.measurements`; 0 where a signal had nothing to measure."""


@dataclass(frozen=True, slots=True, eq=False)
class Verdicts:
    """Columns for the m flagged events of a batch, in the batch's order; all (m,) but `measurements`."""

    #: The event's row in the batch.
    row: NDArray[np.int64]
    #: `Level`, by the thresholds of the configuration.
    level: NDArray[np.uint8]
    #: The probability of theft, 0 to 1.
    score: NDArray[np.float64]
    #: `Reason` bits.
    reasons: NDArray[np.uint64]
    #: float32 (m, len(MEASUREMENTS)).
    measurements: NDArray[np.float32]

    @classmethod
    def empty(cls) -> Self:
        """No event was flagged."""
        return cls(
            row=np.empty(0, np.int64),
            level=np.empty(0, np.uint8),
            score=np.empty(0, np.float64),
            reasons=np.empty(0, np.uint64),
            measurements=np.empty((0, len(MEASUREMENTS)), np.float32),
        )

    @classmethod
    def concat(cls, parts: list[Self]) -> Self:
        """The verdicts of all parts, one after another; rows must count from the same batch's start."""
        whole = [cls.empty(), *parts]
        return cls(**{field.name: np.concatenate([getattr(p, field.name) for p in whole]) for field in fields(cls)})

    def moved(self, by: int) -> Self:
        """The same verdicts in a batch with `by` events before these."""
        return replace(self, row=self.row + by)

    def __len__(self) -> int:
        return len(self.row)
