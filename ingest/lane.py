"""Lane: one partition as its worker knows it: its judge, how far it has read, and what may be committed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from detector.config import DetectorConfig
from detector.engine import Judgement
from detector.tallies import Tallies
from detector.verdict import Verdicts
from ingest.source import Place, Record
from revocation.alert import Decision
from revocation.policy import Rules
from revocation.record import Revocation


class Rows(Protocol):
    """What a partition's records hold, in columns."""

    @property
    def at(self) -> NDArray[np.int64]:
        """When each happened, epoch milliseconds."""
        ...

    def __len__(self) -> int: ...


B = TypeVar("B", bound=Rows)
B_contra = TypeVar("B_contra", bound=Rows, contravariant=True)


class Judge(Protocol[B_contra]):
    """What a partition is judged by: an engine, and the memory of what was decided."""

    def configure(self, config: DetectorConfig) -> None:
        """Judge by that configuration from the next record on."""
        ...

    def process(self, batch: B_contra, now: int) -> Judgement:
        """Judge the batch and learn from it; `now` is stream time. Its tallies are for the stage behind this one."""
        ...

    def decide(self, verdicts: Verdicts, batch: B_contra, rules: Rules, now: int) -> Decision:
        """What is done about the verdicts on that batch; entries last from `now`, epoch milliseconds, at least."""
        ...

    def released(self, entry: Revocation) -> None:
        """A person let the entry's subject pass; being told again, or before the decision, does no harm."""
        ...


@dataclass(slots=True)
class Lane(Generic[B]):
    """Everything here is a function of the partition's records below `next_offset`, so a replay makes it again."""

    judge: Judge[B]
    #: Records below this offset had their effects before: they are read again to rebuild the state, nothing more.
    effects_from: int
    #: The engine has seen what lies below.
    next_offset: int
    #: The offset that the group has committed, as far as this process knows; None: none yet.
    committed: int | None
    #: Stream time: the largest `at` so far, epoch milliseconds.
    now: int = 0
    #: The newest record's timestamp so far, epoch milliseconds; None: none had any.
    newest: int | None = None
    #: What is to be told of origins together with `place`: all since the last commit, and nothing else.
    tallies: list[Tallies] = field(default_factory=list)
    #: The sealed names of the addresses that they tell of, by the address's key.
    names: dict[int, bytes] = field(default_factory=dict)

    def cut(self, records: Sequence[Record]) -> list[tuple[bool, Sequence[Record]]]:
        """Split records into (live?, records): what is read again, and what is to have effects; no part is empty."""
        unseen = [r for r in records if r.offset >= self.next_offset]
        replayed = sum(1 for r in unseen if r.offset < self.effects_from) if self.next_offset < self.effects_from else 0
        return [(live, part) for live, part in ((False, unseen[:replayed]), (True, unseen[replayed:])) if part]

    def advance(self, records: Sequence[Record], position: int) -> None:
        """`records` were read, and the next stands at `position` or after it."""
        self.next_offset = max(self.next_offset, position)
        newest = max(record.timestamp for record in (records[0], records[-1]))
        if newest >= 0:
            self.newest = max(self.newest or 0, newest)

    @property
    def place(self) -> Place | None:
        """What is to be committed; None while the lane only catches up with what was committed before."""
        behind = self.committed is not None and self.next_offset <= self.committed
        return None if behind else Place(self.next_offset, self.newest)
