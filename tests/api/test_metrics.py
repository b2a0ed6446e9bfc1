"""What Prometheus reads."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from api.access.access import OPEN_ACCESS
from api.access.metrics import ACCESS_METRICS
from api.app import create_app
from api.crowdsec.metrics import BOUNCER_METRICS
from api.feed.metrics import FEED_METRICS
from api.metrics import METRICS
from api.protocols.metrics import PROTOCOL_METRICS
from api.writes.metrics import WRITE_METRICS
from revocation.record import State
from tests.api.running import KEY, Running, clock, entry

Samples = dict[tuple[str, ...], float]


def samples(api: Running) -> Samples:
    """Each sample by its name and label values."""
    text = api.http.get("/metrics").raise_for_status().text
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_answers_are_counted(fresh: Running) -> None:
    """Decisions, requests by route and status, and refusals by reason are counted, batches token by token."""
    fresh.refuse(entry("s1"), entry("s2", state=State.QUARANTINED))
    for sid in ("s1", "s2", "s3", "s4"):
        fresh.check(sid=sid)
    fresh.http.post("/v1/check/batch", json=[{}, {}])
    fresh.http.post("/v1/check", content=b"x")
    fresh.http.get("/v1/revocations/entries", params={"limit": "x"})
    fresh.http.get("/nowhere/in/particular")
    seen = samples(fresh)

    assert {
        ("tokenward_check_total", "allow"): 4,
        ("tokenward_check_total", "step_up"): 1,
        ("tokenward_check_total", "deny"): 1,
        ("tokenward_http_requests_total", "/v1/check", "200"): 4,
        ("tokenward_http_requests_total", "/v1/check", "400"): 1,
        ("tokenward_http_requests_total", "/v1/check/batch", "200"): 1,
        ("tokenward_http_requests_total", "/v1/revocations/entries", "400"): 1,
        ("tokenward_http_requests_total", "other", "404"): 1,
        ("tokenward_http_refused_total", "bad_request"): 2,
        ("tokenward_http_refused_total", "not_found"): 1,
    } == {key: value for key, value in seen.items() if key[0].startswith(("tokenward_check", "tokenward_http"))}


def test_the_replica_is_measured(fresh: Running) -> None:
    """Size, place, age, resyncs and failures of the replica can be read."""
    fresh.refuse(entry("s1"))
    seen = samples(fresh)

    assert {
        ("tokenward_replica_ready",): 1,
        ("tokenward_replica_entries",): 1,
        ("tokenward_replica_seq",): 1,
        ("tokenward_replica_age_seconds",): 0,
        ("tokenward_replica_resyncs_total",): 0,
        ("tokenward_replica_failures_total",): 0,
    } == {key: value for key, value in seen.items() if "tokenward_replica" in key[0]}


def test_what_is_shown_is_what_is_promised(fresh: Running) -> None:
    """Names, types and meanings on the wire are those of the table that the documents are held to."""
    text = fresh.http.get("/metrics").text
    families = [(family.name, family.type, family.documentation) for family in text_string_to_metric_families(text)]

    assert [
        (metric.name.removesuffix("_total"), metric.kind, metric.meaning)
        for metric in METRICS + FEED_METRICS + PROTOCOL_METRICS + BOUNCER_METRICS + ACCESS_METRICS + WRITE_METRICS
    ] == families


def test_two_applications_do_not_share_a_registry_of_metrics(fresh: Running) -> None:
    """A second application in the same collector registry is refused, as its figures would be mixed."""
    with pytest.raises(ValueError, match="Duplicated timeseries"):
        create_app(
            replica=fresh.replica,
            registry=fresh.registry,
            followers=fresh.followers,
            clock=clock,
            digest_key=KEY,
            access=OPEN_ACCESS,
            version="1.2.3",
            writes=fresh.writes,
            metrics=fresh.metrics,
        )
