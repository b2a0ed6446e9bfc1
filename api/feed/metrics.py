"""What Prometheus reads of the feed: who reads it, who lags behind, and how long changes took to arrive."""

from collections.abc import Iterator
from itertools import accumulate

from prometheus_client.core import HistogramMetricFamily, Metric

from api.feed.feed import Feed
from api.feed.replicas import BUCKETS, Standing
from api.sampled import Described, Sampled, Samples

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


class FeedCollector(Sampled):
    """Shows the feed's state."""

    described = FEED_METRICS[1:]

    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    def describe(self) -> Iterator[Metric]:
        """As `Sampled` does, the histogram first."""
        yield _histogram()
        yield from super().describe()

    def collect(self) -> Iterator[Metric]:
        """All families of `FEED_METRICS`, in their order."""
        family = _histogram()
        self._propagation(family)
        yield family
        yield from super().collect()

    def _propagation(self, family: HistogramMetricFamily) -> None:
        seen = self._feed.replicas.propagation
        bounds = [str(bound) for bound in BUCKETS] + ["+Inf"]
        buckets = list(zip(bounds, accumulate(seen.counts), strict=True))
        family.add_metric((), buckets, sum_value=seen.total_ms / 1000)

    def samples(self) -> dict[str, Samples]:
        """As `Sampled` says."""
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
            "tokenward_feed_resyncs_total": {(): readers.resyncs},
        }


def _histogram() -> HistogramMetricFamily:
    return HistogramMetricFamily(FEED_METRICS[0].name, FEED_METRICS[0].meaning)


def _lag(standing: Standing) -> int:
    return standing.lag_ms or 0
