"""The registry's time, and how old what is known is, whatever this machine's clock says."""

import time
from typing import Final, NamedTuple

#: Counts while the machine is suspended, too, where the system has such a clock: what is known ages meanwhile.
STEADY: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class _Heard(NamedTuple):
    """What the feed said of time, and when that was by the steady clock. Milliseconds."""

    at: int
    age: int
    steady: int


class FeedClock:
    """Goes by what the feed said last; one thread tells it, any number ask.

    Entries end by the clock of those who wrote them: a gateway whose own is an hour ahead would let pass what is
    refused for an hour.
    """

    def __init__(self) -> None:
        self._heard: _Heard | None = None

    def heard(self, at: int, age: int) -> None:
        """The feed's server said that its time is `at`, and that it heard of the registry `age` ms before."""
        self._heard = _Heard(at, max(0, age), _steady())

    @property
    def now(self) -> int:
        """Epoch milliseconds."""
        heard = self._heard
        return time.time_ns() // 1_000_000 if heard is None else heard.at + _steady() - heard.steady

    @property
    def age(self) -> int | None:
        """For how many milliseconds nothing was heard of the registry; None: nothing ever was."""
        heard = self._heard
        return None if heard is None else heard.age + _steady() - heard.steady


def _steady() -> int:
    return time.clock_gettime_ns(STEADY) // 1_000_000
