"""The source on a real broker: partitions are held until started, places survive, rebalances show."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from kafka import TopicPartition

from ingest.source import Place, Source
from tests.servers.kafka import create_topics
from tests.streams import fresh, produce, step_until

pytestmark = pytest.mark.kafka


@contextmanager
def member(bootstrap: str, topic: str, group: str, instance: str = "a") -> Iterator[Source]:
    """A source in a group, closed afterwards."""
    source = Source([topic], group_id=group, instance=instance, options={"bootstrap_servers": bootstrap})
    try:
        yield source
    finally:
        source.close()


@pytest.fixture
def topic(kafka_bootstrap: str) -> str:
    """A topic of two partitions that nobody else knows."""
    name = fresh("source")
    create_topics(kafka_bootstrap, {name: 2})
    return name


def assigned(*sources: Source, partitions: int = 2) -> None:
    """Wait until all partitions are somebody's, and every source has one."""

    def poll() -> None:
        for source in sources:
            source.poll(50)

    def done() -> bool:
        owned = [source.assignment() for source in sources]
        return all(owned) and len(set().union(*owned)) == sum(map(len, owned)) == partitions

    step_until(poll, done, "the partitions were not assigned")


def test_no_record_flows_before_its_partition_was_started(kafka_bootstrap: str, topic: str) -> None:
    """An assigned partition is held; records come only once `start` said from where."""
    produce(kafka_bootstrap, topic, [b"0", b"1", b"2"], partition=1)
    with member(kafka_bootstrap, topic, fresh("g")) as source:
        assigned(source)
        held, early = set(source.held), source.poll(300)
        source.start(TopicPartition(topic, 1), 1)
        records = source.poll(10_000)

        assert ({TopicPartition(topic, 0), TopicPartition(topic, 1)}, {}) == (held, early)
        assert [b"1", b"2"] == [record.value for record in records[TopicPartition(topic, 1)]]


def test_a_waiting_source_reads_nothing_and_loses_nothing(kafka_bootstrap: str, topic: str) -> None:
    """What arrives while the source idles is read afterwards."""
    with member(kafka_bootstrap, topic, fresh("g")) as source:
        assigned(source)
        for partition in sorted(source.held):
            source.start(partition, 0)
        produce(kafka_bootstrap, topic, [b"x"], partition=0)
        source.idle(300)
        records = source.poll(10_000)

        assert [b"x"] == [record.value for record in records[TopicPartition(topic, 0)]]


def test_a_partition_on_hold_is_read_again_from_where_it_is_started(kafka_bootstrap: str, topic: str) -> None:
    """After `hold` nothing flows; after `start` the same records come again."""
    produce(kafka_bootstrap, topic, [b"0", b"1"], partition=0)
    partition = TopicPartition(topic, 0)
    with member(kafka_bootstrap, topic, fresh("g")) as source:
        assigned(source)
        source.start(partition, 0)
        first = source.poll(10_000)[partition]
        source.hold([partition])
        nothing = source.poll(200)
        source.start(partition, 0)
        again = source.poll(10_000)[partition]

        assert ({}, [0, 1], [0, 1]) == (nothing, [r.offset for r in first], [r.offset for r in again])


def test_the_partitions_are_shared_when_another_joins(kafka_bootstrap: str, topic: str) -> None:
    """A second member gets one of two partitions, and the first one notices that it was assigned anew."""
    group = fresh("g")
    with member(kafka_bootstrap, topic, group) as first:
        assigned(first)
        before = first.rebalances
        with member(kafka_bootstrap, topic, group, "b") as second:
            assigned(first, second)

            assert before < first.rebalances
            assert first.assignment() | second.assignment() == {TopicPartition(topic, n) for n in (0, 1)}


def test_a_namesake_gets_the_partitions_at_once(kafka_bootstrap: str, topic: str) -> None:
    """A process that comes back under its name needs no session timeout of the dead one."""
    group = fresh("g")
    with member(kafka_bootstrap, topic, group) as dead:
        assigned(dead)
        with member(kafka_bootstrap, topic, group) as back:
            assigned(back)

            assert dead.group().generation_id == back.group().generation_id


def test_places_in_time_are_found(kafka_bootstrap: str, topic: str) -> None:
    """`since` finds the first record that is not older; None where all are; `beginning` is where the broker begins."""
    partition = TopicPartition(topic, 0)
    for at in (1_000, 2_000, 3_000):
        produce(kafka_bootstrap, topic, [b"x"], partition=0, timestamp_ms=at)
    with member(kafka_bootstrap, topic, fresh("g")) as source:
        assigned(source)

        assert [0, 1, 2, None] == [source.since(partition, time) for time in (-5, 1_500, 3_000, 3_001)]
        assert 0 == source.beginning(partition)


def test_what_is_behind_is_counted(kafka_bootstrap: str, topic: str) -> None:
    """`behind` is 0 once all was polled, and counts what the broker has more than that."""
    partition = TopicPartition(topic, 0)
    produce(kafka_bootstrap, topic, [b"x"] * 5, partition=0)
    options = {"bootstrap_servers": kafka_bootstrap, "max_poll_records": 2}
    source = Source([topic], group_id=fresh("g"), instance="a", options=options)
    try:
        assigned(source)
        for number in (0, 1):
            source.start(TopicPartition(topic, number), 0)
        counted: list[int] = []
        while sum(counted) != 5:
            counted.append(len(source.poll(10_000).get(partition, [])))
            left = 5 - sum(counted)

            assert left == source.behind()
    finally:
        source.close()


@pytest.mark.parametrize("place", [Place(7, 1_767_323_045_678), Place(0, None)])
def test_a_place_survives_kafka(place: Place) -> None:
    """What a place becomes as committed offset is read back as the same place."""
    assert place == Place.decode(place.encode())


@pytest.mark.parametrize("words", ["", "by hand", "-5", "٣"])
def test_an_offset_of_a_stranger_has_no_time(words: str) -> None:
    """Metadata that is not ours does not pass for a time."""
    assert Place(3, None) == Place.decode(Place(3, None).encode()._replace(metadata=words))
