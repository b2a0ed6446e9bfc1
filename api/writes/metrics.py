"""What Prometheus reads of what people decide: approvals and bulks."""

from api.bulk.runner import Runner
from api.sampled import Described, Sampled, Samples, by_word
from api.writes.approvals import Approvals

WRITE_METRICS = (
    Described(
        "tokenward_approvals_total",
        "counter",
        ("step",),
        "Steps of what takes two persons, taken by this process: asked, approved, rejected.",
    ),
    Described(
        "tokenward_bulk_identities_total",
        "counter",
        ("step",),
        "Identities that this process has gone through for a bulk: done, undone.",
    ),
    Described(
        "tokenward_bulk_failures_total",
        "counter",
        (),
        "Times that a bulk had to wait, as something did not answer; it goes on by itself.",
    ),
)


class WriteCollector(Sampled):
    """Shows what approvals and the runner of bulks have counted."""

    described = WRITE_METRICS

    def __init__(self, approvals: Approvals, runner: Runner) -> None:
        self._approvals = approvals
        self._runner = runner

    def samples(self) -> dict[str, Samples]:
        """As `Sampled` says; other threads count on meanwhile."""
        return {
            "tokenward_approvals_total": by_word(self._approvals.steps.copy()),
            "tokenward_bulk_identities_total": by_word(self._runner.identities.copy()),
            "tokenward_bulk_failures_total": {(): self._runner.failures},
        }
