"""Difference: what two policies decide otherwise on the same telemetry, told window by window in bounded memory.

Both replays go through the same batches side by side. Of each decision (whom it is about, for which reasons, in which
window of 15 minutes) counts the strongest that each policy came to. Once stream time has left a window behind it is
compared and forgotten.
"""

from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator
from typing import Any, Final, Literal

from detector.tallies import Tallies
from ingest.formats import RefreshEvent
from revocation.alert import Alert
from revocation.decide import WINDOW_MS
from revocation.record import Subject
from tokenward.lines import Line
from tokenward.replay import Replay, batched, shown

Change = Literal["same", "only_a", "only_b", "stronger", "weaker"]
CHANGES: Final[tuple[Change, ...]] = ("same", "only_a", "only_b", "stronger", "weaker")
MOST_OPEN: Final = 200_000
"""Decisions that wait for their window to end; of more the oldest are compared at once."""

Key = tuple[str, Subject, tuple[str, ...], int]
Side = tuple[tuple[int, int], Alert]


class Difference:
    """The comparison of two replays; `totals` counts as it goes."""

    def __init__(self, a: Replay, b: Replay) -> None:
        self.totals: Counter[Change] = Counter()
        self._replays = (a, b)
        self._open: OrderedDict[Key, tuple[dict[int, Side], RefreshEvent, Tallies | None]] = OrderedDict()

    def lines(self, lines: Iterable[Line]) -> Iterator[dict[str, Any]]:
        """Each decision that is not the same, oldest window first."""
        for part in batched(lines):
            for number, replay in enumerate(self._replays):
                for alert, event, told in replay.step(part):
                    self._add(number, alert, event, told)
            yield from self._settled(self._replays[0].now // WINDOW_MS - 1)
        yield from self._settled(None)

    def summary(self, seconds: float) -> dict[str, Any]:
        """The last line of the output."""
        counts: dict[str, int] = {change: self.totals[change] for change in CHANGES}
        return {"type": "summary", "events": self._replays[0].tally.events, **counts, "seconds": round(seconds, 3)}

    def _add(self, number: int, alert: Alert, event: RefreshEvent, told: Tallies | None) -> None:
        key = (alert.kind, alert.subject, alert.reasons, alert.at // WINDOW_MS)
        sides, *_ = self._open.setdefault(key, ({}, event, told))
        side = (strength(alert), alert)
        sides[number] = max(sides.get(number, side), side, key=lambda known: known[0])

    def _settled(self, before: int | None) -> Iterator[dict[str, Any]]:
        """Compare the windows before that one (None: all)."""
        excess = len(self._open) - MOST_OPEN
        ended = [key for place, key in enumerate(self._open) if before is None or key[-1] < before or place < excess]
        for key in sorted(ended, key=lambda ended_key: ended_key[-1]):
            sides, event, told = self._open.pop(key)
            change = changed(sides)
            self.totals[change] += 1
            if change != "same":
                yield _line(change, sides, event, told)


def strength(alert: Alert) -> tuple[int, int]:
    """How much is done: the level of what is written to the registry (0: nothing is), then the level that is told."""
    return alert.level if alert.enforcement == "enforced" else 0, alert.level


def changed(sides: dict[int, Side]) -> Change:
    """What policy B (1) does otherwise than A (0)."""
    if len(sides) == 1:
        return "only_b" if 1 in sides else "only_a"
    a, b = sides[0][0], sides[1][0]
    return "same" if a == b else "stronger" if b > a else "weaker"


def _line(change: Change, sides: dict[int, Side], event: RefreshEvent, tallies: Tallies | None) -> dict[str, Any]:
    told = [sides[number][1] if number in sides else None for number in (0, 1)]
    of_b_or_a = told[1] or told[0]
    assert of_b_or_a is not None  # noqa: S101 - one side has told it, else there were no sides
    decision = shown(of_b_or_a, event, tallies)
    names = ("at", "scope", "iss", "sub", "sid", "client_id", "ip", "reasons", "cause")
    levels = {name: _does(alert) for name, alert in zip("ab", told, strict=True)}
    return {
        "type": "difference",
        "change": change,
        "kind": of_b_or_a.kind,
        **{name: decision[name] for name in names if name in decision},
        **levels,
    }


def _does(alert: Alert | None) -> dict[str, Any] | None:
    if alert is None:
        return None
    return {"level": alert.level.slug, "enforcement": alert.enforcement, "score": alert.score, "id": alert.id}
