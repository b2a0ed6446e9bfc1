"""Retelling: the registry as the audit trail tells it, and what differs from the one that is in force. PURE.

Every record with entries says what was applied, in full; merging is what the registry does, too, so the same entries
come out: tombstones, ends, reasons and who decided. Of two equally strong decisions the first gives the reasons, and
two writers' clocks differ by milliseconds: that alone is no difference.
"""

from collections.abc import Iterable, Iterator

import msgspec

from revocation.chain import Record
from revocation.feed import private
from revocation.heads import ABANDONED
from revocation.memory import MemoryRegistry
from revocation.record import Revocation, Subject

_record = msgspec.json.Decoder(Record)


class Difference(msgspec.Struct, frozen=True):
    """A subject of which trail and registry say different things; None: nothing."""

    subject: Subject
    trail: Revocation | None
    registry: Revocation | None


def read_record(line: bytes) -> Record | None:
    """The record in a line; None: there is none that can be read."""
    try:
        return _record.decode(line)
    except (ValueError, RecursionError):
        return None


class Abandoned:
    """Records that were written, perhaps, when their writer could not know it, so that nobody acted on them."""

    def __init__(self) -> None:
        self._after: dict[str, int] = {}

    def read(self, record: Record) -> None:
        """Learn from a record."""
        told = record.event.details
        if record.event.action == ABANDONED and told.get("after", "").lstrip("-").isdecimal():
            self._after[told.get("chain", "")] = int(told["after"])

    def holds(self, record: Record) -> bool:
        """Whether nobody acted on that record."""
        return record.chain in self._after and record.number > self._after[record.chain]


class Retelling:
    """A registry that is told the trail's records, in the order of their time."""

    def __init__(self, abandoned: Abandoned | None = None) -> None:
        self._abandoned = abandoned or Abandoned()
        self._registry = MemoryRegistry("trail", retained=1)
        #: Records that were applied, those that nobody acted on, and entries that contradict themselves.
        self.applied, self.skipped, self.unreadable = 0, 0, 0

    def tell(self, record: Record) -> None:
        """The next record."""
        if self._abandoned.holds(record):
            self.skipped += bool(record.event.entries)
        elif record.event.entries:
            self.applied += 1
            self._registry.apply(list(self._entries(record)), record.event.at)
            self._registry.expire(record.event.at)

    def entries(self, now: int) -> dict[Subject, Revocation]:
        """What has not ended by then, tombstones too."""
        return _standing(self._registry.snapshot().entries, now)

    def differences(self, registry: Iterable[Revocation], now: int) -> list[Difference]:
        """What differs from the entries of a registry, of those that have not ended by then."""
        told, there = self.entries(now), _standing(registry, now)
        return [
            Difference(subject, told.get(subject), there.get(subject))
            for subject in sorted(told.keys() | there.keys())
            if _weight(told.get(subject)) != _weight(there.get(subject))
        ]

    def _entries(self, record: Record) -> Iterator[Revocation]:
        for entry in record.event.entries:
            try:
                yield private(entry)
            except ValueError:
                self.unreadable += 1


def _standing(entries: Iterable[Revocation], now: int) -> dict[Subject, Revocation]:
    return {entry.subject: entry for entry in entries if entry.expires_at > now}


def _weight(entry: Revocation | None) -> tuple[int, ...] | None:
    """What decides who is refused, from when, until when."""
    if entry is None:
        return None
    return entry.state, entry.decided_at, entry.expires_at, entry.not_before, entry.released_at
