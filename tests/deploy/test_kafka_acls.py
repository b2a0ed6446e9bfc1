"""`deploy/kafka/` on a broker that enforces it: each service's user can do its work, and nothing else."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaConsumer, KafkaProducer
from kafka.errors import GroupAuthorizationFailedError
from kafka.errors import TransactionalIdAuthorizationFailedError as IdAuthorizationFailedError

from ingest.alerts import change_message
from ingest.loop import Loop
from revocation.memory import MemoryRegistry
from revocation.record import Change
from tests.api.running import entry
from tests.rig import Steps, past
from tests.servers.kafka import admin, create_topics
from tests.servers.kafka_users import ADMIN, SCRIPT, authorised_broker, login, rights
from tests.telemetry import ISS, KEY, REALM, Session, Stranger
from tokenward import topics
from tokenward.settings import Settings, read_settings
from tokenward.wiring import origins_of, policy_of, route_of, worker_of

TELEMETRY, TALLIES, ALERTS, REVOCATIONS = (
    "refresh.telemetry",
    "refresh.tallies",
    "refresh.alerts",
    "refresh.revocations",
)
LETTERS, AUDIT, FEEDBACK, PROVIDER = "refresh.dead-letters", "refresh.audit", "refresh.feedback", "keycloak.events"
TOPICS = (TELEMETRY, TALLIES, ALERTS, REVOCATIONS, LETTERS, AUDIT, FEEDBACK, PROVIDER)

READS = {
    "tokenward-route": {PROVIDER},
    "tokenward-worker": {TELEMETRY},
    "tokenward-origins": {TALLIES},
    "tokenward-api": set(),
    "tokenward-notify": {ALERTS, REVOCATIONS},
    "tokenward-cli": {TELEMETRY, ALERTS, REVOCATIONS, LETTERS, AUDIT, FEEDBACK, PROVIDER},
}
WRITES = {
    "tokenward-route": {TELEMETRY, LETTERS, AUDIT},
    "tokenward-worker": {TALLIES, ALERTS, REVOCATIONS, LETTERS, AUDIT},
    "tokenward-origins": {ALERTS, REVOCATIONS, LETTERS, AUDIT},
    "tokenward-api": {REVOCATIONS, AUDIT},
    "tokenward-notify": {LETTERS, AUDIT},
    "tokenward-cli": {REVOCATIONS, AUDIT, FEEDBACK},
}
SETTINGS = f"""
digest_key = "{KEY.decode()}"
[issuers."{ISS}"]
format = "keycloak"
tenant = "{REALM}"
[route.sources]
"{PROVIDER}" = "keycloak"
[worker]
commit_ms = 0
[origins]
commit_ms = 0
"""


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    """A broker with the topics, the users and their rights."""
    with authorised_broker() as bootstrap:
        create_topics(bootstrap, dict.fromkeys(TOPICS, 1), **login(ADMIN))
        yield bootstrap


def settings_of(user: str, broker: str, folder: Path, **further: str) -> Settings:
    """The settings of a service that logs in as that user."""
    file = folder / "tokenward.toml"
    file.write_text(SETTINGS)
    names = {name.upper(): str(value) for name, value in login(user).items()}
    kafka = {f"TOKENWARD_KAFKA__{name}": value for name, value in names.items()}
    return read_settings(file, {"TOKENWARD_KAFKA__BOOTSTRAP_SERVERS": broker, **kafka, **further})


def total(service: Loop[Any, Any], name: str, count: int) -> None:
    """Step until that much was counted, and end."""
    try:
        Steps(service.step).until_total(name, count)
    finally:
        service.close()


@pytest.mark.kafka
@pytest.mark.parametrize("user", sorted(READS))
def test_a_user_may_read_and_write_these_topics_and_no_other(broker: str, user: str) -> None:
    """The broker itself says so, topic by topic; nobody may create, delete or alter one."""
    with admin(broker, **login(user)) as client:
        told = {topic["name"]: set(topic.get("authorized_operations", ())) for topic in client.describe_topics()}

    assert {topic for topic, may in told.items() if "READ" in may} == READS[user]
    assert {topic for topic, may in told.items() if "WRITE" in may} == WRITES[user]
    assert set().union(*told.values()) <= {"READ", "WRITE", "DESCRIBE", "DESCRIBE_CONFIGS"}


@pytest.mark.kafka
@pytest.mark.redis
def test_each_service_does_its_work_as_its_user(broker: str, tmp_path: Path, redis_url: str) -> None:
    """From a provider's record to a refused session and a refused address, one transaction after another."""
    registry, session = MemoryRegistry("e"), Session(past())
    send(broker, ADMIN, PROVIDER, *session.keycloak_refreshes(5), session.keycloak_theft())
    total(route_of(settings_of("tokenward-route", broker, tmp_path)), "events", 6)
    send(broker, ADMIN, TELEMETRY, *Stranger(past()).tries(150))
    worker = settings_of("tokenward-worker", broker, tmp_path, TOKENWARD_REDIS__URL=redis_url)
    total(worker_of(worker, registry=registry, policy=policy_of(worker)), "events", 156)
    origins = settings_of("tokenward-origins", broker, tmp_path, TOKENWARD_REDIS__URL=redis_url)
    total(origins_of(origins, registry=registry, policy=policy_of(origins)), "revocations", 1)

    assert {"family", "origin"} <= {one.subject.scope.value for one in registry.snapshot().entries}


