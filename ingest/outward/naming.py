"""Naming: the identity of an event, sealed, on its way through topics that know digests only.

The stage that still sees an event in the clear seals whom it is about; only `notify`, which has the key too, opens it.
"""

from collections.abc import Callable

from ingest.formats.event import RefreshEvent
from revocation.record import unmask
from revocation.ssf.identity import HEADER, Identities, Identity

__all__ = ["HEADER", "Name", "Naming", "nameless"]

MOST_SESSIONS = 200_000
"""Sessions whose person and seal are remembered; at some 500 bytes each that is 100 MB, where identities are sealed."""

Name = Callable[[RefreshEvent], bytes | None]


def nameless(_: RefreshEvent) -> bytes | None:
    """Nobody is told, so nothing is sealed."""
    return None


class Naming:
    """Seals the identity of an event; an event that names only its session gets the person that the session had.

    The memory is bounded and this process's own: what was seen least recently is forgotten, and a restart forgets all.
    Danger: after that, an event that names only its session is told without the person.
    """

    def __init__(self, identities: Identities, most_sessions: int = MOST_SESSIONS) -> None:
        self._close = identities.close
        self._most = most_sessions
        #: Session -> its person, and both sealed.
        self._seen: dict[tuple[str, str], tuple[str, bytes]] = {}

    def __call__(self, event: RefreshEvent) -> bytes | None:
        """The event's identity, sealed; None where it names nobody in the clear."""
        sub, sid = _clear(event.sub), _clear(event.sid)
        if sid is None:
            return None if sub is None else self._close(Identity(event.iss, sub))
        session = (event.iss, sid)
        seen = self._seen.pop(session, None)
        if seen is None or (sub is not None and sub != seen[0]):
            if sub is None:
                return self._close(Identity(event.iss, None, sid))
            seen = (sub, self._close(Identity(event.iss, sub, sid)))
        self._seen[session] = seen  # to the end: a dict is in the order of insertion
        if len(self._seen) > self._most:
            del self._seen[next(iter(self._seen))]
        return seen[1]


def _clear(identifier: str | None) -> str | None:
    """The identifier, unless there is none or only its pseudonym is known."""
    return None if identifier is None or unmask(identifier) is not None else identifier
