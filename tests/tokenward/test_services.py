"""The services as processes: they start, work, and end within ten seconds of SIGTERM."""

import json
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest
from kafka import KafkaProducer

from tests.servers.kafka import create_topics
from tests.servers.process import end, free_port, until
from tests.streams import fresh
from tests.tokenward.command import KEY, start, tokenward

DRAIN_SECONDS = 10.0
ISS = "https://idp.example/realms/acme"
SCENARIOS = Path(__file__).parents[1] / "scenarios"


@contextmanager
def service(name: str, folder: Path, settings: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A running service."""
    place = folder / name
    place.mkdir()
    process = start(name, "--json", folder=place, settings=settings)
    try:
        yield process
    finally:
        end(process)


def drains(process: subprocess.Popen[bytes]) -> int:
    """Send SIGTERM; returns the exit code, which must come in time."""
    process.send_signal(signal.SIGTERM)
    return process.wait(DRAIN_SECONDS)


def answer(url: str, asked: dict[str, str] | None = None) -> dict[str, object]:
    """What the URL answers; nothing while it does not."""
    try:
        response = httpx.get(url, timeout=2) if asked is None else httpx.post(url, json=asked, timeout=2)
    except httpx.TransportError:
        return {}
    told: dict[str, object] = response.json()
    return told


def counted(port: int, name: str) -> float:
    """A counter among the metrics of a service; 0 while they are not served."""
    try:
        lines = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=2).text.splitlines()
    except httpx.TransportError:
        return 0
    return next((float(line.split()[1]) for line in lines if line.startswith(f"{name} ")), 0)


@pytest.mark.redis
def test_the_api_answers_and_drains(tmp_path: Path, redis_url: str) -> None:
    """What is revoked from the shell is denied over HTTP; SIGTERM ends it with 0."""
    port = free_port()
    settings = {
        "TOKENWARD_REDIS__URL": redis_url,
        "TOKENWARD_DIGEST_KEY": KEY,
        "TOKENWARD_API__PORT": str(port),
        "TOKENWARD_ACCESS__MODE": "open",
        "TOKENWARD_AUDIT__MODE": "off",
    }
    asked = {"iss": ISS, "sid": "s1"}
    with service("api", tmp_path, settings) as process:
        until(lambda: "decision" in answer(f"http://127.0.0.1:{port}/v1/check", asked), "the API")
        tokenward(
            "revoke", "--iss", ISS, "--sid", "s1", "--reason", "x", "--no-topic", folder=tmp_path, settings=settings
        )
        until(lambda: answer(f"http://127.0.0.1:{port}/v1/check", asked)["decision"] == "deny", "the refusal")

        assert 0 == drains(process)


@pytest.mark.redis
def test_a_port_in_use_is_a_sentence(tmp_path: Path, redis_url: str) -> None:
    """The second API on one port ends with 1 and says why."""
    port = str(free_port())
    settings = {
        "TOKENWARD_REDIS__URL": redis_url,
        "TOKENWARD_DIGEST_KEY": KEY,
        "TOKENWARD_API__PORT": port,
        "TOKENWARD_ACCESS__MODE": "open",
    }
    with service("api", tmp_path, settings):
        until(lambda: bool(answer(f"http://127.0.0.1:{port}/healthz")), "the API")
        second = start("api", folder=tmp_path, settings=settings)

        assert 1 == second.wait(DRAIN_SECONDS)
    assert "The API cannot listen at" in (tmp_path / "log").read_text()


@pytest.mark.kafka
@pytest.mark.redis
def test_route_worker_and_origins_stop_a_theft_and_drain(tmp_path: Path, kafka_bootstrap: str, redis_url: str) -> None:
    """Keycloak's events on an unkeyed topic end as an entry in the registry; origins are told of; all end with 0."""
    origins_port = free_port()
    names = {name: fresh(name) for name in ("events", "telemetry", "alerts", "revocations", "dead", "tallies", "audit")}
    create_topics(kafka_bootstrap, dict.fromkeys(names.values(), 4))
    settings = {
        "TOKENWARD_KAFKA__BOOTSTRAP_SERVERS": kafka_bootstrap,
        "TOKENWARD_REDIS__URL": redis_url,
        "TOKENWARD_DIGEST_KEY": KEY,
        "TOKENWARD_ROUTE__SOURCES": json.dumps({names["events"]: "keycloak"}),
        "TOKENWARD_ROUTE__GROUP_ID": fresh("route"),
        "TOKENWARD_WORKER__GROUP_ID": fresh("worker"),
        "TOKENWARD_TOPICS__TELEMETRY": names["telemetry"],
        "TOKENWARD_TOPICS__ALERTS": names["alerts"],
        "TOKENWARD_TOPICS__REVOCATIONS": names["revocations"],
        "TOKENWARD_TOPICS__DEAD_LETTERS": names["dead"],
        "TOKENWARD_TOPICS__TALLIES": names["tallies"],
        "TOKENWARD_TOPICS__AUDIT": names["audit"],
        "TOKENWARD_ORIGINS__GROUP_ID": fresh("origins"),
        "TOKENWARD_METRICS__ORIGINS_PORT": str(origins_port),
        "TOKENWARD_METRICS__ROUTE_PORT": str(free_port()),
        "TOKENWARD_METRICS__WORKER_PORT": str(free_port()),
    }
    lines = (SCENARIOS / "grandparent" / "events.ndjson").read_bytes().splitlines()
    realm = json.loads(lines[0])["realmId"]
    settings["TOKENWARD_ISSUERS"] = json.dumps({ISS: {"format": "keycloak", "tenant": realm}})
    producer = KafkaProducer(bootstrap_servers=kafka_bootstrap)
    with ExitStack() as stack:
        services = [stack.enter_context(service(n, tmp_path, settings)) for n in ("route", "worker", "origins")]
        for line in lines:
            producer.send(names["events"], line, timestamp_ms=json.loads(line)["time"])
        producer.close()

        def refused() -> bool:
            status = tokenward("status", "--json", folder=tmp_path, settings=settings).stdout
            return bool(json.loads(status)["entries"] == 1)

        until(refused, "the entry", seconds=60)
        until(lambda: counted(origins_port, "tokenward_origins_events_total") > 0, "what the worker told of origins")
        codes = [drains(process) for process in services]

        assert [0, 0, 0] == codes
    trail = [
        tokenward("audit", command, "--json", folder=tmp_path, settings=settings) for command in ("verify", "show")
    ]
    records = [json.loads(line)["event"] for line in trail[1].stdout.splitlines()]
    assert (0, 0) == (trail[0].returncode, trail[1].returncode), trail
    assert {"start": 3, "stop": 3, "revoke": 1} == Counter(record["action"] for record in records)
