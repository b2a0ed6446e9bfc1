"""Pace: a decayed count of a key's events against the record that the key itself set in honest hours.

Theory. Each key has a level: a count whose half-life is 5 minutes. Each key has a record: the highest level of its
closed hours, one to two hours late, fading with a half-life of a week. The surprise of a level x against m, the larger
of 1.5 records and a floor, is the Poisson log-likelihood `x ln(x/m) - (x - m)` in nats, 0 below m.

Score, then learn, and never learn from what is flagged: a level enters the record only if its surprise *without* the
margin of 1.5 stays within `hold`. With the margin, a flood's own ramp would teach the record hour by hour (tried:
`docs/why.md`). The recipe's figures on the DARPA stream are in the design's detection.md.

Integers only, so that any split of the stream gives the same bits. Time runs in seconds, per key, never back. Within an
hour an event at second t weighs 2^(t/300), 12 fractional bits; the sum shifted back by t/300 is the level. Between
hours the sum shifts by 12 bits an hour, and floor shifts compose exactly. A key's hours within one batch are taken one
after another, all keys at once (a wave); there are as many waves as one key has hours in the batch, nearly always one.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector.runs import Runs
from detector.table import Keyed, Table

HALF_LIFE_S = 300
HOUR_S = 3600
POINT = 12
"""Fractional bits of levels, records and surprises: 1 event, 1 nat = 4096."""

SCHEMA = {
    "pace": np.dtype(
        [
            ("hour", "i8"),  # the hour that the others are of
            ("sum", "i8"),  # weighted events, as of the beginning of that hour
            ("record", "i8"),  # the record that holds in that hour
            ("best", "i8"),  # the highest level to be learnt of that hour
            ("before", "i8"),  # the same of the hour before it
        ]
    )
}

_SHIFT = HOUR_S // HALF_LIFE_S
_WEEK_H = 168
_BITS = 24  # of a mantissa: 12 choose an entry of the table, 12 interpolate
_LN2 = 45426  # ln 2, 16 fractional bits
_second = np.arange(HOUR_S)
_WEIGHT = np.round(np.exp2(POINT + _second / HALF_LIFE_S)).astype(np.int64)
_HALVINGS = _second // HALF_LIFE_S
_REST = np.round(65536 * np.exp2(-(_second % HALF_LIFE_S) / HALF_LIFE_S)).astype(np.int64)
_FADE = np.round(65536 * np.exp2(-np.arange(4096) / _WEEK_H)).astype(np.int64)
_LOG2 = np.round(65536 * np.log2(1 + np.arange(4097) / 4096)).astype(np.int64)


class Pace(NamedTuple):
    """What was measured of each of the runs' events, (n,) int64 in sorted order, `POINT` fractional bits."""

    level: NDArray[np.int64]
    surprise: NDArray[np.int64]


def log2(value: NDArray[np.int64]) -> NDArray[np.int64]:
    """The binary logarithm of 1 <= value < 2^52, 16 fractional bits: a table of 4096 mantissas, interpolated."""
    exponent = np.frexp(value.astype(np.float64))[1].astype(np.int64) - 1  # exact below 2^53
    down, up = np.maximum(exponent - _BITS, 0), np.maximum(_BITS - exponent, 0)
    mantissa = (value >> down) << up
    place = (mantissa - (1 << _BITS)) >> 12
    fraction: NDArray[np.int64] = _LOG2[place] + (((_LOG2[place + 1] - _LOG2[place]) * (mantissa & 4095)) >> 12)
    return (exponent << 16) + fraction


def surprise(level: NDArray[np.int64], expected: NDArray[np.int64]) -> NDArray[np.int64]:
    """Nats of the Poisson surprise of each level above what is expected, else 0; all with `POINT` fractional bits."""
    nats = np.zeros_like(level)
    high = np.flatnonzero(level > expected)
    x, m = level[high], expected[high]
    nats[high] = ((x * (((log2(x) - log2(m)) * _LN2) >> 16)) >> 16) - (x - m)
    return nats