@pytest.mark.kafka
@pytest.mark.parametrize("user", ["tokenward-api", "tokenward-cli"])
def test_what_is_changed_by_hand_is_told(broker: str, tmp_path: Path, user: str) -> None:
    """API and command line write changes, and need no right to read for it."""
    topics.write(
        settings_of(user, broker, tmp_path), [change_message(REVOCATIONS, Change(seq=1, entry=entry("by-hand")))]
    )
    told = list(topics.values(settings_of("tokenward-cli", broker, tmp_path), REVOCATIONS))

    assert b'"family-by-hand"' in b"".join(told)


@pytest.mark.kafka
def test_the_api_cannot_read_who_is_where(broker: str) -> None:
    """Whoever has taken over the process that the network reaches finds no telemetry through it."""
    consumer = KafkaConsumer(bootstrap_servers=broker, group_id=None, **login("tokenward-api"))
    try:
        seen = consumer.topics()
    finally:
        consumer.close(autocommit=False)

    assert {REVOCATIONS, AUDIT} == seen & set(TOPICS)


@pytest.mark.kafka
def test_a_service_cannot_move_another_ones_place(broker: str) -> None:
    """The worker's user may not join the group of the stage of origins, nor fence its producer."""
    consumer = KafkaConsumer(
        TELEMETRY, bootstrap_servers=broker, group_id="tokenward-origins", **login("tokenward-worker")
    )
    producer = KafkaProducer(
        bootstrap_servers=broker, transactional_id="tokenward-origins-1", **login("tokenward-worker")
    )
    try:
        with pytest.raises(GroupAuthorizationFailedError):
            consumer.poll(timeout_ms=10_000)
        with pytest.raises(IdAuthorizationFailedError):
            producer.init_transactions()
    finally:
        consumer.close(autocommit=False)
        producer.close(timeout=1)


def test_the_script_gives_the_rights_of_the_table() -> None:
    """One call of kafka-acls for each line, as its own options want it."""
    environment = {**os.environ, "KAFKA_ACLS": "echo kafka-acls.sh --bootstrap-server b:9093"}
    said = subprocess.run([SCRIPT], env=environment, capture_output=True, text=True, check=True, timeout=60).stdout

    start = "kafka-acls.sh --bootstrap-server b:9093 --add --force --allow-principal"
    assert [
        f"{start} User:{right.user} {' '.join(f'--operation {one}' for one in right.operations)} "
        f"--{right.resource} {right.name} --resource-pattern-type {right.pattern}"
        for right in rights()
    ] == said.splitlines()


def send(broker: str, user: str, topic: str, *values: bytes) -> None:
    """Write records as that user."""
    producer = KafkaProducer(bootstrap_servers=broker, **login(user))
    try:
        for sent in [producer.send(topic, value) for value in values]:
            sent.get(timeout=20)
    finally:
        producer.close(timeout=1)
