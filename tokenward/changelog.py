"""The compacted topic `refresh.revocations`: told what is done by hand; an empty registry is rebuilt from it."""

from collections.abc import Sequence

import msgspec
from kafka.errors import KafkaError

from ingest.alerts import change_message
from revocation.feed import Entry, private
from revocation.record import Change, Revocation
from revocation.registry import Whole
from tokenward import topics
from tokenward.faults import Failure
from tokenward.settings import Settings

CHUNK = 1000


class Rebuilt(msgspec.Struct):
    """What a rebuild has read: lines, those applied, those that had ended, and those that are no entries."""

    read: int = 0
    applied: int = 0
    ended: int = 0
    unreadable: int = 0


def tell(settings: Settings, changes: Sequence[Change]) -> None:
    """Write changes to the topic, so that a rebuilt registry and other regions know them.

    Raises:
        Failure: Kafka does not take them; the registry has them all the same.
    """
    address, topic = settings.kafka.bootstrap_servers, settings.topics.revocations
    try:
        topics.write(settings, [change_message(topic, change) for change in changes])
    except KafkaError as error:
        raise Failure(
            f"The registry has it, but Kafka at {address} does not ({type(error).__name__}): repeat the command when "
            "Kafka is back, or a rebuild will not know it."
        ) from error


def rebuild(settings: Settings, registry: Whole, now: int) -> Rebuilt:
    """Apply every line of the topic to the registry; merging makes the order and repetition harmless.

    Raises:
        Failure: the topic cannot be read to its end.
    """
    rebuilt = Rebuilt()
    chunk: list[Revocation] = []
    for value in topics.values(settings, settings.topics.revocations):
        rebuilt.read += 1
        entry = _entry(value)
        if entry is None:
            rebuilt.unreadable += 1
        elif entry.expires_at <= now:
            rebuilt.ended += 1
        else:
            chunk.append(entry)
            rebuilt.applied += 1
        if len(chunk) == CHUNK:
            registry.apply(chunk, now)
            chunk.clear()
    registry.apply(chunk, now)
    return rebuilt


def _entry(value: bytes) -> Revocation | None:
    try:
        return private(msgspec.json.decode(value, type=Entry))
    except ValueError:  # msgspec's, and that of an entry which contradicts itself
        return None
