"""The API as the program builds it: what it tells Kafka, what of that can be watched, and that nothing stays open."""

import threading
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from api.server import serving
from tests.servers.kafka import create_topics
from tests.streams import fresh
from tests.tokenward.command import KEY
from tokenward.api_wiring import api_of
from tokenward.settings import read_settings
from tokenward.telling import TELLING_METRICS
from tokenward.wiring import registry_of

ISS = "https://idp.example/realms/acme"


def producers() -> list[str]:
    """Kafka's threads that write."""
    return [thread.name for thread in threading.enumerate() if "producer" in thread.name.lower()]


@pytest.mark.kafka
@pytest.mark.redis
def test_a_decision_is_told_and_written_down_and_all_is_closed(
    kafka_bootstrap: str, redis_url: str, tmp_path: Path
) -> None:
    """One change told, one record in the trail, and after the end no thread that writes to Kafka."""
    revocations, audit = fresh("revocations"), fresh("audit")
    create_topics(kafka_bootstrap, {revocations: 1, audit: 1})
    given = {
        "DIGEST_KEY": KEY,
        "REDIS__URL": redis_url,
        "KAFKA__BOOTSTRAP_SERVERS": kafka_bootstrap,
        "TOPICS__REVOCATIONS": revocations,
        "TOPICS__AUDIT": audit,
        "ACCESS__MODE": "open",
    }
    (tmp_path / "tokenward.toml").touch()
    settings = read_settings(tmp_path / "tokenward.toml", {f"TOKENWARD_{name}": value for name, value in given.items()})
    before = producers()
    app, _, followers = api_of(settings, registry_of(settings))
    with serving(app) as address, httpx.Client(base_url=address.url, timeout=10) as http:
        assert followers.wait_ready(10)
        asked = {"iss": ISS, "sid": "s1", "reason": "manual"}
        answer = http.post("/v1/revocations", json=asked)
        families = list(text_string_to_metric_families(http.get("/metrics").text))
        during = producers()

    assert 201 == answer.status_code, answer.text
    told = {(one.name, *one.labels.values()): one.value for family in families for one in family.samples}
    assert 1 == told["tokenward_changes_told_total", "told"]
    assert 0 == told["tokenward_changes_told_total", "failed"]
    assert (1, 0) == (told["tokenward_audit_records_total",], told["tokenward_audit_failures_total",])
    promised = {metric.name.removesuffix("_total") for metric in TELLING_METRICS}
    assert promised <= {family.name for family in families}
    assert before == producers() != during
