"""Alerts and changes hold what their schemas promise, and nobody's name."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import numpy as np
import pytest
from kafka import TopicPartition
from kafka.consumer.fetcher import ConsumerRecord

from detector.batch import RefreshBatch
from detector.verdict import MEASUREMENTS, Reason, Segment, Verdicts
from ingest.advice import ADVICE, INCIDENT, PAGE, SEEN
from ingest.alerts import alert_message, change_message
from ingest.columns import Columns
from ingest.lane import Lane
from ingest.outward.naming import HEADER, Naming
from ingest.reader import Reader
from ingest.stage import Cut, Part
from ingest.telemetry import SessionJudge, Telemetry
from revocation.decide import Decision, decide
from revocation.feed import Entry, private
from revocation.memory import MemoryRegistry
from revocation.policy import Policy, Rules, ThresholdPolicy, load_policy
from revocation.record import Change
from revocation.seal import Seal
from revocation.sections import BlastPolicy
from revocation.ssf.identity import Identities, Identity
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
    (event,) = all_told(part)
    return event


def all_told(part: Part[RefreshBatch]) -> list[dict[str, Any]]:
    """The alerts of the part, likewise."""
    events = [json.loads(alert_message("alerts", alert, part).value or b"") for alert in part.alerts]
    schema = json.loads((SCHEMAS / "alert.v1.json").read_text())
    for event in events:
        jsonschema.validate(event, schema, format_checker=jsonschema.FormatChecker())
    return events


def storm(segment: Segment) -> Part[RefreshBatch]:
    """The end of a session that shows what a whole population shows at once."""
    part = judged(theft(Session(NOW)))
    reasons = int(Reason.CADENCE_BURST | Reason.SYSTEMIC_VOLUME)
    found = replace(
        Verdicts.blank(1),
        row=part.verdicts.row[-1:],
        reasons=np.array([reasons], np.uint64),
        incident=np.array([segment], np.uint8),
    )
    found.measurements[:, MEASUREMENTS.index("systemic_families")] = 300
    found.measurements[:, MEASUREMENTS.index("systemic_share")] = 0.25
    part.decision = decide(found, part.batch, RULES, NOW)
    return part


@pytest.mark.parametrize(
    ("segment", "cause", "names"),
    [
        (Segment.RELEASE, "client_defect", {"segment", "client_id"}),
        (Segment.CLIENT, "client_defect", {"segment", "client_id"}),
        (Segment.NETWORK, "transient", {"segment", "asn"}),
        (Segment.ISSUER, "transient", {"segment"}),
    ],
)
def test_an_incident_names_its_population(segment: Segment, cause: str, names: set[str]) -> None:
    """It says which, how many, of what it is a sign and what to do, and names no single session."""
    data = told(storm(segment))["data"]

    assert ("incident", "watch", cause, segment.slug) == tuple(data[n] for n in ("kind", "level", "cause", "segment"))
    assert names == data.keys() & {"segment", "client_id", "user_agent", "asn", "subject", "family"}
    assert [
        "300 sessions of the same population show the same within minutes.",
        "They are 25.0% of its active sessions.",
    ] == data["evidence"]
    assert INCIDENT[data["cause"]] == data["advice"][0]


def test_a_page_names_the_client() -> None:
    """What is above the blast radius is quarantined, and a person is asked to decide."""
    policy = Policy(blast_radius=BlastPolicy(per_minute=1))
    rules = Rules.of(policy, [ISSUER], KEY, {"families": 100, "subjects": 100})
    records = [record for _ in range(2) for record in theft(Session(NOW))]
    events = [event["data"] for event in all_told(judged(records, rules))]

    assert [("decision", "revoke"), ("page", "quarantine"), ("decision", "quarantine")] == [
        (data["kind"], data["level"]) for data in events
    ]
    assert [False, True, True] == [data["limited"] for data in events]
    assert ("spa", PAGE) == (events[1]["client_id"], events[1]["advice"][0])


def test_what_is_allowed_is_told() -> None:
    """An alert of an allowed event validates, and says what it would have counted for."""
    text = '[[allow]]\nuntil = 2099-01-01T00:00:00Z\nclients = ["spa"]\n'
    rules = Rules.of(load_policy(text), [ISSUER], KEY, {"families": 100, "subjects": 100})
    data = told(judged(theft(Session(NOW)), rules))["data"]

    assert ("watch", "allowed", []) == (data["level"], data["enforcement"], data["entries"])
    assert "reuse.theft_confirmed" in data["excused"]


def test_would_be_entries_are_listed() -> None:
    """In shadow mode an alert has the whole entry that would have been written."""
    rules = Rules.of(Policy(mode="shadow"), [ISSUER], KEY, {"families": 100, "subjects": 100})
    data = told(judged(theft(Session(NOW)), rules))["data"]
    (entry,) = data["entries"]

    assert ("family", "revoked", data["family"]) == (entry["scope"], entry["state"], entry["digest"])


def test_evidence_is_named_as_it_is_measured() -> None:
    """Each measurement that has a sentence is one."""
    assert set() == set(SEEN) - set(MEASUREMENTS)


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


@pytest.mark.parametrize("beside", [[], [(HEADER, b"sealed by the route")]])
def test_whom_an_alert_is_about_goes_on_sealed(beside: list[tuple[str, bytes]]) -> None:
    """As the route sealed it; where names came in the clear, the worker seals them itself."""
    session = Session(NOW)
    part = judged(theft(session))
    for origin in part.reading.origins:
        origin.headers[:] = beside
    identities = Identities(Seal(b"a key"))
    telemetry = Telemetry(Reader({PARTITION.topic: "native"}, ISSUERS), Columns(KEY), sealed=Naming(identities))
    (alert,) = part.alerts
    headers = dict(telemetry.alert("alerts", alert, part).headers)

    own = identities.close(Identity(ISSUER.iss, session.sub, session.sid))
    assert (dict(beside) or {HEADER: own})[HEADER] == headers[HEADER]
