"""What Prometheus reads of the inbound protocols."""

from collections.abc import Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from api.metrics import Described
from api.protocols.inbound import Inbound

PROTOCOL_METRICS = (
    Described("tokenward_introspections_total", "counter", ("answer",), "RFC 7662's answers: active, inactive."),
    Described(
        "tokenward_oauth_revocations_total",
        "counter",
        ("outcome",),
        "RFC 7009's requests: revoked; without effect (foreign, ended, invalid); unsupported, forbidden.",
    ),
    Described(
        "tokenward_global_revocations_total",
        "counter",
        ("outcome",),
        "Global token revocations: done, or the slug of the problem that was answered.",
    ),
    Described(
        "tokenward_ssf_events_total",
        "counter",
        ("transmitter", "event", "outcome"),
        "Security events taken, by transmitter, type (`other`: none we know) and what followed: ordered, repeated, "
        "nothing_follows, not_obeyed, unknown_event, unknown_subject, told.",
    ),
    Described(
        "tokenward_ssf_refused_total", "counter", ("code",), "Security event tokens refused, by RFC 8935's code."
    ),
    Described(
        "tokenward_protocol_unavailable_total",
        "counter",
        ("route", "reason"),
        "Requests of these protocols answered with 503, by what was away: registry, trail, or an issuer's keys.",
    ),
    Described("tokenward_ssf_keys", "gauge", ("transmitter",), "Keys of a transmitter that events may be signed by."),
)

Samples = dict[tuple[str, ...], float]


class ProtocolCollector(Collector):
    """Turns the counts into metrics, once a scrape."""

    def __init__(self, inbound: Inbound) -> None:
        self._inbound = inbound

    def describe(self) -> Iterator[Metric]:
        """The families, so that registering this collector finds clashes of names."""
        return (_family(metric) for metric in PROTOCOL_METRICS)

    def collect(self) -> Iterator[Metric]:
        """All families of `PROTOCOL_METRICS`, in their order."""
        samples = self._samples()
        for metric in PROTOCOL_METRICS:
            family = _family(metric)
            for labels, value in samples[metric.name].items():
                family.add_metric(labels, value)
            yield family

    def _samples(self) -> dict[str, Samples]:
        """Metric -> label values -> value. Copies are taken, as the event loop counts on meanwhile."""
        counts = self._inbound.counts
        key_sets = self._inbound.transmitters.tokens.key_sets
        return {
            "tokenward_introspections_total": _single(counts.introspected.copy()),
            "tokenward_oauth_revocations_total": _single(counts.revoked.copy()),
            "tokenward_global_revocations_total": _single(counts.ended.copy()),
            "tokenward_ssf_events_total": _labelled(counts.events.copy()),
            "tokenward_ssf_refused_total": _single(counts.refused.copy()),
            "tokenward_protocol_unavailable_total": _labelled(counts.unavailable.copy()),
            "tokenward_ssf_keys": {(iss,): len(keys.keys) for iss, keys in key_sets.items()},
        }


def _single(counted: Mapping[str, int]) -> Samples:
    return {(word,): count for word, count in counted.items()}


def _labelled(counted: Mapping[tuple[str, str], int] | Mapping[tuple[str, str, str], int]) -> Samples:
    return {(*labels,): count for labels, count in counted.items()}


def _family(metric: Described) -> CounterMetricFamily | GaugeMetricFamily:
    kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    return kind(metric.name, metric.meaning, labels=metric.labels)
