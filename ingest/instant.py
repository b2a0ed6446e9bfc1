"""Moments in time: RFC 3339 text to epoch milliseconds and back, in integers; no clock is asked."""

from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_LONGEST: Final = 40
"""Characters of the longest text tried: nanoseconds and an offset make 35."""


def epoch_ms(text: str) -> int:
    """The epoch milliseconds of an RFC 3339 time, finer fractions cut off.

    Raises:
        ValueError: it is no such time, or has no offset from UTC; the sentence does not repeat it.
    """
    moment = None
    if len(text) <= _LONGEST and text.isascii():
        try:
            moment = datetime.fromisoformat(text.upper())
        except ValueError:
            moment = None
    if moment is None or moment.tzinfo is None:
        raise ValueError("A time is RFC 3339 with an offset, such as 2026-01-02T03:04:05.678Z.")
    return (moment - _EPOCH) // _MILLISECOND


def rfc3339(ms: int) -> str:
    """The RFC 3339 text of epoch milliseconds, in UTC: `2026-01-02T03:04:05.678Z`.

    Raises:
        OverflowError: no calendar year has it.
    """
    return (_EPOCH + ms * _MILLISECOND).isoformat(timespec="milliseconds").replace("+00:00", "Z")
