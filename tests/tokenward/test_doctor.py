"""The doctor: a line for everything it looks at, with what to do."""

import json
from pathlib import Path

import pytest

from tests.servers.issuer import SigningKey, issuing
from tests.servers.kafka import create_topics
from tests.streams import fresh, produce
from tests.tokenward.command import KEY, tokenward
from tokenward.doctor.issuers import examine_issuers
from tokenward.doctor.topics import examine_kafka
from tokenward.settings import Settings

ISS = "https://idp.example/realms/acme"
OTHERS = {
    "digest_key",
    "access",
    "geoip",
    "redis memory",
    "redis persistence",
    "redis rights",
    "registry",
    f"keys of {ISS}",
}
"""What a finding may be about that is no matter of Kafka's."""


def states(output: str) -> dict[str, list[str]]:
    """Name -> the states of its findings."""
    found: dict[str, list[str]] = {}
    for line in output.splitlines():
        finding = json.loads(line)
        found.setdefault(finding["name"], []).append(finding["state"])
    return found


def test_without_anything_it_says_what_is_missing(tmp_path: Path) -> None:
    """No key, no issuers, no GeoIP, no Redis, no Kafka: a line each, and exit code 1."""
    settings = {
        "TOKENWARD_REDIS__URL": f"unix://{tmp_path}/none.sock",
        "TOKENWARD_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "TOKENWARD_WORKERS__BATCH": "1",
    }

    done = tokenward("doctor", "--json", folder=tmp_path, settings=settings)

    assert 1 == done.returncode
    assert {
        "settings": ["warn"],
        "digest_key": ["fail"],
        "audit": ["warn"],
        "issuers": ["warn"],
        "access": ["fail"],
        "geoip": ["warn"],
        "redis": ["fail"],
        "kafka": ["fail"],
    } == states(done.stdout)


def test_it_speaks_to_people_too(tmp_path: Path) -> None:
    """Without --json each finding is a line that begins with its state."""
    settings = {
        "TOKENWARD_REDIS__URL": f"unix://{tmp_path}/none.sock",
        "TOKENWARD_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1",
    }

    done = tokenward("doctor", folder=tmp_path, settings=settings)

    assert {"fail", "warn"} == {line.split()[0] for line in done.stdout.splitlines()}
    assert "travel is not evaluable" in done.stdout


@pytest.mark.parametrize(
    ("listed", "audiences", "expected"),
    [
        ([SigningKey("k").public()], ["shop"], [("keys", "ok")]),
        ([SigningKey("k").public()], [], [("keys", "ok"), ("audience", "warn")]),
        ([SigningKey("k").public(use="enc")], ["shop"], [("keys", "fail")]),
        (None, [], [("keys", "warn")]),
    ],
)
def test_it_looks_whether_tokens_can_be_verified(
    listed: list[dict[str, object]] | None, audiences: list[str], expected: list[tuple[str, str]]
) -> None:
    """An issuer's keys are fetched and looked at; one that is not held to an audience is told."""
    with issuing(*(listed or [])) as idp:
        issuer = {"jwks_uri": None if listed is None else idp.uri, "audiences": audiences}
        found = list(examine_issuers(Settings.model_validate({"issuers": {ISS: issuer}})))

    assert expected == [(finding.name.partition(" ")[0], finding.state) for finding in found]


@pytest.mark.kafka
@pytest.mark.redis
def test_on_servers_it_finds_what_is_wrong(tmp_path: Path, kafka_bootstrap: str, redis_url: str) -> None:
    """Telemetry without keys, topics compacted and not, an unmapped realm, a missing topic: each is found."""
    names = {name: fresh(name) for name in ("telemetry", "alerts", "revocations", "dead_letters", "tallies", "audit")}
    events = fresh("events")
    create_topics(kafka_bootstrap, {names["telemetry"]: 2, names["revocations"]: 1, names["alerts"]: 1, events: 1})
    create_topics(kafka_bootstrap, {names["tallies"]: 1, names["audit"]: 1}, {"cleanup.policy": "compact"})
    native = json.dumps({"at": 1_767_600_000_000, "iss": ISS, "sub": "ann", "outcome": "success"}).encode()
    for partition in (0, 1):
        produce(kafka_bootstrap, names["telemetry"], [native], partition=partition)
    keycloak = {"type": "LOGIN", "time": 1_767_600_000_000, "realmId": "r", "userId": "u"}
    produce(kafka_bootstrap, events, [json.dumps(keycloak).encode()])
    settings = {
        "TOKENWARD_REDIS__URL": redis_url,
        "TOKENWARD_DIGEST_KEY": KEY,
        "TOKENWARD_AUDIT__KEY": KEY,
        "TOKENWARD_KAFKA__BOOTSTRAP_SERVERS": kafka_bootstrap,
        "TOKENWARD_ROUTE__SOURCES": json.dumps({events: "keycloak"}),
        "TOKENWARD_ISSUERS": json.dumps({ISS: {}}),
        **{f"TOKENWARD_TOPICS__{name.upper()}": topic for name, topic in names.items()},
    }

    done = tokenward("doctor", "--json", folder=tmp_path, settings=settings)

    found = states(done.stdout)
    assert 1 == done.returncode
    assert {
        "redis": ["ok"],
        "clock": ["ok"],
        "issuers": ["ok"],
        "policy": ["ok"],
        "audit": ["ok"],
        "kafka": ["ok"],
        names["telemetry"]: ["ok", "fail"],
        names["revocations"]: ["ok", "fail"],
        names["alerts"]: ["ok"],
        names["dead_letters"]: ["fail"],
        names["tallies"]: ["ok", "fail"],
        names["audit"]: ["ok", "fail"],
        events: ["fail"],
    } == {name: found[name] for name in found if name not in OTHERS}


@pytest.mark.kafka
@pytest.mark.parametrize(
    ("kept", "state"), [("1000", "warn"), ("86400000", "ok"), ("604800000", "warn"), ("-1", "warn")]
)
def test_tallies_are_kept_as_long_as_they_are_read_again(kafka_bootstrap: str, kept: str, state: str) -> None:
    """Less than the horizon would leave a restart without its past; much more is of no use to anybody."""
    name = fresh("tallies")
    create_topics(kafka_bootstrap, {name: 1}, {"cleanup.policy": "delete", "retention.ms": kept})
    settings = Settings.model_validate(
        {"kafka": {"bootstrap_servers": kafka_bootstrap}, "topics": {"tallies": name}, "origins": {"horizon_s": 86_400}}
    )

    found = [finding.state for finding in examine_kafka(settings) if finding.name == name]

    assert ["ok", state] == found


@pytest.mark.kafka
@pytest.mark.parametrize(("kept", "state"), [("86400000", "warn"), ("172800000", "ok"), ("-1", "ok")])
def test_the_trail_is_kept_as_long_as_its_heads(kafka_bootstrap: str, kept: str, state: str) -> None:
    """A topic that is deleted sooner than the settings say is told."""
    name = fresh("audit")
    create_topics(kafka_bootstrap, {name: 1}, {"cleanup.policy": "delete", "retention.ms": kept})
    settings = Settings.model_validate(
        {"kafka": {"bootstrap_servers": kafka_bootstrap}, "topics": {"audit": name}, "audit": {"kept_days": 2}}
    )

    found = [finding.state for finding in examine_kafka(settings) if finding.name == name]

    assert ["ok", state] == found
