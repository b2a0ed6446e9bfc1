"""`tokenward replay` over files, as it is called from a shell."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import zstandard

from tests.tokenward.command import program, tokenward

SCENARIOS = Path(__file__).parents[1] / "scenarios"
THEFT = SCENARIOS / "grandparent" / "events.ndjson"
GARBAGE = SCENARIOS / "garbage_lines"
MEMBERS = ["type", "at", "level", "scope", "iss", "sub", "sid", "client_id", "ip"]
MEMBERS += ["reasons", "score", "measurements", "events"]
MEMBERS += ["id", "cause", "grades", "weights", "thresholds", "odds", "config", "excused", "segment", "enforcement"]


def objects(output: str) -> list[dict[str, Any]]:
    """The lines of NDJSON, the summary's times left out."""
    lines = [json.loads(line) for line in output.splitlines()]
    for name in ("seconds", "events_per_second"):
        assert lines[-1].pop(name) >= 0
    return lines


def test_decisions_are_as_promised(tmp_path: Path) -> None:
    """A decision has the promised members in their order, names in the clear; the summary counts."""
    done = tokenward("replay", str(THEFT), "--format", "keycloak", "--json", folder=tmp_path)

    *decisions, summary = objects(done.stdout)
    (revoked,) = [decision for decision in decisions if decision["level"] == "revoke"]
    events = [json.loads(line) for line in THEFT.read_bytes().splitlines()]
    assert [name for name in MEMBERS if name in revoked] == list(revoked)
    assert revoked["sid"] in {event["sessionId"] for event in events}
    assert set(revoked["events"]) <= {event["id"] for event in events}
    assert revoked["at"].endswith("Z")
    assert all(revoked["measurements"].values())
    assert 1 == summary["revoked"]
    assert ["type", "events", "rejected", "watched", "quarantined", "revoked"] == list(summary)


def test_packed_files_and_standard_input_say_the_same(tmp_path: Path) -> None:
    """The same events lead to the same output, however they come."""
    content = THEFT.read_bytes()
    (tmp_path / "a.ndjson").write_bytes(content)
    (tmp_path / "a.ndjson.gz").write_bytes(gzip.compress(content))
    (tmp_path / "a.ndjson.zst").write_bytes(zstandard.ZstdCompressor().compress(content))

    arguments = ("--format", "keycloak", "--json")
    outputs = [
        tokenward("replay", name, *arguments, folder=tmp_path).stdout
        for name in ("a.ndjson", "a.ndjson.gz", "a.ndjson.zst")
    ]
    outputs.append(program("replay", "-", *arguments, folder=tmp_path, stdin=content.decode()).stdout)

    assert [objects(outputs[0])] * 4 == [objects(output) for output in outputs]


def test_rejected_lines_are_counted_and_named_by_number_only(tmp_path: Path) -> None:
    """Records that cannot be used are counted by reason; --verbose gives line numbers, never content."""
    expected = json.loads((GARBAGE / "expected.json").read_text())
    arguments = [str(GARBAGE / "events.ndjson"), "--format", expected["format"], "--json", "--verbose"]

    done = tokenward("replay", *arguments, folder=tmp_path)

    summary = objects(done.stdout)[-1]
    assert expected["rejected"] == summary["rejected"]
    assert "eyJ" not in done.stdout + done.stderr
    assert all(reason in done.stderr for reason in expected["rejected"])


def test_people_get_a_table_and_a_summary(tmp_path: Path) -> None:
    """Without --json the decisions stand in a table, and a sentence sums up."""
    done = tokenward("replay", str(THEFT), "--format", "keycloak", folder=tmp_path)

    assert "reuse.theft_confirmed" in done.stdout
    assert "1 revoked, 0 quarantined" in done.stdout


def test_a_policy_file_is_kept_to(tmp_path: Path) -> None:
    """With a threshold that nothing reaches, nobody is revoked."""
    (tmp_path / "policy.toml").write_text("[thresholds]\nquarantine = 1.0\nrevoke = 1.0\n")

    arguments = ["--format", "keycloak", "--policy", "policy.toml", "--json"]
    done = tokenward("replay", str(THEFT), *arguments, folder=tmp_path)

    assert 0 == objects(done.stdout)[-1]["revoked"]


def test_a_policy_that_is_not_accepted_is_a_sentence(tmp_path: Path) -> None:
    """A bad policy file ends the command before anything is read."""
    (tmp_path / "policy.toml").write_text("nope = 1\n")

    done = tokenward("replay", str(THEFT), "--policy", "policy.toml", folder=tmp_path)

    assert (1, 1) == (done.returncode, done.stderr.count("\n"))
    assert "nope" in done.stderr


@pytest.mark.parametrize("option", ["--geoip", "--asn"])
def test_a_geoip_file_that_is_none_is_a_sentence(tmp_path: Path, option: str) -> None:
    """What is no MMDB file is said so."""
    (tmp_path / "places.mmdb").write_bytes(b"no database")

    done = tokenward("replay", str(THEFT), option, "places.mmdb", folder=tmp_path)

    assert (1, 1) == (done.returncode, done.stderr.count("\n"))
    assert "places.mmdb" in done.stderr
