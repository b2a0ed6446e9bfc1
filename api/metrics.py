"""What Prometheus reads of this process: plain numbers that the hot path counts, collected when they are asked for."""

from collections.abc import Callable
from typing import Protocol

from api.sampled import Described, Sampled, Samples, by_word
from api.tokens import Tokens
from revocation.replica import Replica

METRICS = (
    Described("tokenward_check_total", "counter", ("decision",), "Tokens checked, by decision: allow, step_up, deny."),
    Described(
        "tokenward_http_requests_total",
        "counter",
        ("route", "status"),
        "Requests answered, by route (`other`: none of ours) and HTTP status.",
    ),
    Described("tokenward_http_refused_total", "counter", ("reason",), "Requests answered with a problem, by its slug."),
    Described(
        "tokenward_authz_total",
        "counter",
        ("profile", "status"),
        "Answers of `/authz`, by profile and `X-Token-Status`; `(unknown)`: the path names no profile.",
    ),
    Described(
        "tokenward_token_refused_total",
        "counter",
        ("reason",),
        "Tokens that `/authz` refused by themselves, before the registry was asked; reasons in `docs/tokens.md`.",
    ),
    Described("tokenward_tokens_remembered", "gauge", (), "Tokens that need not be verified or read again."),
    Described(
        "tokenward_jwks_fetches_total",
        "counter",
        ("issuer", "outcome"),
        "Fetches of an issuer's keys, by outcome: ok, or why there are no new ones.",
    ),
    Described(
        "tokenward_jwks_age_seconds", "gauge", ("issuer",), "Seconds since an issuer's keys were last confirmed."
    ),
    Described("tokenward_jwks_keys", "gauge", ("issuer",), "Keys of an issuer that tokens may be signed by."),
    Described("tokenward_replica_ready", "gauge", (), "1 when the first snapshot has been applied, else 0."),
    Described("tokenward_replica_entries", "gauge", (), "Entries of the local replica."),
    Described("tokenward_replica_seq", "gauge", (), "Number of the last change the replica has applied."),
    Described("tokenward_replica_age_seconds", "gauge", (), "Seconds since the registry was last heard of."),
    Described("tokenward_replica_resyncs_total", "counter", (), "Snapshots taken because the past was lost."),
    Described("tokenward_replica_failures_total", "counter", (), "Calls that the registry did not answer."),
)


class Follows(Protocol):
    """What this API needs of the thread that keeps the replica up to date."""

    @property
    def ready(self) -> bool:
        """Whether the first snapshot has been applied."""
        ...

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        ...

    @property
    def resyncs(self) -> int:
        """How often a snapshot had to be taken again."""
        ...

    @property
    def failures(self) -> int:
        """How many calls the registry did not answer."""
        ...

    def start(self) -> None:
        """Begin to follow; returns at once."""
        ...

    def stop(self) -> None:
        """End; returns when the thread has ended, within a bound."""
        ...


class Counts:
    """What this process has answered. Written by the event loop's thread only."""

    def __init__(self) -> None:
        #: Tokens by decision, those that came alone and those of batches; the keys never change.
        self.single = {"allow": 0, "step_up": 0, "deny": 0}
        self.batched = self.single.copy()
        #: Batches answered with 200. These, and single checks answered so, are not in `requests`.
        self.batches = 0
        #: Answers by (route, status); routes are ours or `other`, so it stays small.
        self.requests: dict[tuple[str, int], int] = {}
        #: Problems by slug.
        self.refusals: dict[str, int] = {}
        #: Answers of `/authz` by (profile, status): few words of ours and the settings'.
        self.authz: dict[tuple[str, str], int] = {}
        #: Tokens by why they were refused.
        self.tokens: dict[str, int] = {}

    def request(self, route: str, status: int) -> None:
        """Count one answered request."""
        key = (route, status)
        self.requests[key] = self.requests.get(key, 0) + 1

    def refusal(self, slug: str) -> None:
        """Count one problem."""
        self.refusals[slug] = self.refusals.get(slug, 0) + 1

    def authorised(self, profile: str, status: str, http: int) -> None:
        """Count one answer of `/authz`."""
        key = (profile, status)
        self.authz[key] = self.authz.get(key, 0) + 1
        self.request("/authz", http)

    def token_refused(self, reason: str) -> None:
        """Count one token that was refused by itself."""
        self.tokens[reason] = self.tokens.get(reason, 0) + 1


class ApiCollector(Sampled):
    """Shows what was counted, and the replica's state."""

    described = METRICS

    def __init__(
        self, counts: Counts, replica: Replica, follower: Follows, clock: Callable[[], int], tokens: Tokens
    ) -> None:
        self._counts = counts
        self._tokens = tokens
        self._replica = replica
        self._follower = follower
        self._clock = clock

    def samples(self) -> dict[str, Samples]:
        """As `Sampled` says; the event loop counts on meanwhile."""
        counts, replica = self._counts, self._replica
        requests = counts.requests.copy()
        requests |= {("/v1/check", 200): sum(counts.single.values()), ("/v1/check/batch", 200): counts.batches}
        position = replica.position
        heard = replica.fresh_at
        key_sets = self._tokens.key_sets
        return {
            "tokenward_check_total": {
                (decision,): count + counts.batched[decision] for decision, count in counts.single.items()
            },
            "tokenward_http_requests_total": {
                (route, str(status)): count for (route, status), count in requests.items()
            },
            "tokenward_http_refused_total": by_word(counts.refusals.copy()),
            "tokenward_authz_total": {
                (profile, status): count for (profile, status), count in counts.authz.copy().items()
            },
            "tokenward_token_refused_total": by_word(counts.tokens.copy()),
            "tokenward_tokens_remembered": {(): len(self._tokens)},
            "tokenward_jwks_fetches_total": {
                (iss, outcome): count
                for iss, keys in key_sets.items()
                for outcome, count in keys.fetches.copy().items()
            },
            "tokenward_jwks_age_seconds": {
                (iss,): max(0, self._clock() - keys.fetched_at) / 1000
                for iss, keys in key_sets.items()
                if keys.fetched_at
            },
            "tokenward_jwks_keys": {(iss,): len(keys.keys) for iss, keys in key_sets.items()},
            "tokenward_replica_ready": {(): float(self._follower.ready)},
            "tokenward_replica_entries": {(): len(replica)},
            "tokenward_replica_seq": {} if position is None else {(): position.seq},
            "tokenward_replica_age_seconds": {} if heard == 0 else {(): max(0, self._clock() - heard) / 1000},
            "tokenward_replica_resyncs_total": {(): self._follower.resyncs},
            "tokenward_replica_failures_total": {(): self._follower.failures},
        }
