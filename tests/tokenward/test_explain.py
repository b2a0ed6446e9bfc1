"""`tokenward explain` and `feedback`: a decision in sentences and numbers, from files and from the topic."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from detector.odds import Ladder, Odds
from detector.weights import ODDS
from tests.servers.kafka import create_topics
from tests.streams import committed_records, fresh, produce
from tests.tokenward.command import tokenward
from tokenward.explain import explained, sentences
from tokenward.told import Told

ROOT = Path(__file__).parents[2]
SCENARIOS = ROOT / "tests" / "scenarios"
SCHEMA = json.loads((ROOT / "docs" / "schemas" / "feedback.v1.json").read_text())
TABLE = Odds(
    -9_210,
    {
        "travel": Ladder((2,), (9_900,)),
        "cadence": Ladder((20, 50), (5_000, 9_900)),
        "failure": Ladder((20,), (5_000,)),
        "novelty": Ladder((5,), (3_000,)),
    },
)


def told(**given: Any) -> Told:
    """An impossible journey, quarantined."""
    plain: dict[str, Any] = {
        "id": "0" * 32,
        "at": "2026-01-05T08:00:00.000Z",
        "level": "quarantine",
        "score": 0.666,
        "reasons": ["travel.impossible"],
        "grades": {"travel": 2},
        "weights": {"travel": 9.9},
        "odds": TABLE.version,
        "thresholds": {"watch": 0.001, "quarantine": 0.5, "revoke": 0.95},
    }
    return Told(**{**plain, **given})


@pytest.fixture
def decisions(tmp_path: Path) -> list[dict[str, Any]]:
    """What `replay --json` says of a stolen token, also in the file `decisions`."""
    events = SCENARIOS / "grandparent" / "events.ndjson"
    done = tokenward("replay", str(events), "--format", "keycloak", "--json", folder=tmp_path)
    (tmp_path / "decisions").write_text(done.stdout)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return [line for line in lines if line["type"] == "decision"]


def test_a_replayed_decision_is_explained(tmp_path: Path, decisions: list[dict[str, Any]]) -> None:
    """What replay printed is enough: the evidence, its weights and what would have changed the decision."""
    (revoked,) = [decision for decision in decisions if decision["level"] == "revoke"]

    done = tokenward("explain", revoked["id"], "--from", "decisions", folder=tmp_path)

    assert 0 == done.returncode, done.stderr
    for part in ("rotations old", "What it weighed", "The used-up token (grade 5) adds", "Without the used-up token"):
        assert part in done.stdout
    assert f"Table of odds {ODDS.version}" in done.stdout


def test_the_numbers_are_the_decisions(tmp_path: Path, decisions: list[dict[str, Any]]) -> None:
    """--json has the same weights and score, shares that make a whole, and a prior that leads to the score."""
    (revoked,) = [decision for decision in decisions if decision["level"] == "revoke"]

    shown = json.loads(tokenward("explain", revoked["id"], "--from", "decisions", "--json", folder=tmp_path).stdout)

    assert revoked["weights"] == {signal["channel"]: signal["nats"] for signal in shown["signals"]}
    assert 1 == pytest.approx(sum(signal["share"] for signal in shown["signals"]), abs=1e-3)
    assert (revoked["score"], ODDS.prior / 1000, True) == (shown["score"], shown["prior"], shown["exact"])


def test_without_its_only_sign_nothing_is_left() -> None:
    """A single sign taken away leaves the prior, which is not even watched."""
    (without,) = explained(told(), TABLE).without

    assert ("travel", "nothing") == (without.without, without.level)


def test_a_weaker_sign_of_the_same_burst_takes_over() -> None:
    """Cadence and failure of one burst count once; without the stronger the weaker counts."""
    both = told(grades={"cadence": 60, "failure": 30}, weights={"cadence": 9.9}, reasons=["cadence.burst"])

    (without,) = explained(both, TABLE).without

    assert ("cadence", "watch") == (without.without, without.level)


def test_what_was_missing_is_named() -> None:
    """From 0.666 to 0.95 it takes 2.26 nats: each silent channel's smallest grade that has them."""
    explanation = explained(told(), TABLE)

    assert ("revoke", 2.254) == (explanation.next_level, explanation.missing_nats)
    assert [("cadence", 20), ("failure", 20)] == [(n.channel, n.grade) for n in explanation.needs]


