"""What only the registry in memory does; what every registry does is in tests/laws/test_registry.py."""

import pytest

from revocation.errors import CursorLost
from revocation.memory import MemoryRegistry
from revocation.record import Cursor
from tests.revocation.entries import entry, subject


def test_changes_are_bounded() -> None:
    """Only the newest `retained` changes can be followed, to the exact number."""
    registry = MemoryRegistry("epoch", retained=2)
    registry.apply([entry(subject(name)) for name in "abc"], now=0)

    assert [2, 3] == [change.seq for change in registry.changes(Cursor("epoch", 1))]
    with pytest.raises(CursorLost):
        registry.changes(Cursor("epoch", 0))


def test_snapshot_is_of_its_moment() -> None:
    """What is applied while a snapshot is consumed is not in it, but in the changes after its cursor."""
    registry = MemoryRegistry("epoch")
    registry.apply([entry(subject("ann"))], now=0)
    snapshot = registry.snapshot()
    later = registry.apply([entry(subject("bob"))], now=0)

    assert [subject("ann")] == [found.subject for found in snapshot.entries]
    assert later == registry.changes(snapshot.cursor)
