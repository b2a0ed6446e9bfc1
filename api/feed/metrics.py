"""What Prometheus reads of the feed: who reads it, who lags behind, and how long changes took to arrive."""

from collections.abc import Iterator
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from api.feed.feed import Feed
from api.feed.replicas import BUCKETS, Standing
from api.sampled import Described, Samples

NAMED = 100
"""Replicas that get a time series of their own: those that lag most."""

FEED_METRICS = (
    Described(
        "tokenward_propagation_seconds",
        "histogram",
        (),
        "From a change's arrival at this process to its acknowledgement by a replica, counted for each of both.",
    ),
    Described("tokenward_feed_replicas", "gauge", (), "Replicas that follow this process by name."),
    Described(
        "tokenward_feed_laggards", "gauge", (), "Replicas that have lacked a change for longer than `feed.laggard_s`."
    ),
    Described(
        "tokenward_feed_replica_lag_seconds",
        "gauge",
        ("replica",),
        f"For how long a replica has lacked a change; the {NAMED} that lag most.",
    ),
    Described(
        "tokenward_feed_readers",
        "gauge",
        ("kind",),
        "Readers now: waiting in a poll, of the stream, of a snapshot.",
    ),
    Described("tokenward_feed_resyncs_total", "counter", (), "Readers that were sent for a snapshot."),
)


class FeedCollector(Collector):
    """Turns the feed's state into metrics, once a scrape."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    def describe(self) -> Iterator[Metric]:
        """The families, so that registering this collector finds clashes of names."""
        histogram, *others = FEED_METRICS
        yield HistogramMetricFamily(histogram.name, histogram.meaning)
        for metric in others:
            kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
            yield kind(metric.name, metric.meaning, labels=metric.labels)

    def collect(self) -> Iterator[Metric]:
        """All families of `FEED_METRICS`, in their order."""
        samples = self._samples()
        for family in self.describe():
            if isinstance(family, HistogramMetricFamily):
                self._propagation(family)
            elif isinstance(family, CounterMetricFamily | GaugeMetricFamily):
                for labels, value in samples[family.name].items():
                    family.add_metric(labels, value)
            yield family

    def _propagation(self, family: HistogramMetricFamily) -> None:
        seen = self._feed.replicas.propagation
        bounds = [str(bound) for bound in BUCKETS] + ["+Inf"]
        buckets = list(zip(bounds, accumulate(seen.counts), strict=True))
        family.add_metric((), buckets, sum_value=seen.total_ms / 1000)

    def _samples(self) -> dict[str, Samples]:
        """Family -> label values -> value."""
        replicas, readers = self._feed.replicas, self._feed.readers
        standings = replicas.standings()
        lags = {standing.name: standing.lag_ms for standing in sorted(standings, key=_lag, reverse=True)[:NAMED]}
        return {
            "tokenward_feed_replicas": {(): len(standings)},
            "tokenward_feed_laggards": {(): sum(map(replicas.is_laggard, standings))},
            "tokenward_feed_replica_lag_seconds": {
                (name,): lag / 1000 for name, lag in lags.items() if lag is not None
            },
            "tokenward_feed_readers": {(kind,): count for kind, count in readers.now.items()},
            "tokenward_feed_resyncs": {(): readers.resyncs},
        }


def _lag(standing: Standing) -> int:
    return standing.lag_ms or 0
