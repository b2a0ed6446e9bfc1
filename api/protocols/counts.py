"""What the inbound protocols have counted: plain numbers, few words of ours and of the settings as labels."""

from collections import Counter

from api.metrics import Counts


class ProtocolCounts:
    """Written by the event loop's thread only."""

    def __init__(self, http: Counts) -> None:
        #: Requests by route and status.
        self.http = http
        #: Answers of introspection: active, inactive.
        self.introspected: Counter[str] = Counter()
        #: What became of RFC 7009's requests.
        self.revoked: Counter[str] = Counter()
        #: What became of global token revocations.
        self.ended: Counter[str] = Counter()
        #: Security events by (transmitter, event, outcome).
        self.events: Counter[tuple[str, ...]] = Counter()
        #: Security event tokens that were not taken, by code.
        self.refused: Counter[str] = Counter()
        #: Requests that nothing could be said about, by (route, what was away).
        self.unavailable: Counter[tuple[str, ...]] = Counter()

    def away(self, route: str, reason: str) -> None:
        """Count a request that could not be served now."""
        self.unavailable[route, reason] += 1
