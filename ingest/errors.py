"""The shell's errors. Each carries a `reason` slug, which is also the label of its metric.

IngestError
├── TransactionFailed   Kafka did not take the transaction; the committed offsets say whether it happened after all
└── TurnLost            the partitions may have another owner by now, or the program ends: forget what was decided
"""

from typing import ClassVar


class IngestError(Exception):
    """A turn could not be finished."""

    reason: ClassVar[str] = "ingest_error"


class TransactionFailed(IngestError):  # noqa: N818 - named after what happened
    """The transaction was aborted, or its answer got lost; look at the committed offsets, then send it again."""

    reason: ClassVar[str] = "transaction_failed"


class TurnLost(IngestError):  # noqa: N818 - named after what happened
    """Nobody may act on this turn any more: the partitions' next owner reads from the committed offset on."""

    reason: ClassVar[str] = "turn_lost"
