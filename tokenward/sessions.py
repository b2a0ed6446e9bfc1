"""Sessions that telemetry tells of, picked by what their refreshes have in common: for a bulk."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_network

import msgspec

from ingest.enrich import Places, parse_address
from ingest.formats.event import RefreshEvent, Reject
from ingest.formats.native import decode
from ingest.pseudonyms import Pseudonyms
from revocation.issuers import Issuers
from revocation.record import Scope, unmask
from tokenward.faults import WrongUse

MOST = 1_000_000
"""What a bulk names at most."""
Network = IPv4Network | IPv6Network


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What an event must be like; None: anything. Times are epoch milliseconds, the end is not in it."""

    iss: str | None = None
    client_id: str | None = None
    asn: int | None = None
    country: str | None = None
    network: Network | None = None
    #: A user agent; its version numbers do not matter.
    agent: str | None = None
    since: int | None = None
    until: int | None = None


@dataclass
class Picked:
    """What was found: `lines` of a bulk, each session once."""

    events: int = 0
    fitting: int = 0
    #: Events that fit and tell no session.
    without: int = 0
    unreadable: int = 0
    sessions: dict[tuple[str, str], None] = field(default_factory=dict)

    def lines(self) -> Iterator[bytes]:
        """As the API takes them: a session by its name, or, where telemetry is pseudonymised, by its digest."""
        for iss, sid in self.sessions:
            digest = unmask(sid)
            named = {"iss": iss, "sid": sid} if digest is None else {"scope": Scope.FAMILY, "digest": digest.hex()}
            yield msgspec.json.encode(named)


class Picker:
    """Picks sessions from native events. `key` is the house's digest key: telemetry may hold digests of user agents."""

    def __init__(self, wanted: Wanted, places: Places, key: bytes) -> None:
        self._wanted = wanted
        self._places = places
        self._pseudonyms = Pseudonyms(key)

    def pick(self, values: Iterable[bytes], issuers: Issuers) -> Picked:
        """The sessions of all events that fit.

        Raises:
            WrongUse: there are more than a bulk takes.
        """
        picked = Picked()
        for value in values:
            picked.events += 1
            try:
                (event,) = decode(value, issuers)
            except Reject:
                picked.unreadable += 1
                continue
            if not self.fits(event):
                continue
            picked.fitting += 1
            if event.sid:
                picked.sessions[event.iss, event.sid] = None
            else:
                picked.without += 1
            if len(picked.sessions) > MOST:
                raise WrongUse(f"More than {MOST:,} sessions fit; ask for less, or for the client or issuer itself.")
        return picked

    def fits(self, event: RefreshEvent) -> bool:
        """Whether the event is as wanted."""
        wanted = self._wanted
        return (
            (wanted.iss is None or event.iss == wanted.iss)
            and (wanted.client_id is None or event.client_id == wanted.client_id)
            and (wanted.since is None or event.at >= wanted.since)
            and (wanted.until is None or event.at < wanted.until)
            and self._fits_place(event)
            and (
                wanted.agent is None or self._agent(event.iss, event.user_agent) == self._agent(event.iss, wanted.agent)
            )
        )

    def _fits_place(self, event: RefreshEvent) -> bool:
        wanted = self._wanted
        if wanted.asn is None and wanted.country is None and wanted.network is None:
            return True
        place = self._places.locate(event.ip or "")
        address = parse_address(event.ip or "")
        return (
            (wanted.asn is None or (event.asn or place.asn) == wanted.asn)
            and (wanted.country is None or (event.country or place.country) == wanted.country)
            and (wanted.network is None or (address is not None and address in wanted.network))
        )

    def _same_agent(self, event: RefreshEvent, agent: str) -> bool:
        return self._agent(event.iss, event.user_agent) == self._agent(event.iss, agent)

    def _agent(self, iss: str, agent: str | None) -> str | None:
        """The program, without its version numbers, as telemetry that is pseudonymised has it."""
        event = RefreshEvent(at=0, iss=iss, outcome="success", user_agent=agent)
        self._pseudonyms.put(event)
        return event.user_agent


def network_named(text: str | None) -> Network | None:
    """The network that is meant.

    Raises:
        WrongUse: it is none.
    """
    try:
        return None if text is None else ip_network(text, strict=False)
    except ValueError:
        raise WrongUse("--network takes a network such as 203.0.113.0/24.") from None
