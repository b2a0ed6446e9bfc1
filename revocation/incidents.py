"""Incidents: evidence that whole populations show at once, told once each. PURE."""

from collections import OrderedDict


class Incidents:
    """Since when each (cause, issuer) is held. It is over once nothing was held for the stated time."""

    def __init__(self, incidents: int = 10_000) -> None:
        self._capacity = incidents
        self._last: OrderedDict[tuple[int, int], int] = OrderedDict()

    def begins(self, cause: int, issuer: int, at: int, hold_ms: int, *, marked: bool) -> bool:
        """Whether evidence that is held at `at` begins an incident; `marked`: the detector says that a segment's does.

        While one is open, what other segments of the issuer show for the same cause belongs to it.
        """
        key = (cause, issuer)
        last = self._last.get(key)
        is_open = last is not None and at - last <= hold_ms
        if is_open or marked:
            self._last[key] = max(at, last or at)
            self._last.move_to_end(key)
        if len(self._last) > self._capacity:
            self._last.popitem(last=False)
        return marked and not is_open

    def __len__(self) -> int:
        return len(self._last)
