"""A thread that follows a registry: step after step, and later and later while it does not answer."""

import random
import threading
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self

from revocation.errors import CursorLost, RegistryError

FIRST_PAUSE = 0.05
LONGEST_PAUSE = 5.0
"""Seconds between attempts; doubled each time, then drawn from the upper half so that replicas do not come at once."""


class Stopped(Exception):  # noqa: N818 - no error
    """`stop` was called while a step was under way."""


class Following(ABC):
    """Repeats `step` in a thread until `stop`. A subclass says what a step is, and calls `_begun` after the first."""

    def __init__(self, name: str, longest_pause: float = LONGEST_PAUSE) -> None:
        #: Snapshots taken because the past was lost; the first is not counted.
        self.resyncs = 0
        #: Calls that the registry did not answer.
        self.failures = 0
        #: The last failure's sentence; None while the registry answers.
        self.trouble: str | None = None
        self._longest_pause = longest_pause
        #: Attempts in a row that failed.
        self._streak = 0
        self._ready = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @abstractmethod
    def step(self) -> None:
        """Take the next piece of what is followed, waiting for it within a bound.

        Raises:
            RegistryError: there is none; the same step is tried again after a pause.
            CursorLost: the past is gone; `lost` is called, and the next step begins anew.
            Stopped: `stopping` was noticed.
        """

    @abstractmethod
    def lost(self) -> None:
        """The past is gone: the next step takes a snapshot."""

    @property
    def stopping(self) -> bool:
        """Whether `stop` was called: a long step ends by raising `Stopped`."""
        return self._stopping.is_set()

    @property
    def ready(self) -> bool:
        """Whether a snapshot has been applied; it stays so when the registry is gone."""
        return self._ready.is_set()

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def wait_ready(self, seconds: float) -> bool:
        """Wait for the first snapshot; say whether it came."""
        return self._ready.wait(seconds)

    def start(self) -> None:
        """Start the thread; once."""
        self._thread.start()

    def end(self) -> None:
        """Let the thread end as soon as it can; returns at once."""
        self._stopping.set()

    def stop(self, patience: float = 5.0) -> None:
        """End the thread and wait for it, at most `patience` seconds."""
        self.end()
        if self._thread.ident is not None:
            self._thread.join(patience)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _begun(self) -> None:
        self._ready.set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self.step()
            except Stopped:
                return
            except CursorLost:
                self.lost()
                self.resyncs += 1
                self._pause()
            except RegistryError as error:
                self.failures += 1
                self.trouble = str(error)
                self._pause()
            else:
                self.trouble = None
                self._streak = 0

    def _pause(self) -> None:
        ceiling = min(self._longest_pause, FIRST_PAUSE * 2.0 ** min(self._streak, 30))
        self._streak += 1
        self._stopping.wait(ceiling * random.uniform(0.5, 1.0))  # noqa: S311 - spreads replicas, guards nothing
