"""What people released is heard of: once as news, and for partitions that come later."""

import pytest

from ingest.releases import Releases
from revocation.errors import RegistryUnavailable
from revocation.memory import MemoryRegistry
from revocation.record import Revocation, Scope, State, Subject
from revocation.registry import Snapshot
from revocation.shards import Shards

NOW = 1_767_323_045_678


def entry(number: int) -> Revocation:
    """A revoked family."""
    subject = Subject(Scope.FAMILY, number.to_bytes(16, "big"))
    return Revocation(
        id=f"r{number}", subject=subject, state=State.REVOKED, reasons=("manual",), decided_at=NOW, expires_at=NOW * 2
    )


def released(registry: MemoryRegistry, *numbers: int) -> None:
    """Revoke and release these families."""
    registry.apply([entry(number) for number in numbers], NOW)
    for number in numbers:
        registry.release([entry(number).subject], NOW + number, "ann")


def heard(entries: list[Revocation] | tuple[Revocation, ...]) -> list[tuple[str, int]]:
    """Id and time of each release."""
    return [(one.id, one.released_at) for one in entries]


def test_what_stood_at_the_start_and_what_comes_is_told_once() -> None:
    """A release before the start is heard of as well as one after; what still stands revoked is no release."""
    registry = MemoryRegistry("e")
    released(registry, 1)
    registry.apply([entry(9)], NOW)
    releases = Releases(registry)
    first = releases.news()
    released(registry, 2)
    second, third = releases.news(), releases.news()

    assert ([("r1", NOW + 1)], [("r2", NOW + 2)], []) == (heard(first), heard(second), third)
    assert [("r1", NOW + 1), ("r2", NOW + 2)] == heard(releases.known)


def test_a_lost_past_is_begun_anew() -> None:
    """A registry that trimmed its changes is read whole; nothing is missed."""
    registry = MemoryRegistry("e", retained=2)
    releases = Releases(registry)
    releases.news()
    released(registry, 1, 2, 3)

    assert {"r1", "r2", "r3"} == {one.id for one in releases.news()}


def test_what_is_known_is_bounded() -> None:
    """The oldest release is forgotten first."""
    registry = MemoryRegistry("e")
    releases = Releases(registry, most=2)
    releases.news()
    released(registry, 1, 2, 3)
    releases.news()

    assert ["r2", "r3"] == [one.id for one in releases.known]


class LameRegistry(MemoryRegistry):
    """A shard that does not answer until it is well."""

    well = False

    def snapshot(self) -> Snapshot:
        """As the port says."""
        if not self.well:
            raise RegistryUnavailable("lame")
        return super().snapshot()


def test_all_shards_are_heard_and_nothing_is_missed() -> None:
    """Releases of every shard are told; what was heard of one while another did not answer is told later, once."""
    healthy, lame = MemoryRegistry("e0"), LameRegistry("e1")
    released(healthy, 1)
    released(lame, 2)
    releases = Releases(Shards([healthy, lame]))
    with pytest.raises(RegistryUnavailable):
        releases.news()
    lame.well = True

    assert ([("r1", NOW + 1), ("r2", NOW + 2)], []) == (heard(releases.news()), releases.news())
