"""The reference pages are what the code says."""

from pathlib import Path

import pytest

from tokenward.reference import (
    PAGES,
    issuer_rows,
    principal_rows,
    profile_rows,
    receiver_rows,
    rows,
    transmitter_rows,
    write_pages,
)

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_as_new_as_the_code(name: str) -> None:
    """docs/settings.md and docs/metrics.md are what `tokenward settings --docs docs` writes today."""
    assert PAGES[name]() == (DOCS / name).read_text()


def test_every_setting_says_what_it_means() -> None:
    """Each has a description that is a sentence."""
    mute = [
        row.name
        for row in (*rows(), *issuer_rows(), *profile_rows(), *principal_rows(), *transmitter_rows(), *receiver_rows())
        if not row.meaning.rstrip("`").endswith(".")
    ]

    assert [] == mute


def test_pages_are_written_where_asked(tmp_path: Path) -> None:
    """Each page lands in the folder under its name."""
    assert sorted(PAGES) == sorted(path.name for path in write_pages(tmp_path))
