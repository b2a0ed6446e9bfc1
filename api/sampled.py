"""Metrics that are collected when they are asked for, from plain numbers that are counted where things happen."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import ClassVar, NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

Samples = Mapping[tuple[str, ...], float]
"""Values by their labels' values."""


class Described(NamedTuple):
    """One metric as it is promised: its name on the wire, its labels, its meaning."""

    name: str
    kind: str
    labels: tuple[str, ...]
    meaning: str


class Sampled(Collector, ABC):
    """Shows counters and gauges of `described`, with what `samples` says of each by its name."""

    described: ClassVar[tuple[Described, ...]]

    @abstractmethod
    def samples(self) -> Mapping[str, Samples]:
        """Metric -> label values -> value, now. Copies, where another thread counts on meanwhile."""

    def describe(self) -> Iterator[Metric]:
        """The families, so that registering this collector finds clashes of names."""
        return map(_family, self.described)

    def collect(self) -> Iterator[Metric]:
        """All families of `described`, in their order."""
        samples = self.samples()
        for metric in self.described:
            family = _family(metric)
            for labels, value in samples[metric.name].items():
                family.add_metric(labels, value)
            yield family


def by_word(counted: Mapping[str, int]) -> Samples:
    """Samples of one label."""
    return {(word,): count for word, count in counted.items()}


def _family(metric: Described) -> CounterMetricFamily | GaugeMetricFamily:
    kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    return kind(metric.name, metric.meaning, labels=metric.labels)
