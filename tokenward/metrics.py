"""Metrics of `worker`, `origins`, `route` and `notify`: reports added up for Prometheus; all stand in one table."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

from ingest.report import NotifyReport, RouteReport, StepReport
from tokenward.faults import Failure

STEP_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds; a turn of a full batch takes some tenths."""

Instrument = Counter | Gauge | Histogram


class Reported(NamedTuple):
    """One metric as it is promised, and the member of the report that it is fed from. At most one label."""

    name: str
    kind: str
    labels: tuple[str, ...]
    meaning: str
    member: str


def _of(service: str, *rows: tuple[str, str, str, str, str]) -> tuple[Reported, ...]:
    return tuple(
        Reported(f"tokenward_{service}_{name}", kind, (label,) if label else (), meaning, member)
        for name, kind, label, meaning, member in rows
    )


_ALL = (
    ("records_total", "counter", "", "Records read.", "records"),
    ("events_total", "counter", "", "Events, or rows of tallies, that the records held.", "events"),
    ("rejects_total", "counter", "reason", "Records that went to the dead letters, by reason.", "rejects"),
    ("partitions", "gauge", "", "Partitions that this process owns.", "partitions"),
    ("records_behind", "gauge", "", "Records that were not read yet when the last turn ended.", "behind"),
    ("lag_seconds", "gauge", "", "Age of the newest event of the last turn that had any, seconds.", "lag_ms"),
    ("stalls_total", "counter", "reason", "Waits for Redis or Kafka, by reason.", "stalls"),
    ("turns_lost_total", "counter", "", "Turns given up because partitions moved; they are read again.", "lost"),
    ("step_seconds", "histogram", "step", "How long each numbered step of a turn took, seconds.", "seconds"),
)

_STAGE = (
    *_ALL,
    ("replayed_events_total", "counter", "", "Events read again after a restart, without effects.", "replayed"),
    ("verdicts_total", "counter", "level", "Verdicts by level: watch, quarantine, revoke.", "verdicts"),
    ("reasons_total", "counter", "reason", "Verdicts by reason; one may have several.", "reasons"),
    ("revocations_total", "counter", "", "Decisions handed to the registry.", "revocations"),
    ("alerts_total", "counter", "", "Alerts sent.", "alerts"),
    ("audited_total", "counter", "", "Records written to the audit trail.", "audited"),
    ("partitions_preparing", "gauge", "", "Owned partitions whose memory is still being rebuilt.", "preparing"),
    (
        "policy_refused",
        "gauge",
        "",
        "1 while the newest policy file is refused and the one before in force, else 0.",
        "",
    ),
)
WORKER = _of(
    "worker",
    *_STAGE,
    ("tallies_total", "counter", "", "Rows told to the stage of origins.", "tallies"),
    (
        "families_in_two_partitions_total",
        "counter",
        "",
        "Families seen in another partition before: telemetry is not keyed by subject, detection is half blind.",
        "families_in_two_partitions",
    ),
)
ORIGINS = _of("origins", *_STAGE)
ROUTE = _of(
    "route",
    *_ALL,
    ("keyed_total", "counter", "key", "Events by what keys them: subject, recalled, session, address.", "keyed"),
)
NOTIFY = _of(
    "notify",
    *(row for row in _ALL if row[4] not in {"events", "rejects"}),
    ("news_total", "counter", "what", "Decisions that others are told: revoked, quarantined, released.", "news"),
    ("unheard_total", "counter", "reason", "Records that were no news for others, by reason.", "unheard"),
    (
        "letters_total",
        "counter",
        "outcome",
        "News for each stream and provider: queued, told_before, unasked, unsaid.",
        "letters",
    ),
    ("deliveries_total", "counter", "outcome", "Pushes and calls: delivered, or why not.", "deliveries"),
    ("dead_letters_total", "counter", "", "What nobody took, written to the dead letters.", "dead"),
    ("streams", "gauge", "status", "Streams by status: enabled, paused, disabled.", "streams"),
    ("waiting", "gauge", "", "Security events that wait, of all streams.", "waiting"),
)


class Publisher:
    """Adds reports up; call it with each.

    `metrics` is `WORKER`, `ORIGINS`, `ROUTE` or `NOTIFY`; `asked` gives, by name, those that stand in no report.
    """

    def __init__(self, metrics: tuple[Reported, ...], asked: Mapping[str, Callable[[], float]] | None = None) -> None:
        self.registry = CollectorRegistry()
        instruments = [(metric, self._instrument(metric)) for metric in metrics]
        self._metrics = [(metric, instrument) for metric, instrument in instruments if metric.member]
        for metric, instrument in instruments:
            if isinstance(instrument, Gauge) and asked and metric.name in asked:
                instrument.set_function(asked[metric.name])

    def __call__(self, report: StepReport | RouteReport | NotifyReport) -> None:
        """Add one turn."""
        for metric, instrument in self._metrics:
            value = getattr(report, metric.member)
            if isinstance(value, Mapping):
                for label, part in value.items():
                    _feed(instrument.labels(label), part)
            elif value is not None:
                _feed(instrument, value / 1000 if metric.member.endswith("_ms") else value)

    def _instrument(self, metric: Reported) -> Instrument:
        if metric.kind == "histogram":
            return Histogram(metric.name, metric.meaning, metric.labels, buckets=STEP_BUCKETS, registry=self.registry)
        kind = Counter if metric.kind == "counter" else Gauge
        return kind(metric.name, metric.meaning, metric.labels, registry=self.registry)


@contextmanager
def served(registry: CollectorRegistry, host: str, port: int) -> Iterator[None]:
    """Serve the metrics at `/metrics` while the block runs; port 0: not at all.

    Raises:
        Failure: the port cannot be listened on.
    """
    if port == 0:
        yield
        return
    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as error:
        raise Failure(
            f"Metrics cannot be served at {host}:{port}: {error.strerror}; see metrics in the settings."
        ) from error
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def _feed(instrument: Instrument, value: float) -> None:
    if isinstance(instrument, Counter):
        instrument.inc(value)
    elif isinstance(instrument, Gauge):
        instrument.set(value)
    else:
        instrument.observe(value)
