"""What Prometheus reads of the gate."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from api.access.authenticate import Authenticator
from api.access.gate import Gate
from api.access.refused import Refusals
from api.metrics import Described

ACCESS_METRICS = (
    Described(
        "tokenward_access_refused_total",
        "counter",
        ("reason",),
        "Requests that were refused for who asked, or how often; reasons in `docs/access.md`.",
    ),
    Described("tokenward_access_untold_total", "counter", (), "Refused attempts that the trail was not told of."),
    Described("tokenward_access_remembered", "gauge", (), "Credentials that need not be proven again."),
)


class AccessCollector(Collector):
    """Turns the gate's counts into metrics, once a scrape."""

    def __init__(self, gate: Gate, authenticator: Authenticator, refusals: Refusals) -> None:
        self._gate = gate
        self._authenticator = authenticator
        self._refusals = refusals

    def describe(self) -> Iterator[Metric]:
        """The families, so that registering this collector finds clashes of names."""
        return (_family(metric) for metric in ACCESS_METRICS)

    def collect(self) -> Iterator[Metric]:
        """All families of `ACCESS_METRICS`, in their order; a copy is taken, as the event loop counts on."""
        samples: tuple[dict[tuple[str, ...], float], ...] = (
            {(reason,): count for reason, count in self._gate.refused.copy().items()},
            {(): self._refusals.lost},
            {(): len(self._authenticator)},
        )
        for metric, sample in zip(ACCESS_METRICS, samples, strict=True):
            family = _family(metric)
            for labels, value in sample.items():
                family.add_metric(labels, value)
            yield family


def _family(metric: Described) -> CounterMetricFamily | GaugeMetricFamily:
    kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    return kind(metric.name, metric.meaning, labels=metric.labels)
