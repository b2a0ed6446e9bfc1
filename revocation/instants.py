"""Moments as people write them in a file; no clock is asked, and below this file they are epoch milliseconds."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

import msgspec

Instant = Annotated[
    datetime, msgspec.Meta(tz=True, description="A moment with its offset from UTC: 2026-12-31T18:00:00Z")
]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def epoch_ms(moment: Instant) -> int:
    """Epoch milliseconds, finer fractions cut off."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)
