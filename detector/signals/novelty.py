"""novelty: the first device, AS, country or user agent of a subject, and a change of one of these inside a family.

Each key remembers, of each trait, its last few *changes*: the values that differed from the one before them. A value
that is not among them is new; the very first value is not. Values are halves of keys, in a family 16 bits of an AS
number: enough to tell those of one person apart. 0, not known, neither counts nor is remembered.

What a theft's own event shows is not learnt (law 8): else the thief's device would be the usual one from the next
refresh on.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector.batch import Kind, RefreshBatch
from detector.runs import Runs, Trail
from detector.signals.triage import half
from detector.table import Keyed

TRAITS = ("device", "asn", "country", "agent")

SUBJECT_SCHEMA = {
    "known": np.dtype([("device", "u4", (4,)), ("asn", "u4", (4,)), ("country", "u2", (3,)), ("agent", "u4", (4,))])
}
FAMILY_SCHEMA = {
    "kin": np.dtype([("device", "u4", (2,)), ("asn", "u2", (2,)), ("country", "u2", (2,)), ("agent", "u4", (2,))])
}
"""Changes of each trait, the latest first; 0: no more."""

FAMILY_GRADE = 5
"""What a change within the family adds to the grade; what is new to the subject adds 1."""


class Novelty(NamedTuple):
    """How many of the traits are new, (n,) int64 each in the batch's order, and the grade of both."""

    subject: NDArray[np.int64]
    family: NDArray[np.int64]
    grade: NDArray[np.int64]
    #: (n,) bool: the device is new to the family: other hands, not merely another place or release.
    hands: NDArray[np.bool_]


def measure(
    families: Keyed, subjects: Keyed, batch: RefreshBatch, fresh: NDArray[np.bool_], taught: NDArray[np.bool_]
) -> Novelty:
    """Count what is new in each `fresh` (n,) refresh or login, refused ones too, and learn from those in `taught`."""
    counts = fresh & (batch.kind <= Kind.LOGIN)
    subject = _new_traits(subjects, "known", batch, counts, taught)
    family = _new_traits(families, "kin", batch, counts, taught)
    of_subject, of_family = subject.sum(axis=1), family.sum(axis=1)
    hands = family[:, TRAITS.index("device")]
    return Novelty(of_subject, of_family, of_subject + FAMILY_GRADE * of_family, hands)


def _new_traits(
    keyed: Keyed, column: str, batch: RefreshBatch, counts: NDArray[np.bool_], taught: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Which of `TRAITS` are new, (n, 4) in the batch's order."""
    table, rows, runs = keyed.table, keyed.rows, keyed.runs
    memory = table.read(column, rows)
    new = np.zeros((len(batch), len(TRAITS)), bool)
    counts, taught = counts[runs.order], taught[runs.order]
    for place, trait in enumerate(TRAITS):
        value = _short(batch, trait, memory[trait].dtype)[runs.order]
        ring = np.ascontiguousarray(memory[trait])
        new[runs.order[_new(runs, ring, value, counts & (value != 0), taught)], place] = True
        memory[trait] = ring
    table.write(column, rows, memory)
    return new


def _short(batch: RefreshBatch, trait: str, dtype: np.dtype[Any]) -> NDArray[Any]:
    """The trait of each event, as it is remembered."""
    if trait in ("device", "agent"):
        return half(getattr(batch, trait))
    values: NDArray[Any] = getattr(batch, trait)
    if trait == "asn" and dtype == np.uint16:
        values = values ^ (values >> np.uint32(16))
    return values.astype(dtype)


def _new(
    runs: Runs, ring: NDArray[Any], value: NDArray[Any], told: NDArray[np.bool_], taught: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """The sorted positions of the told values that `ring` (r, width) does not hold when they come; turns it on."""
    last = runs.last_before(told & taught)
    before = np.where(last >= 0, value[last], ring[runs.run, 0])
    differs = told & (value != before)
    chosen = np.flatnonzero(runs.total(differs))
    part, within = runs.only(chosen), np.flatnonzero(runs.of(chosen))
    asked, enters = differs[within], (differs & taught)[within]
    back = 1 + np.arange(ring.shape[1])

    trail = Trail(part, enters, len(back))
    entries = trail.lay(ring[chosen, ::-1], value[within])
    seen = entries[trail.slot[asked, None] - back]
    new = (seen[:, 0] != 0) & (seen != value[within[asked], None]).all(axis=1)
    ring[chosen] = entries[(trail.slot + enters)[part.lasts, None] - back]
    positions: NDArray[np.int64] = within[asked][new]
    return positions
