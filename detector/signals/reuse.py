"""reuse: a refresh token is presented again. Triage: an honest retry, several tabs, a logout's echo, or a theft.

Theory. A rotation uses up one refresh token and issues its successor. Each family remembers its last `ROTATIONS`: which
token was used up, what was issued for it, when, and from which device and network. A token that is presented again is

- the *immediate predecessor* while something that was issued for it has not been used yet,
- a *grandparent or older* once everything issued for it has been used: its descendants are in other hands.

The provider's own counters say it better where it has them; then the chain; then the provider's error, which also
speaks of tokens older than what is remembered. RFC 9700, section 4.14.2: nobody can know which party is the thief, so
what is condemned is the family. The outcomes, first match wins:

| outcome | when |
|---|---|
| stale_after_logout | refused, and the family has ended already (we saw it, or the provider says so): no new attack |
| theft_confirmed | a grandparent or older; another device *and* network once a successor was used; the owner's return |
| benign_retry | same place, no successor used yet: the answer was lost |
| concurrent_client | same device, a successor was used, within the leeway: several tabs |
| theft_suspected | the rest: another device or network, or after the leeway |

*The owner's return* is the thief-first theft: the token was used up from a network new to the family, and now, after
the leeway, somebody comes with it from a network that the family used before. The honest story that looks the same (a
phone's answer lost on a strange network, retried at home, and nothing that tells devices apart) ends the session at the
provider all the same.

A record that is delivered twice is not a reuse: the event's id is looked for among the family's last `RECENT` first,
and a rotation that is remembered with the same successor is the same rotation.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector.batch import Fault, Kind, Outcome, RefreshBatch
from detector.config import ReuseConfig
from detector.runs import Runs, Trail
from detector.signals.triage import ROTATION, Case, Triaged, generations_behind, half, triage
from detector.table import LATEST_S, Keyed

ROTATIONS = 4
"""Remembered rotations of a family. Older replays are told by the provider's error; a rotating provider has one."""

RECENT = 4
"""Remembered event ids of a family. What is delivered again later than that meets the rotations' own check."""

RACE_S = 10
"""A refresh that succeeds no later than this after the family's end was on its way already."""

SCHEMA = {
    "head": np.dtype(
        [
            ("recent", "u4", (RECENT,)),  # the lower halves of the latest events' ids, newest first
            ("live", "u8"),  # the newest token issued
            ("next", "u1"),  # where the next rotation is written
            ("ended", "u4"),  # when a logout or revocation was the last word, seconds; 0: it was not
        ]
    ),
    "rotations": np.dtype([("ring", ROTATION, (ROTATIONS,))]),
}


class Reuse(NamedTuple):
    """What was measured, (n,) in the batch's order."""

    fresh: NDArray[np.bool_]  # not delivered before
    finding: NDArray[np.uint8]  # a `Finding`
    depth: NDArray[np.int64]  # rotations since the token was live; 0: it is live, or nothing is known
    age_ms: NDArray[np.int64]  # since it was used first; 0 where that is not known
    revived: NDArray[np.bool_]  # it succeeded although the family had ended
    at_home: NDArray[np.bool_]  # it is presented from where it was used, or from where the family was last


def measure(families: Keyed, batch: RefreshBatch, config: ReuseConfig) -> Reuse:
    """Triage every event that presents a token again, and remember the rotations."""
    table, rows, runs = families.table, families.rows, families.runs
    order = runs.order
    token, successor, kind = batch.token[order], batch.successor[order], batch.kind[order]
    accepted = batch.outcome[order] == Outcome.SUCCESS
    head = table.read("head", rows)
    fresh = _fresh(head, runs, batch.event[order])
    second = batch.at[order] // 1000
    ended_at = _ended(head, runs, kind, second, fresh & accepted)
    ended = ended_at > 0
    revived = ended & (second > ended_at + RACE_S) & fresh & accepted & (kind == Kind.REFRESH)
    login = kind == Kind.LOGIN
    rotates = fresh & accepted & (successor != 0)
    rotates &= login | ((kind == Kind.REFRESH) & (token != 0) & (successor != token))

    newest = runs.last_before(rotates)
    live = np.where(newest >= 0, successor[newest], head["live"][runs.run])
    again = (token != live) & (token != 0) & (live != 0)  # without a rotation there is nothing to compare with
    asked = fresh & (kind == Kind.REFRESH) & (again | ended | _told(batch)[order])
    entries = np.empty(len(order), ROTATION)
    entries["used"] = np.where(login, np.uint64(0), token)
    entries["issued"] = successor
    entries["at"] = batch.at[order]
    entries["device"] = half(batch.device[order])
    entries["network"] = half(batch.network[order])
    remembered = _remembered(families, head["next"], rotates, asked, entries)
    triaged = triage(Case(batch.take(order[asked]), ended[asked], remembered), config)
    _remember(families, head, rotates, entries)
    table.write("head", rows, head)
    return _in_batch_order(len(batch), runs, fresh, revived, order[asked], triaged)


