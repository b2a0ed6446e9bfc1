"""Where simulated telemetry is written: a file, or a Kafka topic."""

import gzip
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from kafka import KafkaProducer
from kafka.errors import KafkaError

from ingest.formats.event import RefreshEvent
from tokenward.faults import Failure
from tokenward.settings import Settings
from tokenward.wiring import producer_options

WriteRecord = Callable[[RefreshEvent, bytes], None]
FLUSH_SECONDS = 60


@contextmanager
def file_target(path: Path) -> Iterator[WriteRecord]:
    """Write records to a file, one a line.

    Raises:
        Failure: it cannot be written.
    """
    try:
        with path.open("wb") as raw:
            # Neither name nor time in the header: the same seed gives the same bytes.
            packed = gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) if path.suffix == ".gz" else None
            write = (packed or raw).write
            yield lambda _event, record: _ignore(write(record + b"\n"))
            if packed is not None:
                packed.close()
    except OSError as error:
        raise Failure(f"The file {path} cannot be written: {error.strerror or error}.") from error


@contextmanager
def topic_target(settings: Settings, topic: str, *, keyed: bool) -> Iterator[WriteRecord]:
    """Write records to a topic, with the events' own times; `keyed`: by subject, as the worker needs it.

    Raises:
        Failure: Kafka does not take them.
    """
    address = settings.kafka.bootstrap_servers
    try:
        producer = KafkaProducer(linger_ms=20, **producer_options(settings))
        try:
            yield lambda event, record: _ignore(
                producer.send(topic, record, key=(event.sub or "").encode() if keyed else None, timestamp_ms=event.at)
            )
            producer.flush(timeout=FLUSH_SECONDS)
        finally:
            producer.close(timeout=2)
    except KafkaError as error:
        raise Failure(f"Kafka at {address} does not take telemetry: {type(error).__name__}.") from error


def _ignore(_: object) -> None:
    """The answer is of no interest."""
