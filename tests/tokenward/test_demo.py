"""The demonstration as a stranger runs it: everything starts, every theft is stopped, nothing stays behind."""

import json
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.process import end, until
from tests.tokenward.command import program, start


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder with a short name: the path of a socket in it has a limit."""
    with tempfile.TemporaryDirectory(prefix="tw-") as folder:
        yield Path(folder)


def left_behind(folder: Path) -> list[str]:
    """Files of the demonstration in `folder`, and processes that were started with it."""
    files = [path.name for path in folder.iterdir() if path.name.startswith("tokenward-")]
    commands = [_command(path) for path in Path("/proc").glob("[0-9]*/cmdline")]
    return files + [command for command in commands if str(folder) in command]


def _command(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError):
        return ""  # it has ended meanwhile


@pytest.mark.slow
def test_ten_seconds_stop_every_theft(place: Path) -> None:
    """Four kinds of theft are refused, no honest person is touched, the trail replays, and nothing is left running."""
    done = program("demo", "--seconds", "10", "--json", folder=place, settings={"TMPDIR": str(place)})

    lines = [json.loads(line) for line in done.stdout.splitlines()]
    thefts = {line["kind"]: line for line in lines if line["type"] == "theft"}
    summary = lines[-1]
    assert (0, "") == (done.returncode, done.stderr)
    assert {"replayed_grandparent", "thief_first", "impossible_travel", "refresh_burst"} == set(thefts)
    assert {"allow"} == {theft["gateway_before"] for theft in thefts.values()}
    assert {"thief_first": "deny", "replayed_grandparent": "deny"} == {
        kind: theft["gateway_after"] for kind, theft in thefts.items() if theft["decided"] == "revoke"
    }
    assert (4, 4, 0) == (summary["thefts"], summary["stopped"], summary["honest_touched"])
    trail = summary["audit"]
    assert (0, 0) == (trail["faults"], trail["differences"])
    assert 4 <= trail["replayed"] < trail["records"]
    assert [] == left_behind(place)


@pytest.mark.slow
def test_it_ends_when_told(place: Path) -> None:
    """SIGTERM in the middle ends everything that it started, without a traceback."""
    process = start("demo", folder=place, settings={"TMPDIR": str(place)})
    try:
        until(lambda: "a gateway asks" in (place / "log").read_text(), "the system", seconds=60)
        process.send_signal(signal.SIGTERM)
        code = process.wait(20)
    finally:
        end(process)

    assert 130 == code
    assert "Traceback" not in (place / "log").read_text()
    assert [] == left_behind(place)
