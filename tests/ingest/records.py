"""Kafka records as a consumer gives them, without a broker."""

from typing import Any

from kafka.consumer.fetcher import ConsumerRecord

WRITTEN = 1_767_323_045_678


def record(value: bytes | None, offset: int = 0, **given: Any) -> ConsumerRecord:
    """A record of topic `telemetry`, partition 3; `given` says what else is different."""
    plain = {
        "topic": "telemetry",
        "partition": 3,
        "leader_epoch": 0,
        "offset": offset,
        "timestamp": WRITTEN,
        "timestamp_type": 0,
        "key": None,
        "value": value,
        "headers": [],
        "checksum": None,
        "serialized_key_size": -1,
        "serialized_value_size": -1,
        "serialized_header_size": -1,
    }
    return ConsumerRecord(**{**plain, **given})
