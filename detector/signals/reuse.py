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

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector.batch import Fault, Kind, Outcome, RefreshBatch
from detector.config import ReuseConfig
from detector.runs import Runs, Trail
from detector.signals.triage import Case, Triaged, generations_behind, half, triage
from detector.table import Column, Keyed

ROTATIONS = 5
"""Remembered rotations of a family. Older replays are told by the provider's error; a rotating provider has one."""

RECENT = 4
"""Remembered event ids of a family. What is delivered again later than that meets the rotations' own check."""

SCHEMA = {
    "recent": Column("uint64", width=RECENT),  # the latest events' ids, newest first
    "ended": Column("bool"),  # a logout or revocation was the last word
    "live": Column("uint64"),  # the newest token issued
    "rotations": Column("int32"),  # how many there were: the next one is remembered at this number modulo ROTATIONS
    "used": Column("uint64", width=ROTATIONS),  # the token that a rotation used up (0: it was a login) ...
    "issued": Column("uint64", width=ROTATIONS),  # ... what was issued for it (0: no rotation here yet) ...
    "used_at": Column("int64", width=ROTATIONS),  # ... when ...
    "used_device": Column("uint32", width=ROTATIONS),  # ... and from where: upper halves of the keys suffice,
    "used_network": Column("uint32", width=ROTATIONS),  # they are only compared within one family
}


class Reuse(NamedTuple):
    """What was measured, (n,) in the batch's order."""

    fresh: NDArray[np.bool_]  # not delivered before
    finding: NDArray[np.uint8]  # a `Finding`
    depth: NDArray[np.int64]  # rotations since the token was live; 0: it is live, or nothing is known
    age_ms: NDArray[np.int64]  # since it was used first; 0 where that is not known


def measure(families: Keyed, batch: RefreshBatch, config: ReuseConfig) -> Reuse:
    """Triage every event that presents a token again, and remember the rotations."""
    table, rows, runs, _ = families
    order = runs.order
    token, successor, kind = batch.token[order], batch.successor[order], batch.kind[order]
    accepted = batch.outcome[order] == Outcome.SUCCESS
    fresh = _fresh(families, batch.event[order])
    ended = _ended(families, kind, fresh & accepted)
    login = kind == Kind.LOGIN
    rotates = fresh & accepted & (successor != 0)
    rotates &= login | ((kind == Kind.REFRESH) & (token != 0) & (successor != token))

    rotation = runs.last_before(rotates)
    live = np.where(rotation >= 0, successor[rotation], table["live"][rows][runs.run])
    again = (token != live) & (token != 0)
    asked = fresh & (kind == Kind.REFRESH) & (again | ended | _told(batch)[order])
    written = {
        "used": np.where(login, np.uint64(0), token),
        "issued": successor,
        "used_at": batch.at[order],
        "used_device": half(batch.device[order]),
        "used_network": half(batch.network[order]),
    }
    remembered = _remembered(families, rotates, asked, written)
    triaged = triage(Case(batch.take(order[asked]), ended[asked], **remembered), config)
    _remember(families, rotates, written)
    return _in_batch_order(len(batch), runs, fresh, order[asked], triaged)


def _remembered(
    families: Keyed, rotates: NDArray[np.bool_], asked: NDArray[np.bool_], written: Mapping[str, NDArray[Any]]
) -> dict[str, NDArray[Any]]:
    """The last rotations before each of the m asked events, (m, ROTATIONS) a column, newest first."""
    table, rows, runs, _ = families
    chosen = runs.total(asked) > 0
    theirs, events = runs.only(chosen), chosen[runs.run]
    trail = Trail(theirs, rotates[events], ROTATIONS)
    slots = trail.slot[asked[events], None] - 1 - np.arange(ROTATIONS)
    mine = rows[chosen, None]
    oldest_first = (table["rotations"][mine] + np.arange(ROTATIONS)) % ROTATIONS
    return {
        name: trail.lay(table[name][mine, oldest_first], per_event[events])[slots]
        for name, per_event in written.items()
    }


def _remember(families: Keyed, rotates: NDArray[np.bool_], written: Mapping[str, NDArray[Any]]) -> None:
    """Write each run's last rotations over its oldest ones."""
    table, rows, runs, _ = families
    per_run = runs.total(rotates)
    number = runs.count_before(rotates)
    kept = np.flatnonzero(rotates & (number >= (per_run - ROTATIONS)[runs.run]))
    row = rows[runs.run[kept]]
    place = (table["rotations"][row] + number[kept]) % ROTATIONS
    for name, per_event in written.items():
        table[name][row, place] = per_event[kept]
    table["rotations"][rows] += per_run.astype(np.int32)
    newest = kept[np.append(runs.run[kept][1:] != runs.run[kept][:-1], True)[: len(kept)]]
    table["live"][rows[runs.run[newest]]] = written["issued"][newest]


def _told(batch: RefreshBatch) -> NDArray[np.bool_]:
    """Whether the provider itself says that a token came again, or that its session is over."""
    fault = batch.fault
    told: NDArray[np.bool_] = (fault == Fault.REUSE) | (fault == Fault.STALE) | (fault == Fault.ENDED)
    return told | (generations_behind(batch) > 0)


def _fresh(families: Keyed, event: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Whether an event is not among the family's last `RECENT`, and remember them; an event without an id is fresh."""
    table, rows, runs, _ = families
    memory = table["recent"][rows]
    length = runs.lasts - runs.starts + 1
    again = np.zeros(len(event), bool)
    for place in range(RECENT):  # the run's first events look into the memory, as far back as is left to them
        here = runs.starts[length > place] + place
        again[here] = (memory[length > place, : RECENT - place] == event[here, None]).any(axis=1)
    behind = np.arange(len(event)) - runs.starts[runs.run]
    for back in range(1, RECENT + 1):  # and into the run itself
        here = np.flatnonzero(behind >= back)
        again[here] |= event[here] == event[here - back]
    table["recent"][rows] = np.stack(
        [
            np.where(
                length > place,
                event[runs.lasts - np.minimum(place, length - 1)],
                memory[np.arange(len(runs)), np.maximum(place - length, 0)],
            )
            for place in range(RECENT)
        ],
        axis=1,
    )
    fresh: NDArray[np.bool_] = ~again | (event == 0)
    return fresh


def _ended(families: Keyed, kind: NDArray[np.uint8], counts: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether a logout or revocation, and no login since, came before each event in its family; and remember it."""
    table, rows, runs, _ = families
    ends = counts & ((kind == Kind.LOGOUT) | (kind == Kind.REVOKED))
    marks = ends | (counts & (kind == Kind.LOGIN))
    mark = runs.last_before(marks)
    before: NDArray[np.bool_] = np.where(mark >= 0, ends[mark], table["ended"][rows][runs.run])
    table["ended"][rows] = np.where(marks, ends, before)[runs.lasts]
    return before


def _in_batch_order(n: int, runs: Runs, fresh: NDArray[np.bool_], place: NDArray[np.int64], triaged: Triaged) -> Reuse:
    reuse = Reuse(np.ones(n, bool), np.zeros(n, np.uint8), np.zeros(n, np.int64), np.zeros(n, np.int64))
    reuse.fresh[runs.order] = fresh
    reuse.finding[place] = triaged.finding
    reuse.depth[place] = triaged.depth
    reuse.age_ms[place] = triaged.age_ms
    return reuse
