"""Loop: turn after turn until it is told to end; what all services that read Kafka share."""

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar, Generic, TypeVar

from ingest.errors import TurnLost
from ingest.exchange import Exchange


@dataclass(slots=True)
class Clocked:
    """What any turn counts: how long each step took, seconds, and whether it was given up."""

    seconds: dict[str, float] = field(default_factory=dict)
    lost: bool = False
    _since: float = field(default_factory=time.perf_counter)

    def lap(self, step: str) -> None:
        """The step ends here."""
        now = time.perf_counter()
        self.seconds[step] = now - self._since
        self._since = now


T = TypeVar("T", bound=Clocked)
R = TypeVar("R")


class Loop(ABC, Generic[T, R]):
    """`step` does one turn and reports it; nothing else changes anything. Not for several threads."""

    #: The names of the numbered steps.
    STEPS: ClassVar[tuple[str, ...]]

    def __init__(self, exchange: Exchange, on_step: Callable[[int], None], on_report: Callable[[R], None]) -> None:
        """Wire it.

        Args:
            exchange: the group member that reads, and the producer beside it.
            on_step: called after each numbered step of a turn that has records.
            on_report: called at the end of each turn, and whenever one has to wait for Redis or Kafka.
        """
        self._exchange = exchange
        self._on_step = on_step
        self._on_report = on_report
        exchange.on_stall = self._stalled

    def run(self, stop: threading.Event) -> None:
        """Turn after turn until `stop` is set; then `close`.

        Raises:
            FencedInstanceIdError: another process bears the same instance name.
        """
        self._exchange.stop = stop
        try:
            while not stop.is_set():
                self.step()
        finally:
            self.close()

    def close(self) -> None:
        """Disconnect."""
        self._exchange.close()

    def step(self) -> R:
        """One turn, from the first numbered step to the last."""
        turn = self._begin()
        try:
            self._turn(turn)
        except TurnLost:
            turn.lost = True
            self._forget(turn)
        report = self._report(turn)
        self._on_report(report)
        return report

    def _done(self, turn: T, step: int) -> None:
        turn.lap(self.STEPS[step - 1])
        self._on_step(step)

    def _stalled(self, reason: str) -> None:
        self._on_report(self._stall(reason))

    @abstractmethod
    def _begin(self) -> T:
        """A turn that has done nothing yet."""

    @abstractmethod
    def _turn(self, turn: T) -> None:
        """The numbered steps."""

    @abstractmethod
    def _forget(self, turn: T) -> None:
        """The turn was lost: what it read is to be read again from the committed offsets."""

    @abstractmethod
    def _report(self, turn: T) -> R:
        """What the turn did."""

    @abstractmethod
    def _stall(self, reason: str) -> R:
        """The report of a wait."""