def measure(keyed: Keyed, counted: NDArray[np.bool_], *, floor: int, hold: int) -> Pace:
    """Count the runs' events, compare, and learn.

    Args:
        keyed: a batch grouped by a key whose table has the columns of `SCHEMA`.
        counted: (n,) whether the event counts, sorted order.
        floor: no record is taken to be lower, in events.
        hold: nats above which a level is not learnt.
    """
    runs = keyed.runs
    second = keyed.latest // 1000
    hour = second // HOUR_S
    second -= hour * HOUR_S
    begins = runs.first.copy()
    begins[1:] |= hour[1:] != hour[:-1]
    level, nats = np.empty_like(second), np.empty_like(second)
    weight = _WEIGHT[second] * counted
    rows_of_part = keyed.rows[runs.run[begins]]
    for parts, events in waves(runs, begins):
        starts = np.flatnonzero(begins[events])
        level[events], nats[events] = _hour(
            keyed.table, rows_of_part[parts], starts, hour[events][starts], second[events], weight[events], floor, hold
        )
    return Pace(level, nats)


def waves(
    runs: Runs, begins: NDArray[np.bool_]
) -> Iterator[tuple[NDArray[np.int64] | slice, NDArray[np.int64] | slice]]:
    """The first hour of every key, then every second hour, and so on: which hours, and which events are theirs."""
    part = np.cumsum(begins) - 1
    wave_of_event = part - part[runs.starts][runs.run]
    wave_of_part = wave_of_event[begins]
    most = int(wave_of_part.max(initial=-1))
    if most <= 0:
        yield from [(slice(None), slice(None))] * (most + 1)
        return
    parts, events = np.argsort(wave_of_part, kind="stable"), np.argsort(wave_of_event, kind="stable")
    part_ends = np.cumsum(np.bincount(wave_of_part))
    event_ends = np.cumsum(np.bincount(wave_of_event))
    for wave in range(most + 1):
        earlier = (part_ends[wave - 1], event_ends[wave - 1]) if wave else (0, 0)
        yield parts[earlier[0] : part_ends[wave]], events[earlier[1] : event_ends[wave]]


def _hour(
    table: Table,
    rows: NDArray[np.int64],
    starts: NDArray[np.int64],
    hour: NDArray[np.int64],
    second: NDArray[np.int64],
    weight: NDArray[np.int64],
    floor: int,
    hold: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """One hour of each of p keys: `rows`, `starts` and `hour` are (p,), `second` (of the hour) and `weight` (n,)."""
    of = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(second)))
    lasts = np.append(starts[1:], len(second)) - 1
    memory = table.read("pace", rows)
    carried = memory["sum"] >> np.minimum((hour - memory["hour"]) * _SHIFT, 63)
    until = np.cumsum(weight)
    total = until + (carried - until[starts] + weight[starts])[of]
    level = np.maximum(((total >> _HALVINGS[second]) * _REST[second]) >> 16, 1)

    _turn(memory, hour)
    record = memory["record"]
    high = np.flatnonzero(level > floor << POINT)  # below the floor nothing surprises: nearly all are spared the rest
    unhelped = np.maximum(record, floor << POINT)[of[high]]
    learnt = level.copy()
    learnt[high[surprise(level[high], unhelped) > hold << POINT]] = 0
    memory["best"] = np.maximum(memory["best"], np.maximum.reduceat(learnt, starts))
    memory["sum"] = total[lasts]
    table.write("pace", rows, memory)
    expected = np.maximum(record + (record >> 1), floor << POINT)[of[high]]
    nats = np.zeros_like(level)
    nats[high] = surprise(level[high], expected)
    return level, nats


def _turn(memory: NDArray[Any], hour: NDArray[np.int64]) -> None:
    """Close the hours before `hour` in `memory` (p,): what they learnt becomes the record, an hour late."""
    turning = np.flatnonzero(hour != memory["hour"])
    old, passed = memory[turning], (hour - memory["hour"])[turning]
    closed = np.where(passed == 1, old["before"], np.maximum(old["before"], old["best"]))
    fade = _FADE[np.minimum(passed, len(_FADE) - 1)]
    memory["record"][turning] = (np.maximum(old["record"], closed) * fade) >> 16
    memory["before"][turning] = np.where(passed == 1, old["best"], 0)
    memory["best"][turning] = 0
    memory["hour"] = hour
