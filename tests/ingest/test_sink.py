"""The sink on a real broker: all of a transaction or none, and a namesake decides what a dead one left."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from kafka import TopicPartition
from kafka.errors import FencedInstanceIdError

from ingest.errors import TransactionFailed
from ingest.sink import Message, Sink
from ingest.source import Place, Source
from tests.servers.kafka import create_topics
from tests.streams import committed_offsets, committed_records, fresh, step_until

pytestmark = pytest.mark.kafka


class Stage:
    """A group member on a topic of one partition, a topic to write to, and sinks under one name."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self.topic, self.out, self.group, self.name = fresh("in"), fresh("out"), fresh("g"), fresh("sink")
        create_topics(bootstrap, {self.topic: 1, self.out: 1})
        self.source = self.member()

    def member(self) -> Source:
        """A member of the group; all have the same instance name."""
        options = {"bootstrap_servers": self.bootstrap}
        source = Source([self.topic], group_id=self.group, instance="a", options=options)
        step_until(lambda: source.poll(50), lambda: bool(source.held), "no partition was assigned")
        return source

    @contextmanager
    def sink(self, **options: Any) -> Iterator[Sink]:
        """A sink under the stage's name, closed afterwards."""
        sink = Sink(transactional_id=self.name, options={"bootstrap_servers": self.bootstrap, **options})
        try:
            yield sink
        finally:
            sink.close()

    def place(self, offset: int) -> dict[TopicPartition, Place]:
        """That offset of the only partition, to be committed."""
        return {TopicPartition(self.topic, 0): Place(offset, None)}

    def written(self) -> list[bytes | None]:
        """What a read-committed reader sees."""
        return [record.value for record in committed_records(self.bootstrap, self.out)]

    def offsets(self) -> dict[int, int]:
        """What the group has committed."""
        return committed_offsets(self.bootstrap, self.group, self.topic)


@pytest.fixture
def stage(kafka_bootstrap: str) -> Iterator[Stage]:
    """A stage of one's own."""
    stage = Stage(kafka_bootstrap)
    try:
        yield stage
    finally:
        stage.source.close()


def test_messages_and_offsets_are_committed_together(stage: Stage) -> None:
    """After `commit` readers see the message as it was given, and the group its offset."""
    message = Message(stage.out, b"value", b"key", (("reason", b"bad_json"),), 1_000)
    with stage.sink() as sink:
        sink.commit([message], stage.place(3), stage.source.group())

        (record,) = committed_records(stage.bootstrap, stage.out)
        assert (b"value", b"key", [("reason", b"bad_json")], 1_000) == (
            record.value,
            record.key,
            record.headers,
            record.timestamp,
        )
        assert {0: 3} == stage.offsets()


def test_a_transaction_that_fails_leaves_nothing(stage: Stage) -> None:
    """A message that Kafka cannot take takes the whole transaction with it, and the next one goes through."""
    with stage.sink(max_block_ms=1_000) as sink:
        with pytest.raises(TransactionFailed):
            sink.commit(
                [Message(stage.out, b"lost"), Message("no-such-topic", b"")], stage.place(1), stage.source.group()
            )
        sink.commit([Message(stage.out, b"kept")], stage.place(2), stage.source.group())

        assert ([b"kept"], {0: 2}) == (stage.written(), stage.offsets())


def test_a_namesake_aborts_what_the_dead_one_left(stage: Stage) -> None:
    """An unfinished transaction is gone once another sink of that name is open; nobody waits for a timeout."""
    with stage.sink() as dead, stage.sink() as back:
        dead.open()
        dead.fill([Message(stage.out, b"half")], stage.place(1), stage.source.group())
        back.open()

        assert ([], {}) == (stage.written(), stage.offsets())


def test_who_was_replaced_commits_nothing(stage: Stage) -> None:
    """A sink whose name another one took fails, and takes over when it is used again."""
    with stage.sink() as old, stage.sink() as new:
        old.open()
        new.commit([Message(stage.out, b"new")], stage.place(1), stage.source.group())
        with pytest.raises(TransactionFailed):
            old.commit([Message(stage.out, b"old")], stage.place(2), stage.source.group())

        assert ([b"new"], {0: 1}) == (stage.written(), stage.offsets())


def test_a_member_that_was_replaced_is_told_so(stage: Stage) -> None:
    """Where another process bears the same instance name, its predecessor must end, not try again."""
    stale = stage.source.group()
    back = stage.member()
    try:
        with stage.sink() as sink, pytest.raises(FencedInstanceIdError):
            sink.commit([Message(stage.out, b"zombie")], stage.place(1), stale)

        assert ([], {}) == (stage.written(), stage.offsets())
    finally:
        back.close()


def test_a_mute_broker_is_a_failed_transaction() -> None:
    """Opening a sink that gets no answer says so instead of waiting for ever."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"127.0.0.1:{mute.getsockname()[1]}"
        sink = Sink(transactional_id="x", options={"bootstrap_servers": address, "bootstrap_timeout_ms": 300})

        with pytest.raises(TransactionFailed):
            sink.open()
