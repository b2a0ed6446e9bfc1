"""Runs a simulation to its end and writes it down: the telemetry, and the truth about it."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, get_args

import msgspec

from ingest.formats.event import RefreshEvent
from ingest.instant import rfc3339
from tokenward.faults import WrongUse
from tokenward.simulate.people import HOUR, MINUTE
from tokenward.simulate.simulation import Simulation
from tokenward.simulate.thefts import Kind, Theft

KINDS: tuple[Kind, ...] = get_args(Kind)
QUIET_MS = 25 * MINUTE
"""Before the first theft: whoever is robbed has a past."""
ECHO_MS = 6 * MINUTE
"""After the last one, so that its victim comes back."""

Write = Callable[[RefreshEvent], None]


class Span(msgspec.Struct, frozen=True):
    """Which simulation: repeatable by these members alone. `start` is epoch milliseconds."""

    seed: int
    sessions: int
    hours: float
    thefts: int
    start: int

    @property
    def end(self) -> int:
        """The first moment that is not simulated any more."""
        return self.start + round(self.hours * HOUR)

    def schedule(self) -> list[tuple[Kind, int]]:
        """The thefts, evenly spread, each kind in turn.

        Raises:
            WrongUse: there is no time for them.
        """
        first, last = self.start + QUIET_MS, self.end - ECHO_MS
        if self.thefts and last < first:
            least = (QUIET_MS + ECHO_MS) / HOUR
            raise WrongUse(f"Thefts need people with a past: simulate at least {least:.2f} hours, or no thefts.")
        step = (last - first) // max(self.thefts, 1)
        return [(KINDS[number % len(KINDS)], first + number * step) for number in range(self.thefts)]


def simulate(span: Span, write: Write) -> tuple[int, list[Theft]]:
    """Hand every event to `write`, in order; returns how many there were, and the thefts."""
    simulation = Simulation(seed=span.seed, sessions=span.sessions, start=span.start, thefts=span.schedule())
    thefts: dict[str, Theft] = {}
    events = 0
    for event, theft in simulation.until(span.end):
        write(event)
        events += 1
        if theft is not None:
            thefts[theft.sid] = theft
    return events, sorted(thefts.values(), key=lambda theft: theft.at)


def labels(span: Span, events: int, thefts: Sequence[Theft]) -> list[dict[str, Any]]:
    """The truth, an object a line: each theft, then what was simulated."""
    told = [{"type": "theft", **msgspec.to_builtins(theft), "at": rfc3339(theft.at)} for theft in thefts]
    return [*told, {"type": "simulation", **msgspec.to_builtins(span), "events": events, "thefts": len(thefts)}]


def write_labels(path: Path, lines: Sequence[dict[str, Any]]) -> None:
    """Write them, an object a line."""
    with path.open("wb") as file:
        file.writelines(msgspec.json.encode(line) + b"\n" for line in lines)
