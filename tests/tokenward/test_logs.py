"""Logs: one line a record, members and all."""

import json
import logging
from collections.abc import Iterator

import pytest

from tokenward import logs


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """Logging as it was before."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


def test_json_carries_the_members(capsys: pytest.CaptureFixture[str]) -> None:
    """What a record is about stands in members of its own."""
    logs.set_up(json=True)

    logging.getLogger("ingest.lanes").info("partition prepared", extra={"partition": ("t", 1), "replay": 5})

    told = json.loads(capsys.readouterr().err)
    assert told.pop("at").endswith("Z")
    expected = {"level": "info", "logger": "ingest.lanes", "message": "partition prepared"}
    assert {**expected, "partition": ["t", 1], "replay": 5} == told


def test_text_is_one_line_even_for_errors(capsys: pytest.CaptureFixture[str]) -> None:
    """An exception is named, not printed over a screen."""
    logs.set_up(json=False)

    try:
        int("It broke.")
    except ValueError:
        logging.getLogger("a").exception("failed")

    line = capsys.readouterr().err
    assert line.endswith("base 10: 'It broke.'\n")
    assert 1 == line.count("\n")


def test_libraries_are_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    """What Kafka's client tells of its connections is left out."""
    logs.set_up(json=False)

    logging.getLogger("kafka.conn").info("connected")

    assert "" == capsys.readouterr().err
