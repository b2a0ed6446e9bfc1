"""A registry in several shards answers as one; that it does so on any sequence of calls is in tests/laws."""

from collections.abc import Sequence

import pytest

from revocation.errors import RegistryUnavailable
from revocation.memory import MemoryRegistry
from revocation.record import Change, Revocation, Subject, shard_of
from revocation.shards import Shards
from tests.revocation.entries import entry, subject

NAMES = [f"s{number}" for number in range(12)]
NOW = 2_000


class SilentRegistry(MemoryRegistry):
    """A shard that does not answer."""

    def apply(self, revocations: Sequence[Revocation], now: int) -> list[Change]:
        """As the port says."""
        raise RegistryUnavailable(f"silent about {len(revocations)} at {now}")

    def release(self, subjects: Sequence[Subject], now: int, actor: str) -> list[Change]:
        """As the port says."""
        raise RegistryUnavailable(f"silent about {len(subjects)} at {now} for {actor}")


def registry(shards: int = 3) -> Shards:
    """In memory."""
    return Shards([MemoryRegistry(f"e{number}") for number in range(shards)])


def test_answers_come_in_the_order_asked() -> None:
    """Decisions, releases and finds about subjects of all shards are answered as if there were one."""
    whole = registry()
    ended = entry(subject("ended"), expires_at=NOW)
    applied = whole.apply([ended, *(entry(subject(name), id=name) for name in NAMES)], NOW)
    released = whole.release([subject("nobody"), *map(subject, NAMES[::-2])], NOW, "ann")
    found = whole.find([subject(name) for name in NAMES], NOW)

    assert NAMES == [change.entry.id for change in applied]
    assert NAMES[::-2] == [change.entry.id for change in released]
    assert [name if number % 2 == 0 else None for number, name in enumerate(NAMES)] == [
        each.id if each else None for each in found
    ]


def test_each_subject_lies_in_its_shard() -> None:
    """Followers of a shard hear of its own subjects, and of no others."""
    whole = registry()
    whole.apply([entry(subject(name)) for name in NAMES], NOW)
    lying = [{each.subject for each in shard.snapshot().entries} for shard in whole.shards]

    assert [{subject(name) for name in NAMES if shard_of(subject(name), 3) == number} for number in range(3)] == lying


@pytest.mark.parametrize(("limit", "gone"), [(2, 2), (5, 5), (12, 12), (100, 12)])
def test_forgetting_stops_at_the_limit(limit: int, gone: int) -> None:
    """At most so many entries are forgotten, from wherever they are, and as many as there are."""
    whole = registry()
    whole.apply([entry(subject(name), expires_at=NOW + 1) for name in NAMES], NOW)

    assert gone == whole.expire(NOW + 1, limit)


def test_each_shard_forgets_its_share() -> None:
    """A shard in which much has ended does not keep the others from forgetting theirs."""
    whole = registry(2)
    many = [name for name in (f"n{number}" for number in range(100)) if shard_of(subject(name), 2) == 0]
    few = next(name for name in NAMES if shard_of(subject(name), 2) == 1)
    whole.apply([entry(subject(name), expires_at=NOW + 1) for name in [*many, few]], NOW)
    whole.expire(NOW + 1, 10)

    assert [] == list(whole.shards[1].snapshot().entries)


def test_a_silent_shard_does_not_protect_the_others_thieves() -> None:
    """Where one shard does not answer, the others take their decisions and releases before that is said."""
    whole = Shards([SilentRegistry("e0"), MemoryRegistry("e1")])
    with pytest.raises(RegistryUnavailable, match="silent about"):
        whole.apply([entry(subject(name)) for name in NAMES], NOW)
    taken = whole.shards[1].find([subject(name) for name in NAMES], NOW)
    with pytest.raises(RegistryUnavailable, match="silent about"):
        whole.release([subject(name) for name in NAMES], NOW, "ann")
    released = whole.shards[1].find([subject(name) for name in NAMES], NOW)

    theirs = [shard_of(subject(name), 2) == 1 for name in NAMES]
    assert theirs == [each is not None for each in taken]
    assert [None] * len(NAMES) == released
    assert {True, False} == set(theirs)
