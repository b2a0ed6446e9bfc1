"""Exchange: what worker and route share: read, write and commit, exactly once, through outages and rebalances."""

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, wait
from typing import TypeVar

from kafka import TopicPartition
from kafka.errors import KafkaError
from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_random_exponential

from ingest.errors import IngestError, TransactionFailed, TurnLost
from ingest.sink import Message, Sink
from ingest.source import Place, Record, Source
from revocation.errors import RegistryUnavailable

log = logging.getLogger(__name__)

T = TypeVar("T")
WAIT = wait_random_exponential(multiplier=0.05, max=5.0)
"""Seconds between attempts: 50 ms at first, doubled up to 5 s, each with full jitter."""
GLANCE_MS = 100
"""How often a waiting turn looks whether the program shall end."""
GRACE_SECONDS = 3.0
"""How long a transaction may still take when the program ends."""


class Exchange:
    """One source and one sink that settle turns together.

    A turn begins with `poll` and ends with `settle`. Whatever fails in between is tried again until it succeeds, by
    `insist`: meanwhile nothing is read, but the group membership lives. A turn that was overtaken by a rebalance, or by
    the program's end, raises `TurnLost`: its partitions are then read again from the committed offset on.
    """

    def __init__(self, source: Source, sink: Sink) -> None:
        self.source = source
        #: Told the reason whenever something has to be tried again.
        self.on_stall: Callable[[str], None] = lambda _reason: None
        self.stop = threading.Event()
        self._sink = sink
        self._rebalances = 0
        #: The membership under which the turn was read: an assignment made since then must fence it.
        self._group = source.group()

    def poll(self, timeout_ms: int) -> dict[TopicPartition, list[Record]]:
        """Begin a turn. The producer is opened first: that decides what a dead namesake left, which `committed` awaits.

        Raises:
            TurnLost: the program ends.
        """
        self._rebalances = self.source.rebalances
        if not self._sink.is_open:
            self.insist(lambda: self._beside(self._sink.open))
        records = self.source.poll(timeout_ms)
        self._rebalances = self.source.rebalances
        self._group = self.source.group()
        return records

    def settle(self, messages: Iterable[Message], places: Mapping[TopicPartition, Place]) -> None:
        """End a turn: messages and places in one transaction, tried again until Kafka says that it happened.

        Raises:
            TurnLost: the partitions may have another owner by now, or the program ends.
        """
        if self._group.generation_id < 0:
            raise TurnLost("The group has put this member out.")  # without a generation, Kafka would fence nobody
        kept = tuple(messages)
        tries = 0

        def attempt() -> None:
            nonlocal tries
            tries += 1
            if tries > 1 and self._happened(places):
                return
            self._beside(lambda: self._sink.commit(kept, places, self._group))

        self.insist(attempt)

    def write(self, messages: Iterable[Message]) -> None:
        """Write messages that belong to no place, at least once; a turn need not have begun.

        Raises:
            TurnLost: as for `settle`.
        """
        kept = tuple(messages)
        self.insist(lambda: self._beside(lambda: self._sink.commit(kept, {}, self._group)))

    def insist(self, action: Callable[[], T]) -> T:
        """Do it until registry and Kafka let it happen, with growing pauses.

        Raises:
            TurnLost: the partitions may have another owner by now, or the program ends.
        """
        retrying = Retrying(
            retry=retry_if_exception_type((RegistryUnavailable, TransactionFailed)),
            wait=WAIT,
            sleep=self._pause,
            before_sleep=self._say,
        )
        return retrying(action)

    def close(self) -> None:
        """End both."""
        self.source.close()
        self._sink.close()

    def _beside(self, action: Callable[[], None]) -> None:
        """Do it in a thread, as kafka-python waits for a silent broker without end; the program's end is not held up.

        Raises:
            TurnLost: the program ends, and no answer came for `GRACE_SECONDS`.
        """
        outcome: Future[None] = Future()
        threading.Thread(target=_resolve, args=(outcome, action), name="transaction", daemon=True).start()
        patience = GRACE_SECONDS
        while not wait([outcome], GLANCE_MS / 1000).done:
            patience -= GLANCE_MS / 1000 if self.stop.is_set() else 0
            if patience < 0:
                raise TurnLost("The program ends, and Kafka does not answer.")
        outcome.result()

    def _happened(self, places: Mapping[TopicPartition, Place]) -> bool:
        """Whether the transaction that failed to answer was committed nevertheless: it moved the offsets then."""
        try:
            return all(self.source.committed(partition) == place for partition, place in places.items())
        except KafkaError as error:
            raise TransactionFailed(f"The committed offsets are not known: {type(error).__name__}.") from error

    def _say(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        reason = error.reason if isinstance(error, (RegistryUnavailable, IngestError)) else "unknown"
        log.warning("stalled", extra={"reason": reason, "attempt": state.attempt_number})
        self.on_stall(reason)

    def _pause(self, seconds: float) -> None:
        left = int(seconds * 1000)
        while left >= 0:
            if self.stop.is_set():
                raise TurnLost("The program ends.")
            self.source.idle(min(left, GLANCE_MS))
            if self.source.rebalances != self._rebalances:
                raise TurnLost("The partitions were assigned anew.")
            left -= GLANCE_MS


def _resolve(outcome: Future[None], action: Callable[[], None]) -> None:
    try:
        action()
        outcome.set_result(None)
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is raised where the outcome is waited for
        outcome.set_exception(error)
