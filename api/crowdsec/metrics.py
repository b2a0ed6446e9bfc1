"""What Prometheus reads of the bouncers' API; all 0 where it is off."""

from api.crowdsec.desk import Desk
from api.sampled import Described, Sampled, Samples

BOUNCER_METRICS = (
    Described("tokenward_bouncers", "gauge", (), "CrowdSec bouncers whose place in the stream this process knows."),
    Described("tokenward_bouncer_decisions", "gauge", (), "Addresses and networks that are condemned now."),
    Described(
        "tokenward_bouncer_nameless", "gauge", (), "Those of them that no bouncer is told of, as nobody left a name."
    ),
    Described("tokenward_bouncer_dropped_total", "counter", (), "Entries about addresses that there was no room for."),
    Described("tokenward_bouncer_reports_total", "counter", (), "Reports of metrics that bouncers sent."),
)


class BouncerCollector(Sampled):
    """Shows the desk's state."""

    described = BOUNCER_METRICS

    def __init__(self, desk: Desk | None) -> None:
        self._desk = desk

    def samples(self) -> dict[str, Samples]:
        """As `Sampled` says."""
        figures = (0, 0, 0, 0, 0) if self._desk is None else self._desk.figures()
        return {metric.name: {(): figure} for metric, figure in zip(BOUNCER_METRICS, figures, strict=True)}
