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
    TRAVEL_RETURN = 1 << 7  # there and back within the hour: A-B-A
    SPREAD_STRANGERS = 1 << 8  # a family is used from many addresses that it never met
    SPREAD_ORIGIN = 1 << 9  # an origin reaches for many families that it never met
    FAILURE_REFUSED = 1 << 10  # a family's refreshes are refused again and again
    FAILURE_STUFFING = 1 << 11  # an origin's attempts on families that it never met are refused
    NOVELTY_SUBJECT = 1 << 12  # first device, AS, country or user agent of the subject
    NOVELTY_FAMILY = 1 << 13  # one of these changed within a family
    MODEL_UNUSUAL = 1 << 14
    EFFECTIVENESS_REFRESHED = 1 << 15  # a family that had ended, or was revoked, was refreshed all the same
    SYSTEMIC_REUSE = 1 << 16  # the evidence of this cause is held: it comes from a whole population at once
    SYSTEMIC_TRAVEL = 1 << 17
    SYSTEMIC_VOLUME = 1 << 18

    @property
    def slug(self) -> str:
        """The name in output and metrics of a single reason: `reuse.theft_confirmed`."""
        signal, _, outcome = (self.name or "").lower().partition("_")
        return f"{signal}.{outcome}"


class Segment(IntEnum):
    """A population whose members may all show one sign at once, for a reason that is no attack on any of them."""

    NONE = 0
    RELEASE = 1  # a client with one user agent
    CLIENT = 2
    NETWORK = 3  # an autonomous system
    ISSUER = 4

    @property
    def slug(self) -> str:
        """The name in alerts."""
        return self.name.lower()


def slugs(reasons: int) -> list[str]:
    """The names of the bits of `reasons`, in the order of `Reason`."""
    return [reason.slug for reason in Reason if reason & reasons]


CHANNELS = ("reuse", "travel", "cadence", "failure", "spread", "novelty", "model")
"""The signals whose grades are weighed, in the order of `Verdicts.grades` and `Verdicts.weights`."""

MEASUREMENTS = (
    "reuse_depth",  # rotations since the presented token was live; 0: it is live
    "reuse_age_s",  # seconds since it was used first
    "travel_km",  # distance to the subject's place before, less both accuracy radii
    "travel_kmh",  # the speed that distance would have taken
    "cadence_family",  # refreshes of the family, half-life 5 min
    "cadence_subject",  # refreshes of the subject, likewise
    "cadence_usual",  # the record, or the floor, that the more surprising of the two was held against
    "cadence_surprise",  # nats of the larger of the two against its own record
    "failure_count",  # refused refreshes, half-life 5 min: of the family, or at the origin stage of strangers there
    "failure_surprise",  # nats
    "spread_count",  # weighted events of strangers, half-life 5 min: at the family, or at the origin
    "spread_surprise",  # nats of the largest of what `spread` compares
    "novelty_subject",  # how many of device, AS, country and user agent are new to the subject
    "novelty_family",  # how many of them changed within the family
    "model_score",  # the isolation forest's, 0 to 1; 0.5 is the middle
    "systemic_families",  # families of the segment with the same sign, half-life 5 min, where its evidence is held
    "systemic_share",  # their share of the segment's active families
    "client_families",  # active families of the event's client in this partition, half-life an hour
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
    #: int64 (m, len(CHANNELS)): what each signal's ladder was asked (`detector.odds`).
    grades: NDArray[np.int64]
    #: int64 (m, len(CHANNELS)): what each signal added to the log-odds, thousandths of a nat; of signals that show the
    #: same burst only the strongest counts, and evidence that is held counts nothing.
    weights: NDArray[np.int64]
    #: `Segment` whose evidence began to be held at this very event: an incident begins; else 0.
    incident: NDArray[np.uint8]

    @classmethod
    def blank(cls, m: int) -> Self:
        """M verdicts that say nothing yet; `dataclasses.replace` puts columns in."""
        return cls(
            row=np.arange(m, dtype=np.int64),
            level=np.full(m, Level.WATCH, np.uint8),
            score=np.zeros(m, np.float64),
            reasons=np.zeros(m, np.uint64),
            measurements=np.zeros((m, len(MEASUREMENTS)), np.float32),
            grades=np.zeros((m, len(CHANNELS)), np.int64),
            weights=np.zeros((m, len(CHANNELS)), np.int64),
            incident=np.zeros(m, np.uint8),
        )

    @classmethod
    def empty(cls) -> Self:
        """No event was flagged."""
        return cls.blank(0)

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