def test_an_older_table_is_said_and_subtracted() -> None:
    """Where another table decided, its prior follows from the score, and the sentences say so."""
    explanation = explained(told(odds="00000000"), TABLE)

    assert not explanation.exact
    assert -9.21 == pytest.approx(explanation.prior, abs=0.01)
    assert "nothing" == explanation.without[0].level
    assert any("table of odds has changed" in line for line in sentences(explanation))


def test_the_usual_is_told_beside_the_seen() -> None:
    """A burst is told with the record that it was held against."""
    burst = told(
        grades={"cadence": 60},
        weights={"cadence": 9.9},
        reasons=["cadence.burst"],
        measurements={"cadence_family": 120.0, "cadence_usual": 20.0},
    )

    text = "\n".join(sentences(explained(burst, TABLE)))

    assert "refreshed 120 times" in text
    assert "What is usual:\n  The most that is usual there is 20." in text


def test_a_rule_is_called_a_rule() -> None:
    """A revoked session that is refreshed all the same needs no weights."""
    revived = told(score=1.0, level="revoke", reasons=["effectiveness.refreshed"], grades={}, weights={})

    text = "\n".join(sentences(explained(revived, TABLE)))

    assert "By rule" in text
    assert "The provider still refreshes" in text


def test_an_incident_is_explained() -> None:
    """A whole population: what was held, the likely cause, and what to do; no what-ifs."""
    incident = told(
        kind="incident",
        level="watch",
        reasons=["systemic.volume"],
        segment="release",
        client_id="bank",
        cause="client_defect",
        grades={},
        weights={},
        measurements={"systemic_families": 60.0, "systemic_share": 0.4},
    )

    text = "\n".join(sentences(explained(incident, TABLE)))

    assert "a whole release (bank)" in text
    assert "Most likely cause: client defect" in text
    assert "40.0% of its active sessions" in text
    assert "What would have changed it" not in text


def test_what_is_not_there_is_a_sentence(tmp_path: Path, decisions: list[dict[str, Any]]) -> None:
    """An unknown id is said, with where it was looked for."""
    del decisions

    done = tokenward("explain", "f" * 32, "--from", "decisions", folder=tmp_path)

    assert (1, f"tokenward: There is no alert {'f' * 32} in decisions.\n") == (done.returncode, done.stderr)


@pytest.mark.kafka
def test_alerts_of_the_topic_are_explained_and_judged(tmp_path: Path, kafka_bootstrap: str) -> None:
    """explain and feedback find the alert in its topic; of several judgements the last counts at the next fit."""
    alerts, feedback = fresh("alerts"), fresh("feedback")
    create_topics(kafka_bootstrap, {alerts: 2})
    create_topics(kafka_bootstrap, {feedback: 1}, {"cleanup.policy": "compact"})
    settings = {
        "TOKENWARD_KAFKA__BOOTSTRAP_SERVERS": kafka_bootstrap,
        "TOKENWARD_TOPICS__ALERTS": alerts,
        "TOKENWARD_TOPICS__FEEDBACK": feedback,
    }
    alert = {
        "specversion": "1.0",
        "id": "ab" * 16,
        "time": "2026-01-05T08:00:00.000Z",
        "data": {"level": "quarantine", "score": 0.6, "reasons": ["travel.impossible"], "grades": {"travel": 2}},
    }
    produce(kafka_bootstrap, alerts, [b"no alert", json.dumps(alert).encode()], key=b"k")

    explanation = tokenward("explain", "ab" * 16, folder=tmp_path, settings=settings)
    judged = [
        tokenward("feedback", "ab" * 16, word, "--actor", "bob", "--note", "asked", folder=tmp_path, settings=settings)
        for word in ("--true", "--false")
    ]

    records = committed_records(kafka_bootstrap, feedback)
    values = [json.loads(record.value or b"") for record in records]
    assert [0, 0, 0] == [done.returncode for done in (explanation, *judged)]
    assert [True, False] == [value["truth"] for value in values]
    assert {b"ab" * 16} == {record.key for record in records}
    assert {"travel": 2} == values[0]["grades"]
    for value in values:
        jsonschema.validate(value, SCHEMA)


def test_a_judgement_needs_a_truth_and_a_decision(tmp_path: Path, decisions: list[dict[str, Any]]) -> None:
    """Without --true or --false it is wrong use; a note is bounded."""
    found = decisions[0]["id"]

    silent = tokenward("feedback", found, "--from", "decisions", folder=tmp_path)
    long = tokenward("feedback", found, "--true", "--from", "decisions", "--note", "x" * 501, folder=tmp_path)

    assert (2, 1) == (silent.returncode, long.returncode)
    assert "501 characters; at most 500" in long.stderr
