"""Metrics of worker and route: what a report says, Prometheus sees."""

import urllib.request
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from ingest.report import RouteReport, StepReport
from tests.servers.process import free_port
from tokenward.faults import Failure
from tokenward.metrics import ORIGINS, ROUTE, WORKER, Publisher, Reported, served


@pytest.mark.parametrize(("report", "metrics"), [(StepReport, WORKER), (RouteReport, ROUTE)])
def test_every_member_of_a_report_is_a_metric(report: Any, metrics: tuple[Reported, ...]) -> None:
    """Nothing that a turn counts is lost on the way, and no metric is fed from nowhere."""
    members = set(report.__struct_fields__)

    assert members == {metric.member for metric in metrics if metric.member}


def test_the_stage_of_origins_counts_what_every_stage_does() -> None:
    """Its metrics are the worker's, but for those that only telemetry has."""
    told, both = ({metric.member for metric in metrics} for metrics in (ORIGINS, WORKER))

    assert both - {"tallies", "families_in_two_partitions"} == told


def test_turns_add_up() -> None:
    """Counters add, gauges show the last turn, labels keep apart, milliseconds become seconds."""
    publisher = Publisher(WORKER, {"tokenward_worker_policy_refused": lambda: 1.0})
    publisher(StepReport(records=3, rejects={"bad_json": 1}, lag_ms=1500, behind=9, seconds={"poll": 0.002}))

    publisher(StepReport(records=4, rejects={"bad_json": 1, "too_large": 2}, lost=True))

    value = publisher.registry.get_sample_value
    assert {
        "records": 7.0,
        "bad_json": 2.0,
        "too_large": 2.0,
        "lag": 1.5,
        "behind": 0.0,
        "lost": 1.0,
        "steps": 1.0,
        "policy": 1.0,
    } == {
        "records": value("tokenward_worker_records_total"),
        "bad_json": value("tokenward_worker_rejects_total", {"reason": "bad_json"}),
        "too_large": value("tokenward_worker_rejects_total", {"reason": "too_large"}),
        "lag": value("tokenward_worker_lag_seconds"),
        "behind": value("tokenward_worker_records_behind"),
        "lost": value("tokenward_worker_turns_lost_total"),
        "steps": value("tokenward_worker_step_seconds_count", {"step": "poll"}),
        "policy": value("tokenward_worker_policy_refused"),
    }


def test_names_follow_the_conventions() -> None:
    """Counters end in _total, all begin with tokenward_, and a family's name is what is promised."""
    for metrics in (WORKER, ORIGINS, ROUTE):
        text = generate_latest(Publisher(metrics).registry).decode()
        for metric in metrics:
            assert metric.name.startswith("tokenward_")
            assert (metric.kind == "counter") == metric.name.endswith("_total")
            assert f"# HELP {metric.name} {metric.meaning}" in text


def test_they_are_served_while_the_block_runs() -> None:
    """The port answers with the metrics, and is free again afterwards."""
    port = free_port()
    publisher = Publisher(ROUTE)
    for _ in range(2):
        with served(publisher.registry, "127.0.0.1", port):
            body = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5).read()

        assert b"tokenward_route_records_total" in body


def test_a_port_in_use_is_a_sentence() -> None:
    """Two services on one port: the second says so."""
    port = free_port()
    with (
        served(CollectorRegistry(), "127.0.0.1", port),
        pytest.raises(Failure, match="Metrics cannot be served"),
        served(CollectorRegistry(), "127.0.0.1", port),
    ):
        pass


def test_port_zero_serves_nothing() -> None:
    """Who wants no metrics gets none."""
    with served(CollectorRegistry(), "127.0.0.1", 0):
        pass
