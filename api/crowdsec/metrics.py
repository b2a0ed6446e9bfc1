"""What Prometheus reads of the bouncers' API; all 0 where it is off."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from api.crowdsec.desk import Desk
from api.metrics import Described

BOUNCER_METRICS = (
    Described("tokenward_bouncers", "gauge", (), "CrowdSec bouncers whose place in the stream this process knows."),
    Described("tokenward_bouncer_decisions", "gauge", (), "Addresses and networks that are condemned now."),
    Described(
        "tokenward_bouncer_nameless", "gauge", (), "Those of them that no bouncer is told of, as nobody left a name."
    ),
    Described("tokenward_bouncer_dropped_total", "counter", (), "Entries about addresses that there was no room for."),
    Described("tokenward_bouncer_reports_total", "counter", (), "Reports of metrics that bouncers sent."),
)


class BouncerCollector(Collector):
    """Turns the desk's state into metrics, once a scrape."""

    def __init__(self, desk: Desk | None) -> None:
        self._desk = desk

    def describe(self) -> Iterator[Metric]:
        """The families, so that registering this collector finds clashes of names."""
        for metric in BOUNCER_METRICS:
            kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
            yield kind(metric.name, metric.meaning)

    def collect(self) -> Iterator[Metric]:
        """All families of `BOUNCER_METRICS`, in their order."""
        values = (0, 0, 0, 0, 0) if self._desk is None else self._desk.figures()
        for family, value in zip(self.describe(), values, strict=True):
            if isinstance(family, CounterMetricFamily | GaugeMetricFamily):
                family.add_metric((), value)
            yield family
