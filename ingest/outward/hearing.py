"""Hearing: what the house's own topics say, as news for others.

An alert tells of the detector's decisions: it has the entries, and beside it, sealed, whom they are about. A change of
the registry tells of what people decided, and of releases; of whom is known from the alert before it, or from whoever
took the decision by hand and said so to the store.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, NamedTuple, TypeVar

import msgspec

from ingest.source import Record
from revocation.feed import Entry, private
from revocation.record import Revocation, Scope, State, Subject
from revocation.ssf.events import News
from revocation.ssf.identity import HEADER, Identities, Identity, names
from revocation.ssf.store import Known, Store

T = TypeVar("T")
DETECTOR = "detector"
TOLD = frozenset({Scope.FAMILY, Scope.SUBJECT, Scope.TOKEN})
"""Entries about a session or a person; a token's entry stands for its session, and no other is about anybody."""
RELEASE_S = 30 * 86_400
"""How long a release is remembered that came before its alert was read, seconds."""


class _Entry(msgspec.Struct, frozen=True):
    id: str
    scope: Scope
    digest: str
    state: Literal["quarantined", "revoked"]
    expires_at: datetime


class _Data(msgspec.Struct, frozen=True):
    kind: str
    enforcement: str
    reasons: tuple[str, ...]
    entries: tuple[_Entry, ...]
    iss: str = ""
    family: str = ""


class _Alert(msgspec.Struct, frozen=True):
    id: str
    time: datetime
    data: _Data


_alert = msgspec.json.Decoder(_Alert)
_change = msgspec.json.Decoder(Entry)


class Unheard(Exception):  # noqa: N818 - named after what happened
    """A record has no news for others; `reason` is the metric's label."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Heard(NamedTuple):
    """News, and the entries that it came from, which end then, epoch milliseconds."""

    news: News
    subjects: tuple[Subject, ...]
    until: int


class Hearing:
    """Reads alerts and changes; remembers whom an entry is about until it ends, since a release names a digest only."""

    def __init__(self, identities: Identities, store: Store, digest_key: bytes) -> None:
        self._identities = identities
        self._store = store
        self._key = digest_key

    def alert(self, record: Record, now: int) -> Heard:
        """The news in an alert.

        Raises:
            Unheard: it has none, or nobody can tell of whom.
        """
        alert = _decoded(_alert, record)
        data = alert.data
        if data.kind != "decision" or data.enforcement != "enforced" or not data.entries:
            raise Unheard("not_enforced")
        entries = [(entry, _subject(entry.scope, entry.digest)) for entry in data.entries if entry.scope in TOLD]
        if not entries:
            raise Unheard("not_personal")
        person = next((subject for _, subject in entries if subject.scope is Scope.SUBJECT), None)
        identity = self._opened(record)
        anchor = person or _subject(Scope.FAMILY, data.family)
        if identity is None or identity.iss != data.iss or not names(identity, anchor, self._key):
            raise Unheard("unnamed")
        at, subjects = _ms(alert.time), tuple(subject for _, subject in entries)
        if any(at <= known.released_at for known in self._known(subjects, now)):
            raise Unheard("released")
        news = News(
            id=alert.id,
            at=at,
            what="revoked" if any(entry.state == "revoked" for entry, _ in entries) else "quarantined",
            identity=identity,
            whole=person is not None,
            reasons=data.reasons,
        )
        return Heard(news, subjects, max(_ms(entry.expires_at) for entry, _ in entries))

    def change(self, record: Record, now: int) -> Heard:
        """The news in a change of the registry.

        Raises:
            Unheard: as for `alert`.
        """
        if record.value is None:
            raise Unheard("not_enforced")  # a tombstone of the compacted topic
        entry = _entry_of(record)
        (known,) = self._known((entry.subject,), now)
        if entry.state is State.RELEASED:
            return self._release(entry, known, now)
        if entry.actor == DETECTOR:
            raise Unheard("told_by_alert")
        if entry.subject.scope not in TOLD:
            raise Unheard("not_personal")
        identity = self._opened(record) or known.identity
        # A token's digest says nothing of its session; who took the decision has said it.
        if identity is None or not (entry.subject.scope is Scope.TOKEN or names(identity, entry.subject, self._key)):
            raise Unheard("unnamed")
        what: Literal["revoked", "quarantined"] = "revoked" if entry.state is State.REVOKED else "quarantined"
        news = News(
            id=f"{entry.id}.{what}",
            at=entry.decided_at,
            what=what,
            identity=identity,
            whole=entry.subject.scope is Scope.SUBJECT,
            reasons=entry.reasons,
            by_hand=True,
        )
        if known.told == news.id:
            raise Unheard("told_before")
        return Heard(news, (entry.subject,), entry.expires_at)

    def told(self, heard: Heard, now: int) -> None:
        """The news waits for all whom it concerns: remember that, and only now, so that a crash before repeats it."""
        news = heard.news
        for subject, known in zip(heard.subjects, self._known(heard.subjects, now), strict=True):
            if news.what == "released":
                new = Known(news.identity, "", news.at)
            else:
                new = Known(news.identity, news.id, known.released_at)
            self._store.remember(subject, new, now, heard.until)

    def _release(self, entry: Revocation, known: Known, now: int) -> Heard:
        if known.released_at >= entry.released_at:
            raise Unheard("told_before")
        until = max(entry.expires_at, now + RELEASE_S * 1000)
        if not known.told or known.identity is None:
            # Its alert may be read later, as it is in another topic; then it is known that it was released.
            self._store.remember(entry.subject, Known(known.identity, "", entry.released_at), now, until)
            raise Unheard("never_told")
        news = News(
            id=f"{entry.id}.{entry.released_at}",
            at=entry.released_at,
            what="released",
            identity=known.identity,
            whole=entry.subject.scope is Scope.SUBJECT,
            reasons=entry.reasons,
            by_hand=True,
        )
        return Heard(news, (entry.subject,), until)

    def _known(self, subjects: Sequence[Subject], now: int) -> list[Known]:
        return [self._store.recall(subject, now) or Known() for subject in subjects]

    def _opened(self, record: Record) -> Identity | None:
        sealed = next((value for name, value in record.headers if name == HEADER), None)
        return None if sealed is None else self._identities.open(sealed)


def _entry_of(record: Record) -> Revocation:
    try:
        return private(_decoded(_change, record))
    except ValueError:
        raise Unheard("unreadable") from None


def _decoded(decoder: msgspec.json.Decoder[T], record: Record) -> T:
    try:
        return decoder.decode(record.value or b"")
    except (msgspec.DecodeError, RecursionError):
        raise Unheard("unreadable") from None


def _subject(scope: Scope, digest: str) -> Subject:
    try:
        return Subject(scope, bytes.fromhex(digest))
    except ValueError:
        raise Unheard("unreadable") from None


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
