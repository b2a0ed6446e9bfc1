"""The embedded stack: it speaks the protocols, and leaves nothing behind."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from tests.servers.process import until
from tokenward.faults import Failure
from tokenward.stack import embedded_redis, embedded_stack
from tokenward.wiring import consumer_options, producer_options


def test_kafka_carries_records_and_redis_answers() -> None:
    """The settings that it yields lead to both, under a key of their own."""
    with embedded_stack() as settings:
        producer = KafkaProducer(**producer_options(settings))
        producer.send("letters", b"a", partition=0).get(10)
        consumer = KafkaConsumer(group_id=None, auto_offset_reset="earliest", **consumer_options(settings))
        consumer.assign([TopicPartition("letters", 0)])
        read: list[bytes] = []

        def arrived() -> bool:
            read.extend(record.value for records in consumer.poll(100).values() for record in records)
            return bool(read)

        until(arrived, "the record")
        with Redis.from_url(settings.redis.url.get_secret_value()) as client:
            pong = client.ping()
        consumer.close()
        producer.close()

    assert ([b"a"], True, 43) == (read, pong, len(settings.key))


def interrupted(folder: Path, urls: list[str]) -> None:
    """Use Redis until somebody presses Ctrl-C."""
    with embedded_redis(folder) as url:
        urls.append(url)
        assert [True] == [path.is_dir() for path in folder.iterdir()]
        raise KeyboardInterrupt


def test_redis_is_gone_afterwards() -> None:
    """Nobody answers any more, and its folder is gone, even after Ctrl-C."""
    urls: list[str] = []
    # A short name: the path of a socket in it has a limit.
    with TemporaryDirectory(prefix="tw-") as place:
        with pytest.raises(KeyboardInterrupt):
            interrupted(Path(place), urls)

        assert [] == list(Path(place).iterdir())
    with Redis.from_url(urls[0]) as client, pytest.raises(RedisConnectionError):
        client.ping()


def test_a_folder_too_deep_for_a_socket_is_a_sentence(tmp_path: Path) -> None:
    """The kernel's limit is explained, and how to get around it."""
    deep = tmp_path / ("x" * 100)
    deep.mkdir()

    with pytest.raises(Failure, match="set TMPDIR to a shorter one"), embedded_redis(deep):
        pass
