"""`deny`: milliseconds from a provider's Kafka record to a gateway's "deny", over real thefts, one after another.

The programs are those of production, each a process: `tokenward route`, `worker` and `api`, on a real broker and a real
Redis. A theft is written to the provider's unkeyed topic; `/v1/check` is asked over and over until it says deny, or,
with `--gateway`, a real nginx, HAProxy or Caddy is sent requests with the session's token until it refuses one. So many
thefts within minutes are more than a policy lets pass without a person, so the bench's own policy lets them.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from kafka import KafkaProducer

from bench.gateways import CHOICES, DIRECT, SIGNING, Refused, asked
from bench.report import Figures
from bench.servers import kafka_and_redis
from tests.servers.issuer import issuing
from tests.servers.kafka import create_topics
from tests.servers.process import end, free_port, start, until
from tests.streams import committed_offsets, end_offsets
from tests.telemetry import ISS, KEY, REALM, Session

PROVIDER, TELEMETRY = "keycloak.events", "refresh.telemetry"
PARTITIONS = 4
HALF_AN_HOUR_MS = 1_800_000
LONGEST_SECONDS = 30.0
POLICY = """
[blast_radius]
share = 1.0
least = 1000000
per_minute = 1000000

[systemic]
reuse_floor = 1000000
"""
ASK_SECONDS = 0.001
"""Between two questions; what a figure may be too high by."""


def run(args: Sequence[str]) -> Figures:
    """Measure; see `--help`."""
    options = _options(args)
    with ExitStack() as stack:
        bootstrap, redis_url = stack.enter_context(kafka_and_redis())
        create_topics(bootstrap, {PROVIDER: PARTITIONS, TELEMETRY: PARTITIONS})
        outputs = ("refresh.alerts", "refresh.revocations", "refresh.dead-letters", "refresh.tallies", "refresh.audit")
        create_topics(bootstrap, dict.fromkeys(outputs, 1))
        port = free_port()
        policy = stack.enter_context(tempfile.NamedTemporaryFile("w", suffix=".toml"))
        policy.write(POLICY)
        policy.flush()
        keys = stack.enter_context(issuing(SIGNING)).uri
        environment = _environment(bootstrap, redis_url, port, keys) | {"TOKENWARD_POLICY__PATH": policy.name}
        log = Path(stack.enter_context(tempfile.NamedTemporaryFile(suffix=".log")).name)
        for program in ("api", "route", "worker"):
            stack.enter_context(_program(program, environment, log))
        until(lambda: _ready(port), f"the API on port {port}: {log}", seconds=LONGEST_SECONDS)
        refused = stack.enter_context(asked(options.gateway, port))
        producer = stack.enter_context(closing(KafkaProducer(bootstrap_servers=bootstrap)))
        sessions = [Session(_now() - HALF_AN_HOUR_MS) for _ in range(options.thefts)]
        for session in sessions:
            for value in session.keycloak_refreshes(4):
                producer.send(PROVIDER, value)
        producer.flush(LONGEST_SECONDS)
        until(lambda: _read(bootstrap), "the honest start was read", seconds=LONGEST_SECONDS)
        took = sorted(_steal(producer, refused, session) for session in sessions)
    return {
        "name": "deny",
        "value": round(took[-1 - len(took) // 100], 1),
        "unit": "ms p99",
        "p50_ms": round(statistics.median(took), 1),
        "longest_ms": round(took[-1], 1),
        "thefts": len(took),
        "gateway": options.gateway,
    }


def _options(args: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench deny", description=__doc__)
    parser.add_argument("--thefts", type=int, default=200, help="one after another (default 200)")
    parser.add_argument("--gateway", choices=CHOICES, default=DIRECT, help="who refuses (default: the API itself)")
    options = parser.parse_args(args)
    if not 0 < options.thefts <= 10_000:
        parser.error("thefts up to 10000")
    return options


def _environment(bootstrap: str, redis_url: str, port: int, keys: str) -> dict[str, str]:
    settings = {
        "DIGEST_KEY": KEY.decode(),
        "KAFKA__BOOTSTRAP_SERVERS": bootstrap,
        "REDIS__URL": redis_url,
        "API__PORT": str(port),
        "ACCESS__MODE": "open",
        "METRICS__ROUTE_PORT": "0",
        "METRICS__WORKER_PORT": "0",
        "ROUTE__SOURCES": json.dumps({PROVIDER: "keycloak"}),
        "ISSUERS": json.dumps({ISS: {"format": "keycloak", "tenant": REALM, "jwks_uri": keys}}),
    }
    return {**os.environ, **{f"TOKENWARD_{name}": value for name, value in settings.items()}}


@contextmanager
def _program(name: str, environment: Mapping[str, str], log: Path) -> Iterator[None]:
    command = ["env", *(f"{key}={value}" for key, value in environment.items() if key.startswith("TOKENWARD_"))]
    process: subprocess.Popen[bytes] = start([*command, sys.executable, "-m", "tokenward", name], log)
    try:
        yield
    finally:
        end(process)


def _ready(port: int) -> bool:
    with closing(HTTPConnection("127.0.0.1", port, timeout=1)) as asker:
        try:
            asker.request("GET", "/readyz")
            return asker.getresponse().status == 200
        except (OSError, HTTPException):
            return False


def _read(bootstrap: str) -> bool:
    """Whether route and worker have committed everything."""
    groups = {PROVIDER: "tokenward-route", TELEMETRY: "tokenward-worker"}
    committed = {topic: committed_offsets(bootstrap, group, topic) for topic, group in groups.items()}
    ends = {topic: end_offsets(bootstrap, topic) for topic in groups}
    return sum(ends[TELEMETRY].values()) > 0 and all(
        committed[topic].get(number, 0) == end for topic in groups for number, end in ends[topic].items()
    )


def _steal(producer: KafkaProducer, refused: Refused, session: Session) -> float:
    """Milliseconds from sending the theft to the gateway's first deny."""
    if refused(session):
        raise RuntimeError("A session was refused before its theft.")
    time.sleep(random.uniform(0, 0.05))  # noqa: S311 - so that thefts do not keep step with the programs' loops
    theft = session.keycloak_theft()
    begin = time.perf_counter()
    producer.send(PROVIDER, theft)
    while not refused(session):
        if time.perf_counter() - begin > LONGEST_SECONDS:
            raise RuntimeError("A theft was not refused.")
        time.sleep(ASK_SECONDS)
    return (time.perf_counter() - begin) * 1000


def _now() -> int:
    return time.time_ns() // 1_000_000
