"""The bench of bulks runs, and reports what it promises."""

import pytest

from bench import bulk


@pytest.mark.redis
def test_bulk_reports_its_figures() -> None:
    """A small run prints sessions a second, the bare writes, and how long each step took."""
    figures = bulk.run(["--sessions", "600"])

    steps = {"upload_seconds", "dry_run_seconds", "run_seconds", "undo_seconds"}
    assert set() == ({"name", "value", "unit", "reference", "reference_name", "ratio", "sessions"} | steps) - set(
        figures
    )


def test_sizes_are_bounded() -> None:
    """What is no bulk, and more than one takes, is wrong use."""
    with pytest.raises(SystemExit):
        bulk.run(["--sessions", "1000001"])
