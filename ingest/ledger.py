"""Ledger: what a worker decided, in the audit trail; part of the turn's transaction, so each decision is there once.

The chain follows the commits: what is sealed for a turn counts when its transaction has happened. Where nobody knows
whether it has, since the turn was lost while it was settled, another chain begins; the next owner of the partitions
reads the same records again, decides the same, and writes that into the chain of its own.
"""

from collections.abc import Callable, Sequence

from ingest.sink import Message
from revocation.audit import Event
from revocation.chain import Sealed
from revocation.feed import public
from revocation.heads import Writer
from revocation.record import Revocation

DETECTOR = "detector"


class Ledger:
    """Writes one worker's decisions into `topic`."""

    def __init__(self, writer: Writer, topic: str, clock: Callable[[], int]) -> None:
        self._writer = writer
        self._topic = topic
        self._clock = clock
        #: What was sealed for the turn that is being settled.
        self._pending: list[Sealed] = []

    def seal(self, revocations: Sequence[Revocation]) -> list[Message]:
        """The messages about a turn's decisions; they must be in its transaction.

        Raises:
            RegistryUnavailable: a chain must be begun, and cannot be announced; try again.
        """
        self._pending = self._writer.seal([self._event(revocations)]) if revocations else []
        return audit_messages(self._topic, self._pending)

    def committed(self) -> int:
        """The transaction has happened; returns how many records it held."""
        sealed, self._pending = self._pending, []
        self._writer.confirm(sealed)
        return len(sealed)

    def lost(self) -> None:
        """The turn was lost; if it was being settled, nobody knows whether it has happened."""
        if self._pending:
            self._pending = []
            self._writer.doubt(acted_on=True)

    def _event(self, revocations: Sequence[Revocation]) -> Event:
        entries = tuple(public(revocation, with_actor=True) for revocation in revocations)
        return Event(at=self._clock(), actor=DETECTOR, via=DETECTOR, action="revoke", entries=entries)


def audit_messages(topic: str, sealed: Sequence[Sealed]) -> list[Message]:
    """Records as messages: all of one chain in one partition, in their order."""
    return [Message(topic, one.line, key=one.head.chain.encode()) for one in sealed]
