"""Each scenario's file through decode, engine and policy, as `tokenward replay` does it, against what is expected."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from ingest.columns import Columns
from ingest.formats import FORMATS
from revocation.issuers import Issuers
from revocation.policy import Policy, Rules
from tokenward.lines import Line
from tokenward.replay import Replay

HERE = Path(__file__).parent
FOLDERS = sorted(path.parent for path in HERE.glob("*/expected.json"))


def replayed(folder: Path, format_name: str, batch_size: int) -> tuple[Replay, list[dict[str, Any]]]:
    """The scenario's replay, and its decisions."""
    lines = (folder / "events.ndjson").read_bytes().splitlines()
    replay = Replay(
        FORMATS[format_name],
        Issuers(fallback=True),
        Columns(b"k" * 32, None),
        Rules.of(Policy()),
        batch_size=batch_size,
    )
    numbered = (Line("events.ndjson", number, value) for number, value in enumerate(lines, 1))
    return replay, list(replay.decisions(numbered))


@pytest.mark.parametrize("batch_size", [1, 7, 10_000])
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_scenario_ends_as_expected(folder: Path, batch_size: int) -> None:
    """Exactly the expected families are revoked and quarantined, for the expected reasons, in any batches."""
    expected = json.loads((folder / "expected.json").read_text())

    replay, decisions = replayed(folder, expected["format"], batch_size)

    named = {word: sorted(d["sid"] for d in decisions if d["level"] == word) for word in ("revoke", "quarantine")}
    assert {
        "format": expected["format"],
        "revoked": named["revoke"],
        "quarantined": named["quarantine"],
        "reasons": dict(Counter(reason for decision in decisions for reason in decision["reasons"])),
        "rejected": dict(replay.tally.rejected),
    } == expected