def _remembered(
    families: Keyed,
    next_: NDArray[np.uint8],
    rotates: NDArray[np.bool_],
    asked: NDArray[np.bool_],
    entries: NDArray[Any],
) -> NDArray[Any]:
    """The last rotations before each of the m asked events, (m, ROTATIONS) of `ROTATION`, newest first."""
    table, rows, runs = families.table, families.rows, families.runs
    chosen = np.flatnonzero(runs.total(asked))
    events = runs.of(chosen)
    trail = Trail(runs.only(chosen), rotates[events], ROTATIONS)
    oldest_first = (next_[chosen, None].astype(np.int64) + np.arange(ROTATIONS)) % ROTATIONS
    memory = np.take_along_axis(table.read("rotations", rows[chosen])["ring"], oldest_first, axis=1)
    slots = trail.slot[asked[events], None] - 1 - np.arange(ROTATIONS)
    before: NDArray[Any] = trail.lay(memory, entries[events])[slots]
    return before


def _remember(families: Keyed, head: NDArray[Any], rotates: NDArray[np.bool_], entries: NDArray[Any]) -> None:
    """Write each run's last rotations over its oldest ones."""
    table, rows, runs = families.table, families.rows, families.runs
    per_run = runs.total(rotates)
    number = runs.count_before(rotates)
    kept = np.flatnonzero(rotates & (number >= (per_run - ROTATIONS)[runs.run]))
    run = runs.run[kept]
    place = (head["next"][run] + number[kept]) % ROTATIONS
    table.write_at("rotations", rows[run], place, entries.take(kept))
    newest = np.flatnonzero(np.append(run[1:] != run[:-1], True)[: len(run)])
    head["live"][run[newest]] = entries["issued"][kept[newest]]
    head["next"] = (head["next"] + per_run) % ROTATIONS


def _told(batch: RefreshBatch) -> NDArray[np.bool_]:
    """Whether the provider itself says that a token came again, or that its session is over."""
    fault = batch.fault
    told: NDArray[np.bool_] = (fault == Fault.REUSE) | (fault == Fault.STALE) | (fault == Fault.ENDED)
    return told | (generations_behind(batch) > 0)


def _fresh(head: NDArray[Any], runs: Runs, whole: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Whether an event is not among the family's last `RECENT`, and remember them; an event without an id is fresh.

    Halves of ids are compared: one event in a billion is passed over for it.
    """
    event = whole.astype(np.uint32)
    memory = head["recent"].copy()
    first = event[runs.starts]
    known = np.zeros(len(first), bool)
    for back in range(RECENT):
        known |= memory[:, back] == first
    again = np.zeros(len(event), bool)
    again[runs.starts] = known
    head["recent"][:, 0] = first
    head["recent"][:, 1:] = memory[:, :-1]

    several = np.flatnonzero(runs.lasts > runs.starts)  # runs of more than one event: few
    behind = np.arange(len(event)) - runs.starts[runs.run]
    for back in range(1, RECENT + 1):
        here = np.flatnonzero(behind >= back)
        again[here] |= event[here] == event[here - back]
    for place in range(1, RECENT):  # the run's next events look into the memory too, as far back as is left to them
        reaching = several[runs.starts[several] + place <= runs.lasts[several]]
        here = runs.starts[reaching] + place
        again[here] |= (memory[reaching, : RECENT - place] == event[here, None]).any(axis=1)
        head["recent"][reaching, 1:] = head["recent"][reaching, :-1]
        head["recent"][reaching, 0] = event[here]
    longer = several[runs.starts[several] + RECENT <= runs.lasts[several]]
    head["recent"][longer] = event[runs.lasts[longer, None] - np.arange(RECENT)]
    fresh: NDArray[np.bool_] = ~again | (whole == 0)
    return fresh


def _ended(
    head: NDArray[Any], runs: Runs, kind: NDArray[np.uint8], second: NDArray[np.int64], counts: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """When each event's family had ended before it without a login since, seconds, else 0; and remember it."""
    ends = counts & ((kind == Kind.LOGOUT) | (kind == Kind.REVOKED))
    marks = ends | (counts & (kind == Kind.LOGIN))
    said = np.where(ends, np.clip(second, 1, LATEST_S), 0)
    mark = runs.last_before(marks)
    before: NDArray[np.int64] = np.where(mark >= 0, said[mark], head["ended"][runs.run].astype(np.int64))
    head["ended"] = np.where(marks, said, before)[runs.lasts]
    return before


def _in_batch_order(
    n: int,
    runs: Runs,
    fresh: NDArray[np.bool_],
    revived: NDArray[np.bool_],
    place: NDArray[np.int64],
    triaged: Triaged,
) -> Reuse:
    reuse = Reuse(
        fresh=np.ones(n, bool),
        finding=np.zeros(n, np.uint8),
        depth=np.zeros(n, np.int64),
        age_ms=np.zeros(n, np.int64),
        revived=np.zeros(n, bool),
        at_home=np.zeros(n, bool),
    )
    reuse.revived[runs.order] = revived
    reuse.fresh[runs.order] = fresh
    reuse.finding[place] = triaged.finding
    reuse.depth[place] = triaged.depth
    reuse.age_ms[place] = triaged.age_ms
    reuse.at_home[place] = triaged.at_home
    return reuse
