"""What waits: drafts, approvals, answers that may be asked for again. Small documents that all API processes share.

A document has a kind, a name, a version and an end. It is made once, and changed only by whoever knows its version; so
of two processes that mean to do the same one does it. A lease is such a document, too. What a document says is its
writer's business: here it is bytes.
"""

import threading
from typing import Protocol

import msgspec

LONGEST_MS = 30 * 86_400_000
"""No document waits longer than that."""


class Document(msgspec.Struct, frozen=True):
    """One document as it stood when it was read."""

    name: str
    #: Counts its changes, from 1.
    version: int
    #: From this moment on it is as if absent, epoch milliseconds.
    ends_at: int
    text: bytes


class Pending(Protocol):
    """Documents by kind and name. All times are epoch milliseconds; the store never asks a clock.

    Laws (one suite holds both implementations to them): a name is made once until it ends; of two changes of one
    version one succeeds; a document is read as it was written last; a kind never holds more than `most`.

    Every method raises `RegistryUnavailable` when the store does not answer. Danger: what was asked may have happened;
    `make` then answers None to the second call, so read who made it.
    """

    def make(self, kind: str, name: str, text: bytes, ends_at: int, now: int, most: int) -> Document | None:
        """Make a document; None: the name is taken.

        Raises:
            PendingFull: there are `most` of that kind.
        """
        ...

    def change(self, kind: str, document: Document, text: bytes, ends_at: int, now: int) -> Document | None:
        """Write another text where it still is as `document` says; None: somebody was faster, or it has ended.

        An end that is not after `now` removes it.
        """
        ...

    def read(self, kind: str, name: str, now: int) -> Document | None:
        """The document, or None."""
        ...

    def every(self, kind: str, now: int) -> list[Document]:
        """All documents of a kind, by name."""
        ...


class PendingFull(Exception):  # noqa: N818 - named after the state
    """There are as many documents of that kind as there may be; some must end, or be decided, first."""


class MemoryPending:
    """Documents in a dict; everything is lost with its process. Safe to use from several threads."""

    def __init__(self) -> None:
        self._kinds: dict[str, dict[str, Document]] = {}
        self._lock = threading.Lock()

    def make(self, kind: str, name: str, text: bytes, ends_at: int, now: int, most: int) -> Document | None:
        """As the port says."""
        with self._lock:
            held = self._held(kind, now)
            if name in held:
                return None
            if len(held) >= most:
                raise PendingFull
            held[name] = Document(name, 1, ends_at, text)
            return held[name]

    def change(self, kind: str, document: Document, text: bytes, ends_at: int, now: int) -> Document | None:
        """As the port says."""
        with self._lock:
            held = self._held(kind, now)
            known = held.get(document.name)
            if known is None or known.version != document.version:
                return None
            held[known.name] = changed = Document(known.name, known.version + 1, ends_at, text)
            return changed

    def read(self, kind: str, name: str, now: int) -> Document | None:
        """As the port says."""
        with self._lock:
            return self._held(kind, now).get(name)

    def every(self, kind: str, now: int) -> list[Document]:
        """As the port says."""
        with self._lock:
            return sorted(self._held(kind, now).values(), key=lambda document: document.name)

    def _held(self, kind: str, now: int) -> dict[str, Document]:
        """Those of a kind that have not ended; the others are forgotten."""
        held = self._kinds.setdefault(kind, {})
        for name in [name for name, document in held.items() if document.ends_at <= now]:
            del held[name]
        return held
