"""What Prometheus reads of the inbound protocols."""

from api.protocols.inbound import Inbound
from api.sampled import Described, Sampled, Samples, by_word

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


class ProtocolCollector(Sampled):
    """Shows what the protocols' routes have counted."""

    described = PROTOCOL_METRICS

    def __init__(self, inbound: Inbound) -> None:
        self._inbound = inbound

    def samples(self) -> dict[str, Samples]:
        """As `Sampled` says; the event loop counts on meanwhile."""
        counts = self._inbound.counts
        key_sets = self._inbound.transmitters.tokens.key_sets
        return {
            "tokenward_introspections_total": by_word(counts.introspected.copy()),
            "tokenward_oauth_revocations_total": by_word(counts.revoked.copy()),
            "tokenward_global_revocations_total": by_word(counts.ended.copy()),
            "tokenward_ssf_events_total": counts.events.copy(),
            "tokenward_ssf_refused_total": by_word(counts.refused.copy()),
            "tokenward_protocol_unavailable_total": counts.unavailable.copy(),
            "tokenward_ssf_keys": {(iss,): len(keys.keys) for iss, keys in key_sets.items()},
        }
