"""The exchange: a turn is settled once, whatever goes wrong in between, or given up where it may be another's."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from kafka import TopicPartition

from ingest.errors import TransactionFailed, TurnLost
from ingest.exchange import Exchange
from ingest.sink import Message, Sink
from ingest.source import Place
from revocation.errors import RegistryUnavailable
from tests.rig import Names
from tests.streams import step_until

pytestmark = pytest.mark.kafka


class Forgetful(Sink):
    """A sink whose first commit happens, and whose answer gets lost."""

    commits = 0

    def commit(self, *given: Any) -> None:
        """Commit; the first time, say that it failed."""
        self.commits += 1
        super().commit(*given)
        if self.commits == 1:
            raise TransactionFailed("The answer got lost.")


class Clumsy(Sink):
    """A sink whose first commits do not even begin."""

    failures = 2

    def commit(self, *given: Any) -> None:
        """Commit, once the failures are over."""
        if self.failures:
            self.failures -= 1
            raise TransactionFailed("Kafka is away.")
        super().commit(*given)


class Rig:
    """An exchange that has joined its group."""

    def __init__(self, names: Names, sink: type[Sink] = Sink) -> None:
        self.names = names
        self.stalls: list[str] = []
        self.exchange = names.exchange(names.telemetry, "1", sink)
        self.exchange.on_stall = self.stalls.append
        self.join()

    def join(self) -> None:
        """Poll until there are partitions, and begin a turn."""
        step_until(lambda: self.exchange.poll(50), lambda: bool(self.exchange.source.assignment()), "no partition")

    def settle(self) -> None:
        """End the turn with one message."""
        self.exchange.settle([Message(self.names.alerts, b"told")], {self.names.partition(0): Place(5, 7)})

    def told(self) -> list[bytes | None]:
        """What readers see."""
        return [record.value for record in self.names.read(self.names.alerts)]

    def place(self) -> Place | None:
        """What the group has committed."""
        return self.exchange.source.committed(TopicPartition(self.names.telemetry, 0))


@pytest.fixture
def names(kafka_bootstrap: str) -> Names:
    """Topics that nobody else knows."""
    names = Names(kafka_bootstrap)
    names.create()
    return names


@contextmanager
def rigged(names: Names, sink: type[Sink] = Sink) -> Iterator[Rig]:
    """A rig, closed afterwards."""
    rig = Rig(names, sink)
    try:
        yield rig
    finally:
        rig.exchange.close()


def test_a_commit_whose_answer_got_lost_is_not_repeated(names: Names) -> None:
    """The committed offsets say that it happened, so the messages are not written again."""
    with rigged(names, Forgetful) as rig:
        rig.settle()

        assert ([b"told"], Place(5, 7), ["transaction_failed"]) == (rig.told(), rig.place(), rig.stalls)


def test_a_commit_that_did_not_happen_is_repeated(names: Names) -> None:
    """The offsets did not move, so it is sent again until Kafka takes it."""
    with rigged(names, Clumsy) as rig:
        rig.settle()

        assert ([b"told"], Place(5, 7), ["transaction_failed"] * 2) == (rig.told(), rig.place(), rig.stalls)


def test_what_was_asked_for_is_insisted_on(names: Names) -> None:
    """An action that the registry could not do is done again, and its answer is handed on."""
    answers: list[int] = []

    def answer() -> int:
        answers.append(len(answers))
        if len(answers) < 3:
            raise RegistryUnavailable("Redis is away.")
        return answers[-1]

    with rigged(names) as rig:
        assert (2, ["registry_unavailable"] * 2) == (rig.exchange.insist(answer), rig.stalls)


def refuse() -> None:
    """An action that never succeeds."""
    raise RegistryUnavailable("Redis is away.")


def test_insisting_ends_with_the_program(names: Names) -> None:
    """Whoever waits gives up when the program shall end."""
    with rigged(names) as rig:
        rig.exchange.stop.set()
        with pytest.raises(TurnLost):
            rig.exchange.insist(refuse)


def test_insisting_ends_when_the_partitions_move(names: Names) -> None:
    """A turn that waits is lost when the group is assigned anew: another may do it by then."""
    with rigged(names) as rig:
        other = names.exchange(names.telemetry, "2")

        def refuse_and_join() -> None:
            other.source.poll(50)
            refuse()

        try:
            with pytest.raises(TurnLost):
                rig.exchange.insist(refuse_and_join)
        finally:
            other.close()


def test_a_turn_of_an_earlier_assignment_cannot_be_settled(names: Names) -> None:
    """What was read before the group moved on is fenced by Kafka itself, and the turn is lost."""
    with rigged(names) as rig:
        other = names.exchange(names.telemetry, "2")
        try:
            step_until(
                lambda: (other.source.poll(50), rig.exchange.source.poll(50)),
                lambda: len(rig.exchange.source.assignment()) == len(other.source.assignment()) == 1,
                "the partitions were not shared",
            )
            with pytest.raises(TurnLost):
                rig.settle()
        finally:
            other.close()

        assert ([], None) == (rig.told(), rig.place())


def test_nobody_settles_without_a_membership(names: Names) -> None:
    """Before the group has let one in, nothing can be committed: Kafka would fence nobody."""
    exchange: Exchange = names.exchange(names.telemetry, "1")
    try:
        with pytest.raises(TurnLost):
            exchange.settle([Message(names.alerts, b"told")], {names.partition(0): Place(5, 7)})
    finally:
        exchange.close()
