"""The scenarios' folders: written from their stories, and readable."""

from collections import Counter

import pytest

from ingest.formats import Reject
from tests.builders import ISSUERS
from tests.ingest.examples import decoded
from tests.scenarios.__main__ import HERE, files
from tests.scenarios.stories import SCENARIOS


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_folder_is_what_its_story_says(name: str) -> None:
    """After a change of a story or a builder: `python -m tests.scenarios`, and look at the difference."""
    expected = files(name, SCENARIOS[name])

    assert expected == {path.name: path.read_bytes() for path in (HERE / name).iterdir()}


@pytest.mark.parametrize("name", SCENARIOS)
def test_only_the_garbage_is_rejected(name: str) -> None:
    """Every other line is an event."""
    expected = SCENARIOS[name].expected
    outcomes = [decoded(expected["format"], line, ISSUERS) for line in SCENARIOS[name].lines]

    assert expected["rejected"] == Counter(outcome.reason for outcome in outcomes if isinstance(outcome, Reject))
