"""Pace: decayed counts of a key's events against the records that the key itself set in honest hours.

Theory. Each key has a level: a count whose half-life is 5 minutes. Each key has a record: the highest level of its
closed hours, one to two hours late, fading with a half-life of a week. The surprise of a level x against m, the larger
of 1.5 records and a floor, is the Poisson log-likelihood `x ln(x/m) - (x - m)` in nats, 0 below m.

Score, then learn, and never learn from what is flagged: a level enters the record only if its surprise *without* the
margin of 1.5 stays within `hold`. With the margin, a flood's own ramp would teach the record hour by hour (tried:
`docs/why.md`); without it a flood of a hundred still does within hours, step by step. So, where one key's hour may be a
flood's alone, one surprise above `spoil` (with the margin) makes the whole hour teach nothing. The recipe's figures on
the DARPA stream are in `docs/detection.md`.

Integers only, so that any split of the stream gives the same bits. Time runs in seconds, per key, never back. Within an
hour an event at second t weighs 2^(t/300), 12 fractional bits; the sum shifted back by t/300 is the level. Between
hours the sum shifts by 12 bits an hour, and floor shifts compose exactly. A key's hours within one batch are taken one
after another, all keys at once (a wave); there are as many waves as one key has hours in the batch, nearly always one.

A key may have several such counts side by side (the channels of a column): they share its clock.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector.runs import Runs
from detector.table import Keyed

HALF_LIFE_S = 300
HOUR_S = 3600
POINT = 12
"""Fractional bits of levels, records and surprises: 1 event, 1 nat = 4096."""
MOST_RECORD = 2**31 - 2
"""No record is higher (half a million events within minutes): four bytes hold it."""
SPOILT = MOST_RECORD + 1
"""Stands for the best of an hour that teaches nothing."""

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


def counts(channels: int) -> np.dtype[Any]:
    """The dtype of a table's column that holds so many counts."""
    return np.dtype([("hour", "i4"), ("sum", "i8", (channels,))])  # weighted events, as of the beginning of that hour


def records(channels: int) -> np.dtype[Any]:
    """The dtype of a table's column that holds so many records."""
    return np.dtype(
        [
            ("hour", "i4"),  # the hour that the others are of
            ("record", "i4", (channels,)),  # the record that holds in that hour
            ("best", "i4", (channels,)),  # the highest level to be learnt of that hour
            ("before", "i4", (channels,)),  # the same of the hour before it
        ]
    )


class Rule(NamedTuple):
    """How one channel judges and learns: events, nats, nats; 0: no limit."""

    floor: int
    hold: int = 0
    spoil: int = 0


class Judged(NamedTuple):
    """What was found of the runs' events, (n, channels) int64 in sorted order, `POINT` fractional bits."""

    expected: NDArray[np.int64]
    surprise: NDArray[np.int64]


def log2(value: NDArray[np.int64]) -> NDArray[np.int64]:
    """The binary logarithm of 1 <= value < 2^52, 16 fractional bits: a table of 4096 mantissas, interpolated."""
    exponent = np.frexp(value.astype(np.float64))[1].astype(np.int64) - 1  # exact below 2^53
    down, up = np.maximum(exponent - _BITS, 0), np.maximum(_BITS - exponent, 0)
    mantissa = (value >> down) << up
    place = (mantissa - (1 << _BITS)) >> 12
    fraction: NDArray[np.int64] = _LOG2[place] + (((_LOG2[place + 1] - _LOG2[place]) * (mantissa & 4095)) >> 12)
    return (exponent << 16) + fraction


def distance_signed(level: NDArray[np.int64], expected: NDArray[np.int64]) -> NDArray[np.int64]:
    """The same as `distance`, negative where the level is below: orders all events from quiet to loud."""
    nats = distance(level, expected)
    return np.where(level > expected, nats, -nats)


def distance(level: NDArray[np.int64], expected: NDArray[np.int64]) -> NDArray[np.int64]:
    """Nats between each level and what is expected, below as well as above; all with `POINT` fractional bits."""
    nats: NDArray[np.int64] = ((level * (((log2(level) - log2(expected)) * _LN2) >> 16)) >> 16) - (level - expected)
    return nats


def surprise(level: NDArray[np.int64], expected: NDArray[np.int64]) -> NDArray[np.int64]:
    """Nats of the Poisson surprise of each level above what is expected, else 0."""
    nats = np.zeros_like(level)
    high = np.nonzero(level > expected)  # few: nearly all are spared the rest
    nats[high] = np.maximum(distance(level[high], expected[high]), 0)  # rounding makes it -1 at times
    return nats


