"""Pseudonyms: identifiers of people, sessions, tokens and devices become keyed digests before anything is written."""

from ingest.formats.event import RefreshEvent
from ingest.formats.native import encode
from revocation.record import Scope, digester, pseudonym, unmask

EVENT, REFRESH, AGENT = "event", "refresh", "agent"
"""Scopes that the registry does not know: ids of events that came without one, refresh tokens, user agents."""

_NO_DIGITS = str.maketrans("", "", "0123456789")


class Pseudonyms:
    """Replaces, in an event, what tells who it is about.

    Subject, session and access token become the very digests that the registry matches, so that everything behind works
    as if the identifiers stood there. Token, device ids and user agents become digests of scopes of their own; where
    there is no device id, the user agent without its version numbers stands for the device, as in `ingest.columns`.
    Issuer, client and address stay: they are judged and shown. A pseudonym that came in is left as it is.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def put(self, event: RefreshEvent) -> None:
        """Replace them in place; what is absent stays absent."""
        iss = event.iss
        event.sub = self._mask(event.sub, Scope.SUBJECT, iss)
        event.sid = self._mask(event.sid, Scope.FAMILY, iss)
        event.access_jti = self._mask(event.access_jti, Scope.TOKEN, iss)
        event.token = self._mask(event.token, REFRESH, iss)
        event.successor = self._mask(event.successor, REFRESH, iss)
        event.user_agent = self._mask(_without_digits(event.user_agent), AGENT, iss)
        event.device_id = self._mask(event.device_id, Scope.DEVICE, iss) or event.user_agent

    def name(self, event: RefreshEvent) -> None:
        """Give an event without an id one that follows from its content: a provider that repeats itself is noticed."""
        if event.id is None:
            event.id = pseudonym(digester(self._key, EVENT, event.iss)(encode(event).decode()))

    def digest(self, identifier: str, scope: str, iss: str) -> bytes:
        """The digest of an identifier, or the one inside a pseudonym."""
        return unmask(identifier) or digester(self._key, scope, iss)(identifier)

    def _mask(self, identifier: str | None, scope: str, iss: str) -> str | None:
        if identifier is None or unmask(identifier) is not None:
            return identifier
        return pseudonym(digester(self._key, scope, iss)(identifier))


def _without_digits(agent: str | None) -> str | None:
    if agent is None or unmask(agent) is not None:
        return agent
    return agent.translate(_NO_DIGITS) or None
