"""A lane knows what had its effects before, what was seen, and what may be committed."""

from detector.batch import RefreshBatch
from detector.config import DetectorConfig
from ingest.lane import Lane
from ingest.source import Place
from ingest.telemetry import SessionJudge
from tests.ingest.records import record

CONFIG = DetectorConfig(families=4, subjects=4)


def lane(effects_from: int, next_offset: int, committed: int | None) -> Lane[RefreshBatch]:
    """A lane with an engine that has seen nothing."""
    return Lane(SessionJudge(CONFIG), effects_from=effects_from, next_offset=next_offset, committed=committed)


def offsets(lane: Lane[RefreshBatch], *numbers: int) -> list[tuple[bool, list[int]]]:
    """How the lane cuts records at these offsets."""
    return [(live, [one.offset for one in part]) for live, part in lane.cut([record(b"", n) for n in numbers])]


def test_what_was_committed_is_read_again_without_effects() -> None:
    """A poll that spans the committed offset is cut there."""
    assert [(False, [3, 4]), (True, [5, 7])] == offsets(lane(5, 3, 5), 3, 4, 5, 7)


def test_a_lane_that_caught_up_has_effects_only() -> None:
    """Behind the committed offset everything is live, in one part."""
    assert [(True, [5, 6])] == offsets(lane(5, 5, 5), 5, 6)


def test_what_the_engine_has_seen_is_passed_over() -> None:
    """A record that comes twice to one process is not processed twice."""
    assert [(True, [6])] == offsets(lane(0, 6, 0), 4, 5, 6)


def test_nothing_is_committed_while_catching_up() -> None:
    """A lane that replays does not move the group back; once past the committed offset it moves it on."""
    one = lane(5, 3, 5)
    one.advance([record(b"", 3, timestamp=10)], 4)
    before = one.place
    one.advance([record(b"", 4, timestamp=30), record(b"", 5, timestamp=20)], 7)

    assert (None, Place(7, 30)) == (before, one.place)


def test_records_without_a_time_leave_none() -> None:
    """Where no record has a timestamp, a restart does not know how far to look back."""
    one = lane(0, 0, None)
    one.advance([record(b"", 0, timestamp=-1)], 1)

    assert Place(1, None) == one.place
