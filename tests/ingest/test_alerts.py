"""Alerts and changes hold what their schemas promise, and nobody's name."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from kafka import TopicPartition
from kafka.consumer.fetcher import ConsumerRecord

from detector.batch import RefreshBatch
from detector.verdict import Reason
from ingest.advice import ADVICE
from ingest.alerts import alert_message, change_message
from ingest.columns import Columns
from ingest.lane import Lane
from ingest.reader import Reader
from ingest.stage import Cut, Part
from ingest.telemetry import SessionJudge, Telemetry
from revocation.decide import Decision
from revocation.feed import Entry, private
from revocation.memory import MemoryRegistry
from revocation.policy import Policy, Rules, ThresholdPolicy
from revocation.record import Change
from tests.telemetry import ISSUER, ISSUERS, KEY, RULES, Session

SCHEMAS = Path(__file__).parents[2] / "docs" / "schemas"
NOW = 1_767_323_045_678
PARTITION = TopicPartition("telemetry", 3)


def judged(values: Sequence[bytes], rules: Rules = RULES) -> Part[RefreshBatch]:
    """The records as the worker sees them at the end of step 4."""
    records = [
        ConsumerRecord(*PARTITION, 0, offset, NOW, 0, None, value, [], None, -1, len(value), -1)
        for offset, value in enumerate(values)
    ]
    lane = Lane(SessionJudge(rules.detector), 0, 0, None)
    part = Telemetry(Reader({PARTITION.topic: "native"}, ISSUERS), Columns(KEY)).read(
        Cut(PARTITION, lane, records, live=True)
    )
    part.verdicts = lane.judge.process(part.batch, NOW).verdicts
    part.decision = lane.judge.decide(part.verdicts, part.batch, rules, NOW)
    return part


def theft(session: Session) -> list[bytes]:
    """A session's honest start, and the theft."""
    return [*session.refreshes(4), session.theft()]


def told(part: Part[RefreshBatch]) -> dict[str, Any]:
    """The only alert of the part, as a reader gets it, checked against its schema."""
    (alert,) = part.alerts
    value = alert_message("alerts", alert, part).value or b""
    event: dict[str, Any] = json.loads(value)
    schema = json.loads((SCHEMAS / "alert.v1.json").read_text())
    jsonschema.validate(event, schema, format_checker=jsonschema.FormatChecker())
    return event


@pytest.mark.parametrize("mode", ["enforce", "shadow"])
def test_an_alert_is_as_its_schema_says(mode: str) -> None:
    """A theft's alert validates, and says whether it was enforced."""
    rules = Rules.of(Policy(mode=mode), [ISSUER], KEY, {"families": 100, "subjects": 100})  # type: ignore[arg-type]
    data = told(judged(theft(Session(NOW)), rules))["data"]

    assert ("revoke", "enforced" if mode == "enforce" else "shadow") == (data["level"], data["enforcement"])


def test_an_alert_names_nobody() -> None:
    """Neither subject nor session nor tokens stand in an alert, but the digests that the registry matches."""
    session = Session(NOW)
    part = judged(theft(session))
    event = told(part)

    names = {session.sub, session.sid, *session.tokens}
    assert [] == [name for name in names if name in json.dumps(event)]
    assert session.family.digest.hex() == event["subject"] == event["data"]["digest"] == event["data"]["family"]


def test_an_alert_is_keyed_and_typed() -> None:
    """The record's key is the digest that the alert is about, its header the content type of CloudEvents."""
    session = Session(NOW)
    part = judged(theft(session))
    message = alert_message("alerts", part.alerts[0], part)

    assert (session.family.digest.hex().encode(), "alerts") == (message.key, message.topic)
    assert (("content-type", b"application/cloudevents+json; charset=UTF-8"),) == message.headers


def test_the_same_decision_has_the_same_alert_id() -> None:
    """What is decided again after a crash is recognised by its id."""
    records = theft(Session(NOW))

    assert told(judged(records))["id"] == told(judged(records))["id"]


def test_an_event_without_an_id_is_named_by_its_place() -> None:
    """Where the provider gives no id, topic, partition and offset say which event it was."""
    records = [json.dumps({k: v for k, v in json.loads(r).items() if k != "id"}).encode() for r in theft(Session(NOW))]

    assert ["telemetry:3:4"] == told(judged(records))["data"]["events"]


def test_watching_tells_nobody() -> None:
    """A verdict that is only watched becomes no alert."""
    blind = Policy(thresholds=ThresholdPolicy(quarantine=1, revoke=1))
    part = judged(theft(Session(NOW)), Rules.of(blind, [ISSUER], KEY, {"families": 100, "subjects": 100}))

    assert ([], ["watch"]) == (part.alerts, [alert.level.slug for alert in part.decision.alerts])


def test_every_reason_has_its_advice() -> None:
    """Each reason that the detector may give comes with a sentence on what to do."""
    assert set(ADVICE) == {reason.slug for reason in Reason}


def test_a_change_reads_back_as_the_entry() -> None:
    """A record of the compacted topic validates, is keyed by the entry's id, and holds all of the entry."""
    part = judged(theft(Session(NOW)))
    (change,) = applied(part.decision)
    message = change_message("revocations", change)
    value = message.value or b""
    jsonschema.validate(json.loads(value), json.loads((SCHEMAS / "revocation-change.v1.json").read_text()))

    assert change.entry == private(msgspec.json.decode(value, type=Entry))
    assert change.entry.id.encode() == message.key


def applied(decision: Decision) -> list[Change]:
    """What a registry answers to the decision."""
    return MemoryRegistry("e").apply(decision.revocations, NOW)
