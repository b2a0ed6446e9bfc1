"""The teller: tells the topic `refresh.revocations` what the API changed in the registry."""

import logging
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError

from ingest.alerts import change_message
from revocation.record import Change

log = logging.getLogger(__name__)

PATIENCE_S = 5.0


class Teller:
    """Writes changes, and waits until Kafka has them. Safe to use from several threads.

    Where Kafka does not take them, the registry has them all the same, and so has the audit trail, which stood before
    them: it is logged and counted, and the caller is not told that something failed which did not.
    """

    def __init__(self, topic: str, options: Mapping[str, Any], patience: float = PATIENCE_S) -> None:
        """Connect at the first change; `options` are kafka-python's own, and win over ours."""
        patience_ms = int(patience * 1000)
        self._options = {
            "acks": "all",
            "linger_ms": 5,
            "batch_size": 262_144,
            "max_block_ms": patience_ms,
            "bootstrap_timeout_ms": patience_ms,
            "request_timeout_ms": patience_ms,
            "delivery_timeout_ms": patience_ms + 5,
            "metrics_enabled": False,
            **options,
        }
        self._topic = topic
        self._patience = patience
        self._producer: KafkaProducer | None = None
        self._making = threading.Lock()
        #: Changes that were told, and those that were not.
        self.told, self.failed = 0, 0

    def __call__(self, changes: Sequence[Change]) -> None:
        """Tell of changes that were made."""
        if not changes:
            return
        try:
            producer = self._connected()
            messages = [change_message(self._topic, change) for change in changes]
            sent = [
                producer.send(message.topic, message.value, key=message.key, headers=list(message.headers))
                for message in messages
            ]
            for future in sent:
                future.get(timeout=self._patience)
        except KafkaError as error:
            self.failed += len(changes)
            log.warning("changes not told", extra={"changes": len(changes), "error": type(error).__name__})
        else:
            self.told += len(changes)

    def close(self) -> None:
        """Disconnect."""
        with self._making:
            producer, self._producer = self._producer, None
        if producer is not None:
            with suppress(KafkaError):
                producer.close(timeout=self._patience)

    def _connected(self) -> KafkaProducer:
        with self._making:
            self._producer = self._producer or KafkaProducer(**self._options)
            return self._producer
