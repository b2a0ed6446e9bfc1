"""Familiar: the networks that a subject is used to, by the days on which it was seen there.

Theory. A subject's time runs in days, never back. What a day taught counts from the next day on, so that within one day
nothing that is learnt changes what is judged: all of a day's events can be judged at once. A day teaches the first
`TODAY` networks of events that were not flagged; at its end they go to the front of the `KEPT` networks remembered,
each with a day more, and whatever was not seen for longest falls off. Networks are half keys; 0, not known, is never
familiar. A subject's days within one batch are taken one after another, all subjects at once (`pace.waves`).
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector.pace import waves
from detector.table import Keyed

KEPT = 6
"""Networks remembered of a subject: home, work, telephone, and as many again."""

TODAY = 3
"""Networks that one day can teach."""

SCHEMA = {
    "familiar": np.dtype(
        [
            ("day", "u4"),  # the day that `today` is of
            ("today", "u4", (TODAY,)),  # networks of that day in order of appearance; 0: no more
            ("network", "u4", (KEPT,)),  # networks of days before, the latest first; 0: no more
            ("days", "u1", (KEPT,)),  # on how many days before each was seen, 255 at most
        ]
    )
}

_DAY_S = 86_400
_MOST_DAYS = 255


class Move(NamedTuple):
    """n events in sorted order: where they come from and go to, half keys, and what is asked of them."""

    there: NDArray[np.uint32]
    here: NDArray[np.uint32]
    #: Flagged, unless both ends are familiar.
    asked: NDArray[np.bool_]
    #: Teaches, unless flagged.
    teaching: NDArray[np.bool_]

    def of(self, events: NDArray[np.int64] | slice) -> "Move":
        """The events alone."""
        return Move(self.there[events], self.here[events], self.asked[events], self.teaching[events])


def measure(subjects: Keyed, moves: Move, least_days: int) -> NDArray[np.bool_]:
    """Whether both ends of each asked event were familiar before its day, (n,) in sorted order; and learn."""
    day = subjects.latest // _DAY_S
    familiar = np.zeros(len(day), bool)
    for parts, events in waves(subjects.runs, day):
        rows = subjects.rows[parts.run]
        memory = subjects.table.read("familiar", rows)
        _turn(memory, day[parts.start])
        familiar[events] = _judge_and_learn(memory, parts.of, moves.of(events), least_days)
        subjects.table.write("familiar", rows, memory)
    return familiar


def _judge_and_learn(memory: NDArray[Any], of: NDArray[np.int64], moves: Move, least_days: int) -> NDArray[np.bool_]:
    """One day of each of the p subjects in `memory`; `of` (n,) is each event's subject."""
    familiar = np.zeros(len(of), bool)
    asked = np.flatnonzero(moves.asked)
    known = memory[of[asked]]
    both = _knows(known, moves.there[asked], least_days) & _knows(known, moves.here[asked], least_days)
    familiar[asked] = both
    teaches = moves.teaching & (moves.here != 0) & (familiar | ~moves.asked)
    note(memory["today"], of[teaches], moves.here[teaches])
    return familiar


def _knows(memory: NDArray[Any], network: NDArray[np.uint32], least_days: int) -> NDArray[np.bool_]:
    seen = (memory["network"] == network[:, None]) & (memory["days"] >= min(least_days, _MOST_DAYS))
    known: NDArray[np.bool_] = seen.any(axis=1) & (network != 0)
    return known


def note(slots: NDArray[np.uint32], of: NDArray[np.int64], network: NDArray[np.uint32]) -> NDArray[np.int64]:
    """Note the networks that are new in their owner's slots, in order of appearance, as far as there is room.

    Args:
        slots: (p, width) the networks of each owner, changed in place; 0: free, and only behind the last.
        of: (n,) the owner of each network, ascending.
        network: (n,) half keys, not 0.

    Returns:
        The owners that lacked room, perhaps repeatedly.
    """
    new = np.flatnonzero((slots[of] != network[:, None]).all(axis=1))
    if not len(new):
        return new
    order = new[np.lexsort((new, network[new], of[new]))]
    repeated = (of[order][1:] == of[order][:-1]) & (network[order][1:] == network[order][:-1])
    first = np.sort(order[np.append(True, ~repeated)])
    owner = of[first]
    begin = np.append(True, owner[1:] != owner[:-1])
    rank = np.arange(len(first)) - np.flatnonzero(begin)[np.cumsum(begin) - 1]
    place = (slots[owner] != 0).sum(axis=1) + rank
    room = place < slots.shape[1]
    slots[owner[room], place[room]] = network[first[room]]
    late: NDArray[np.int64] = owner[~room]
    return late


def _turn(memory: NDArray[Any], day: NDArray[np.int64]) -> None:
    """Close the day before `day` in `memory` (p,): its networks, seen a day more often, go to the front."""
    turning = np.flatnonzero(day != memory["day"])
    old = memory[turning]
    for place in range(TODAY):
        closing = np.flatnonzero(old["today"][:, place])
        old[closing] = _to_the_front(old[closing], place)
    old["today"] = 0
    old["day"] = day[turning]
    memory[turning] = old


def _to_the_front(memory: NDArray[Any], place: int) -> NDArray[Any]:
    network = memory["today"][:, place]
    seen = memory["network"] == network[:, None]
    before = np.where(seen, memory["days"], 0).max(axis=1, initial=0)
    at = np.where(seen.any(axis=1), seen.argmax(axis=1), KEPT - 1)
    moves = np.arange(1, KEPT) <= at[:, None]  # what stood before it goes one back
    for name, front in (("network", network), ("days", np.minimum(before.astype(np.int64) + 1, _MOST_DAYS))):
        memory[name][:, 1:] = np.where(moves, memory[name][:, :-1], memory[name][:, 1:])
        memory[name][:, 0] = front
    return memory
