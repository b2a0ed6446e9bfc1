"""What the API tells Kafka, and what a bulk reads from it, on a real broker."""

import json
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from ingest.formats.event import RefreshEvent
from ingest.formats.native import encode
from revocation.feed import Entry
from revocation.record import Change
from tests.api.running import ISSUER, entry, running
from tests.api.writes.callers import ACCESS, key_of
from tests.servers.kafka import create_topics
from tests.streams import committed_records, fresh, produce
from tests.tokenward.command import KEY, ROOT, tokenward
from tokenward.teller import Teller

NOW = 1_795_427_100_000


@pytest.mark.kafka
def test_changes_are_on_the_topic_when_it_returns(kafka_bootstrap: str) -> None:
    """Each with its key, for compaction."""
    topic = fresh("revocations")
    create_topics(kafka_bootstrap, {topic: 2})
    teller = Teller(topic, {"bootstrap_servers": kafka_bootstrap})
    teller([Change(seq=number, entry=entry(f"s{number}")) for number in range(3)])
    teller([])
    told = [
        msgspec.json.decode(record.value or b"", type=Entry) for record in committed_records(kafka_bootstrap, topic)
    ]

    assert {entry(f"s{number}").subject.digest.hex() for number in range(3)} == {one.digest for one in told}
    assert (3, 0) == (teller.told, teller.failed)


def test_a_broker_that_is_away_fails_nobody() -> None:
    """What the registry has is done: it is counted, and the caller goes on."""
    # In a process of its own: kafka-python leaves sockets behind where it could not connect.
    code = (
        "from tests.api.running import entry; from revocation.record import Change; "
        "from tokenward.teller import Teller; "
        "teller = Teller('topic', {'bootstrap_servers': '127.0.0.1:1'}, patience=1); "
        "teller([Change(seq=1, entry=entry('s1'))]); print(teller.told, teller.failed)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )

    assert "0 1\n" == done.stdout


@pytest.mark.kafka
def test_a_draft_may_be_of_telemetry(kafka_bootstrap: str, tmp_path: Path) -> None:
    """The sessions of one client in one country, each once, since a moment; the others are left alone."""
    topic = fresh("telemetry")
    create_topics(kafka_bootstrap, {topic: 2})
    events = [
        ("s1", "spa", "DE", NOW),
        ("s1", "spa", "DE", NOW + 1),
        ("s2", "spa", "FR", NOW),
        ("s3", "app", "DE", NOW),
        ("s4", "spa", "DE", NOW - 1),
        ("s5", "spa", "DE", NOW),
    ]
    produce(
        kafka_bootstrap,
        topic,
        [
            encode(RefreshEvent(at=at, iss=ISSUER, outcome="success", sid=sid, client_id=client, country=country))
            for sid, client, country, at in events
        ],
    )
    with running(access=ACCESS) as api:
        settings = {
            "TOKENWARD_OPERATOR__URL": api.address.url,
            "TOKENWARD_OPERATOR__KEY": key_of("ann"),
            "TOKENWARD_DIGEST_KEY": KEY,
            "TOKENWARD_KAFKA__BOOTSTRAP_SERVERS": kafka_bootstrap,
            "TOKENWARD_TOPICS__TELEMETRY": topic,
        }
        wanted = ("--telemetry", "--client-id", "spa", "--country", "de", "--until", "2100-01-01T00:00:00Z")
        done = tokenward("bulk", "draft", "--reason", "x", *wanted, "--json", folder=tmp_path, settings=settings)

    assert (0, 3) == (done.returncode, json.loads(done.stdout)["hit"]), done.stderr