def count(keyed: Keyed, column: str, weight: NDArray[np.int64]) -> NDArray[np.int64]:
    """The level of each channel at each of the runs' events, its own weight included, (n, channels).

    Args:
        keyed: a batch grouped by a key whose table has that column, of `counts` channels.
        column: its name.
        weight: (n, channels) what each event weighs, sorted order.
    """
    hour, second = np.divmod(keyed.latest, HOUR_S)
    added = weight * _WEIGHT[second][:, None]
    level = np.empty_like(added)
    for parts, events in waves(keyed.runs, hour):
        memory = keyed.table.read(column, keyed.rows[parts.run])
        carried = memory["sum"] >> np.minimum((hour[parts.start] - memory["hour"]) * _SHIFT, 63)[:, None]
        until = np.cumsum(added[events], axis=0)
        total = until + (carried - until[parts.first] + added[parts.start])[parts.of]
        memory["hour"], memory["sum"] = hour[parts.start], total[parts.last]
        keyed.table.write(column, keyed.rows[parts.run], memory)
        at = second[events]
        level[events] = ((total >> _HALVINGS[at][:, None]) * _REST[at][:, None]) >> 16
    return np.maximum(level, 1, out=level)


def judge(
    keyed: Keyed, column: str, level: NDArray[np.int64], rules: Sequence[Rule], judged: NDArray[np.bool_] | None = None
) -> Judged:
    """Hold levels against the key's records, and let the records learn from them.

    Args:
        keyed: a batch grouped by a key whose table has that column, of `records` channels.
        column: its name.
        level: (n, channels), sorted order.
        rules: one a channel.
        judged: (n, channels) which levels surprise and teach at all; the others' surprise is 0.
    """
    hour = keyed.latest // HOUR_S
    floor = np.array([rule.floor << POINT for rule in rules])
    expected, nats = np.empty_like(level), np.zeros_like(level)
    for parts, events in waves(keyed.runs, hour):
        memory = keyed.table.read(column, keyed.rows[parts.run])
        _turn(memory, hour[parts.start])
        record = memory["record"].astype(np.int64)
        expected[events] = np.maximum(record + (record >> 1), floor)[parts.of]
        unhelped = np.maximum(record, floor)[parts.of]
        here = level[events] if judged is None else np.where(judged[events], level[events], 0)
        nats[events], learnt = _learn(here, expected[events], unhelped, rules)
        memory["best"] = np.maximum(memory["best"], np.maximum.reduceat(learnt, parts.first, axis=0))
        keyed.table.write(column, keyed.rows[parts.run], memory)
    return Judged(expected, nats)


def _learn(
    level: NDArray[np.int64], expected: NDArray[np.int64], unhelped: NDArray[np.int64], rules: Sequence[Rule]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The surprise of each level, and what of it may be learnt; all (n, channels)."""
    nats = np.zeros_like(level)
    learnt = np.minimum(level, MOST_RECORD)
    for channel, rule in enumerate(rules):
        high = np.flatnonzero(level[:, channel] > rule.floor << POINT)  # below the floor nothing surprises
        x = level[high, channel]
        nats[high, channel] = surprise(x, expected[high, channel])
        if rule.hold:
            learnt[high[surprise(x, unhelped[high, channel]) > rule.hold << POINT], channel] = 0
        if rule.spoil:
            learnt[high[nats[high, channel] > rule.spoil << POINT], channel] = SPOILT
    return nats, learnt


class Parts(NamedTuple):
    """The spans of one wave, one of each of p keys: arrays are (p,), `of` is (events of the wave,)."""

    run: NDArray[np.int64]  # the key's run
    start: NDArray[np.int64]  # the span's first event among all events
    first: NDArray[np.int64]  # the same among the wave's events
    last: NDArray[np.int64]  # its last
    of: NDArray[np.int64]  # the part of each event


def waves(runs: Runs, span: NDArray[np.int64]) -> Iterator[tuple[Parts, NDArray[np.int64] | slice]]:
    """The first span (hour, day) of every key, then every second one, and so on, and which events are theirs.

    `span` (n,) is the number of each event's span, in sorted order; it never falls within a run.
    """
    begins = runs.first.copy()
    begins[1:] |= span[1:] != span[:-1]
    part = np.cumsum(begins) - 1
    wave = part - part[runs.starts][runs.run]
    most = int(wave.max(initial=-1))
    if most <= 0:
        if most == 0:
            yield Parts(np.arange(len(runs)), runs.starts, runs.starts, runs.lasts, runs.run), slice(None)
        return
    in_waves = np.argsort(wave, kind="stable")
    ends = np.cumsum(np.bincount(wave))
    for number in range(most + 1):
        events = in_waves[ends[number - 1] if number else 0 : ends[number]]
        first = np.flatnonzero(begins[events])
        last = np.append(first[1:], len(events)) - 1
        of = np.repeat(np.arange(len(first)), last - first + 1)
        yield Parts(runs.run[events[first]], events[first], first, last, of), events


def _turn(memory: NDArray[Any], hour: NDArray[np.int64]) -> None:
    """Close the hours before `hour` in `memory` (p,): what they learnt becomes the record, an hour late."""
    turning = np.flatnonzero(hour != memory["hour"])
    old, passed = memory[turning], (hour - memory["hour"])[turning][:, None]
    best, before = (np.where(old[name] == SPOILT, 0, old[name]) for name in ("best", "before"))
    closed = np.where(passed == 1, before, np.maximum(before, best))
    fade = _FADE[np.minimum(passed, len(_FADE) - 1)]
    memory["record"][turning] = (np.maximum(old["record"], closed) * fade) >> 16
    memory["before"][turning] = np.where(passed == 1, old["best"], 0)
    memory["best"][turning] = 0
    memory["hour"] = hour
