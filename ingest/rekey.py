"""Rekey: the key that brings all events of a subject into one partition."""

from ingest.formats.event import RefreshEvent
from ingest.pseudonyms import Pseudonyms
from revocation.record import Scope, pseudonym

MOST_SESSIONS = 200_000
"""Sessions whose subject is remembered; at some 250 bytes each that is 50 MB."""


class Rekey:
    """Finds an event's key: the subject, else the subject that its session had, else the session, else the address.

    The memory is bounded and this process's own: what was seen least recently is forgotten, and a restart forgets all.
    """

    def __init__(self, pseudonyms: Pseudonyms, most_sessions: int = MOST_SESSIONS) -> None:
        self._digest = pseudonyms.digest
        self._most = most_sessions
        self._subjects: dict[bytes, bytes] = {}

    def key(self, event: RefreshEvent) -> tuple[bytes, str]:
        """Return the key and what it is of; an event that named only its session gets its subject filled in."""
        session = None if event.sid is None else self._digest(event.sid, Scope.FAMILY, event.iss)
        if event.sub is not None:
            subject = self._digest(event.sub, Scope.SUBJECT, event.iss)
            if session is not None:
                self._remember(session, subject)
            return subject.hex().encode(), "subject"
        if session is None:
            return (event.ip or event.iss).encode(), "address"
        known = self._subjects.get(session)
        if known is None:
            return session.hex().encode(), "session"
        self._remember(session, known)
        event.sub = pseudonym(known)
        return known.hex().encode(), "recalled"

    def _remember(self, session: bytes, subject: bytes) -> None:
        self._subjects.pop(session, None)  # to the end: a dict is in the order of insertion
        self._subjects[session] = subject
        if len(self._subjects) > self._most:
            del self._subjects[next(iter(self._subjects))]
