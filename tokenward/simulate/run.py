"""Runs a simulation to its end and writes it down: the telemetry, and the truth about it."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from ingest.formats.event import RefreshEvent
from ingest.instant import rfc3339
from tokenward.faults import WrongUse
from tokenward.simulate.habits import HABITS
from tokenward.simulate.provider import HOUR, MINUTE
from tokenward.simulate.simulation import Happening, Simulation
from tokenward.simulate.storms import Storm
from tokenward.simulate.thefts import CLASSIC, Kind, Theft

QUIET_MS = 25 * MINUTE
"""Before the first theft: whoever is robbed has a past."""
ECHO_MS = 6 * MINUTE
"""After the last one, so that its victim comes back."""

Write = Callable[[RefreshEvent], object]


class Span(msgspec.Struct, frozen=True):
    """Which simulation: repeatable by these members alone. `start` is epoch milliseconds."""

    seed: int
    sessions: int
    hours: float
    thefts: int
    start: int
    attacks: tuple[Kind, ...] = CLASSIC
    storms: tuple[Storm, ...] = ()
    habits: bool = False

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
        if (self.thefts or self.storms) and last < first:
            least = (QUIET_MS + ECHO_MS) / HOUR
            raise WrongUse(f"Thefts need people with a past: simulate at least {least:.2f} hours, or no thefts.")
        step = (last - first) // max(self.thefts, 1)
        return [(self.attacks[number % len(self.attacks)], first + number * step) for number in range(self.thefts)]

    def forecast(self) -> list[tuple[Storm, int]]:
        """The storms, evenly spread."""
        first, last = self.start + QUIET_MS, self.end - ECHO_MS
        step = (last - first) // max(len(self.storms), 1)
        return [(kind, first + number * step + step // 2) for number, kind in enumerate(self.storms)]

    def simulation(self) -> Simulation:
        """The simulation at its beginning."""
        return Simulation(
            seed=self.seed,
            sessions=self.sessions,
            start=self.start,
            thefts=self.schedule(),
            storms=self.forecast(),
            habits=self.habits,
        )


class Truth:
    """What is known of a simulation besides its events: gathered as they come."""

    def __init__(self, simulation: Simulation) -> None:
        self.storms = simulation.storms
        self.people = Counter(person.habit for person in simulation.people)
        self.events = 0
        self._thefts: dict[int, Theft] = {}

    def see(self, happening: Happening) -> None:
        """Take note of what happened."""
        self.events += 1
        if happening.theft is not None:
            self._thefts[id(happening.theft)] = happening.theft

    @property
    def thefts(self) -> list[Theft]:
        """Those that happened, by when they could be known."""
        return sorted(self._thefts.values(), key=lambda theft: theft.at)


def simulate(span: Span, write: Write) -> Truth:
    """Hand every event to `write`, in order; returns what is true of them."""
    simulation = span.simulation()
    truth = Truth(simulation)
    for happening in simulation.until(span.end):
        write(happening.event)
        truth.see(happening)
    return truth


def labels(span: Span, truth: Truth) -> list[dict[str, Any]]:
    """The truth, an object a line: each attack, storm and habit, then what was simulated."""
    told: list[dict[str, Any]] = [_line("theft", theft, at=rfc3339(theft.at)) for theft in truth.thefts]
    told += [_line("storm", storm, begins=rfc3339(storm.begins), ends=rfc3339(storm.ends)) for storm in truth.storms]
    if span.habits:
        told += [
            {"type": "habit", "habit": habit.name, "sub_prefix": habit.prefix, "sessions": truth.people[habit.name]}
            for habit in HABITS
        ]
    return [*told, _line("simulation", span, events=truth.events, thefts=len(truth.thefts))]


def _line(kind: str, value: msgspec.Struct, **told: object) -> dict[str, Any]:
    return {"type": kind, **msgspec.to_builtins(value), **told}


def write_labels(path: Path, lines: Sequence[dict[str, Any]]) -> None:
    """Write them, an object a line."""
    with path.open("wb") as file:
        file.writelines(msgspec.json.encode(line) + b"\n" for line in lines)
