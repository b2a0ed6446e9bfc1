"""Moments: RFC 3339 text and epoch milliseconds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.instant import epoch_ms, rfc3339


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2026-01-02T03:04:05.678Z", 1_767_323_045_678),
        ("2026-01-02t03:04:05.678z", 1_767_323_045_678),
        ("2026-01-02T05:34:05.678999999+02:30", 1_767_323_045_678),
        ("1969-12-31T23:59:59.999Z", -1),
    ],
)
def test_text_is_read_to_the_millisecond(text: str, ms: int) -> None:
    """Offsets count, finer fractions are cut off."""
    assert ms == epoch_ms(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2026-01-02",
        "2026-01-02T03:04:05",
        "2026-13-01T00:00:00Z",
        "2026-01-02T03:04:05Z" * 3,
        "٢٠٢٦-01-02T03:04:05Z",
    ],
)
def test_what_is_no_time_is_refused_without_repeating_it(text: str) -> None:
    """No offset, no such day, no time at all: one sentence, and it does not quote."""
    with pytest.raises(ValueError, match=r"^A time is RFC 3339 with an offset, such as 2026-01-02T03:04:05\.678Z\.$"):
        epoch_ms(text)


@given(text=st.text(max_size=45))
def test_any_text_is_a_time_or_a_value_error(text: str) -> None:
    """Nothing else comes out of hostile text."""
    try:
        assert isinstance(epoch_ms(text), int)
    except ValueError as error:
        assert "RFC 3339" in str(error)  # noqa: PT017 - either answer is right


@given(ms=st.integers(-62_135_596_800_000, 253_402_300_799_999))
def test_there_and_back(ms: int) -> None:
    """Every millisecond of every calendar year survives its text."""
    assert ms == epoch_ms(rfc3339(ms))
