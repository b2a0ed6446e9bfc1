"""What Prometheus reads of what the API tells Kafka: changes, and the audit trail."""

from api.sampled import Described, Sampled, Samples
from tokenward.teller import Teller
from tokenward.trail import KafkaTrail, NoTrail

TELLING_METRICS = (
    Described(
        "tokenward_changes_told_total",
        "counter",
        ("outcome",),
        "Changes of the registry that this process made, by whether Kafka took them: told, failed. `tokenward rebuild` "
        "and other regions lack those that failed.",
    ),
    Described("tokenward_audit_records_total", "counter", (), "Records written to the audit trail."),
    Described(
        "tokenward_audit_failures_total",
        "counter",
        (),
        "Writes to the audit trail that failed; what was to be done was not done, and the caller was told so.",
    ),
)


class TellingCollector(Sampled):
    """Shows what the teller and the trail have counted."""

    described = TELLING_METRICS

    def __init__(self, teller: Teller, trail: KafkaTrail | NoTrail) -> None:
        self._teller = teller
        self._trail = trail

    def samples(self) -> dict[str, Samples]:
        """As `Sampled` says."""
        return {
            "tokenward_changes_told_total": {("told",): self._teller.told, ("failed",): self._teller.failed},
            "tokenward_audit_records_total": {(): self._trail.written},
            "tokenward_audit_failures_total": {(): self._trail.failed},
        }
