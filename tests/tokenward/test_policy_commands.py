"""`tokenward policy`, as it is called from a shell."""

import json
from pathlib import Path
from typing import Any

import pytest

from revocation.policy import policy_schema
from tests.tokenward.command import tokenward
from tokenward import difference

THEFT = Path(__file__).parents[1] / "scenarios" / "grandparent" / "events.ndjson"
BLIND = "[thresholds]\nwatch = 1\nquarantine = 1\nrevoke = 1\n"


def changes(folder: Path, a: str, b: str) -> list[dict[str, Any]]:
    """What B decides otherwise than A on a stolen session, the time it took left out."""
    (folder / "a.toml").write_text(a)
    (folder / "b.toml").write_text(b)
    done = tokenward("policy", "diff", "a.toml", "b.toml", str(THEFT), "--format", "keycloak", "--json", folder=folder)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert (0, "") == (done.returncode, done.stderr)
    assert lines[-1].pop("seconds") >= 0
    return lines


def test_equal_policies_decide_the_same(tmp_path: Path) -> None:
    """Nothing is listed, and the totals say that there was something to compare."""
    (summary,) = changes(tmp_path, "", "quarantine_seconds = 60\n")

    assert summary["same"] > 0
    assert [0] * 4 == [summary[name] for name in ("only_a", "only_b", "stronger", "weaker")]


@pytest.mark.parametrize(
    ("a", "b", "change"),
    [
        ("", 'mode = "shadow"\n', "weaker"),
        (BLIND, "", "stronger"),
        ("[thresholds]\nrevoke = 1\n", 'mode = "shadow"\n', "weaker"),
    ],
)
def test_a_decision_that_changes_is_listed(tmp_path: Path, a: str, b: str, change: str) -> None:
    """Each line says what either policy does, about whom and why."""
    line, *_, summary = changes(tmp_path, a, b)

    assert (change, ["reuse.theft_confirmed"]) == (line["change"], line["reasons"])
    assert line["a"]["enforcement"] != line["b"]["enforcement"]
    assert line["sid"]
    assert summary[change] >= 1


def test_decisions_of_one_policy_alone_are_listed(tmp_path: Path) -> None:
    """Where a session is revoked, the provider's further refreshes are told, and nothing of them where it is not."""
    shadow, other = 'mode = "shadow"\n', ""
    there = changes(tmp_path, shadow, other)
    back = changes(tmp_path, other, shadow)

    assert there[-1]["only_b"] == back[-1]["only_a"]
    assert there[-1]["stronger"] == back[-1]["weaker"] >= 1


def test_people_get_a_table(tmp_path: Path) -> None:
    """Without --json the changes stand in a table, and a sentence sums up."""
    (tmp_path / "a.toml").write_text("")
    (tmp_path / "b.toml").write_text('mode = "shadow"\n')

    done = tokenward("policy", "diff", "a.toml", "b.toml", str(THEFT), "--format", "keycloak", folder=tmp_path)

    assert "revoke (enforced)" in done.stdout
    assert "weaker" in done.stdout
    assert "decisions:" in done.stdout


def test_a_comparison_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With more decisions than may wait the oldest are compared at once, and nothing is lost."""
    waited = changes(tmp_path, "", 'mode = "shadow"\n')
    monkeypatch.setattr(difference, "MOST_OPEN", 0)

    assert waited == changes(tmp_path, "", 'mode = "shadow"\n')


def test_a_policy_is_checked(tmp_path: Path) -> None:
    """An accepted one names what nothing answers to; a bad one is a failure with its sentence."""
    (tmp_path / "good.toml").write_text('mode = "shadow"\n[tenants.acme]\nrevoke = 1\n')
    (tmp_path / "bad.toml").write_text("nope = 1\n")

    good = tokenward("policy", "check", "good.toml", folder=tmp_path)
    told = json.loads(tokenward("policy", "check", "good.toml", "--json", folder=tmp_path).stdout)
    bad = tokenward("policy", "check", "bad.toml", folder=tmp_path)

    assert "tenants.acme: no configured issuer" in good.stdout
    assert (True, ["tenants.acme"]) == (told["accepted"], told["unused"])
    assert (1, True) == (bad.returncode, "unknown field `nope`" in bad.stderr)


def test_the_schema_is_printed(tmp_path: Path) -> None:
    """It is the file in the documents."""
    assert policy_schema().decode() == tokenward("policy", "schema", folder=tmp_path).stdout


def test_a_format_that_is_none_is_wrong_use(tmp_path: Path) -> None:
    """The sentence names those that there are."""
    (tmp_path / "a.toml").write_text("")
    done = tokenward("policy", "diff", "a.toml", "a.toml", str(THEFT), "--format", "x", folder=tmp_path)

    assert (2, True) == (done.returncode, "There is no format x" in done.stderr)
