"""Alerts of the stage of origins say what kind of origin it is, and what to do."""

import json
from pathlib import Path

import jsonschema
import pytest
from kafka import TopicPartition

from detector.tallies import OriginKind, Tallies
from detector.verdict import Level
from ingest.lane import Lane
from ingest.origins import OriginJudge, Origins
from ingest.reader import Reading
from ingest.stage import Part
from revocation.alert import Alert
from revocation.record import Scope, Subject
from tests.ingest.records import WRITTEN, record
from tests.telemetry import RULES

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "schemas" / "alert.v1.json").read_text())


@pytest.mark.parametrize(
    ("kind", "scope"),
    [(OriginKind.NETWORK, Scope.ORIGIN), (OriginKind.KIN, Scope.ORIGIN), (OriginKind.KIN, Scope.FAMILY)],
)
def test_every_alert_says_what_to_do(kind: OriginKind, scope: Scope) -> None:
    """Of a network, a program, or a session that came through: the kind, whom it is about, and sentences to act on."""
    tallies = Tallies.of(at=[WRITTEN], kind=[kind], origin=[64500], address=[7], family=[11], subject=[12])
    told = Alert(
        id="0" * 32,
        at=WRITTEN,
        level=Level.QUARANTINE,
        subject=Subject(scope, b"\x01" * 16),
        row=0,
        score=0.9,
        reasons=("failure.stuffing",),
        cause="attack",
        measurements={"failure_count": 80.0},
        odds="table",
        config="config",
        thresholds={"watch": 0.001, "quarantine": 0.5, "revoke": 0.95},
        enforcement="unenforceable" if scope is Scope.ORIGIN else "enforced",
    )
    part = Part(
        TopicPartition("tallies", 0),
        Lane(OriginJudge(RULES.detector), 0, 0, None),
        [],
        live=True,
        reading=Reading([], [record(b"", 5)]),
        batch=tallies,
    )

    alert = json.loads(Origins({}).alert("alerts", told, part).value or b"")

    jsonschema.validate(alert, SCHEMA, format_checker=jsonschema.FormatChecker())
    data = alert["data"]
    assert (kind.slug, 64500 if kind is OriginKind.NETWORK else None) == (data["origin"], data.get("asn"))
    assert (scope is Scope.FAMILY) == ("family" in data)
    assert (2, 1) == (len(data["advice"]), len(data["evidence"]))
