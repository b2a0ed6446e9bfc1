"""What Prometheus reads of the gate."""

from api.access.authenticate import Authenticator
from api.access.gate import Gate
from api.access.refused import Refusals
from api.sampled import Described, Sampled, Samples, by_word

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


class AccessCollector(Sampled):
    """Shows what the gate has counted."""

    described = ACCESS_METRICS

    def __init__(self, gate: Gate, authenticator: Authenticator, refusals: Refusals) -> None:
        self._gate = gate
        self._authenticator = authenticator
        self._refusals = refusals

    def samples(self) -> dict[str, Samples]:
        """As `Sampled` says; the event loop counts on meanwhile."""
        return {
            "tokenward_access_refused_total": by_word(self._gate.refused.copy()),
            "tokenward_access_untold_total": {(): self._refusals.lost},
            "tokenward_access_remembered": {(): len(self._authenticator)},
        }
