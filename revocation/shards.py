"""A registry in several shards: every subject belongs to one of them, by its digest. PURE.

A shard is a registry of its own, with an epoch and numbers of its own, so that a Redis Cluster can spread them over its
primaries, and the loss of one is not the loss of all. What is asked about several subjects is put together again in the
order in which it was asked.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

from revocation.errors import RegistryUnavailable
from revocation.record import Change, Revocation, Subject, shard_of
from revocation.registry import Registry

T = TypeVar("T")
A = TypeVar("A")


class Shards:
    """`shards` as one registry; their number decides who belongs where: writers and readers must agree on it."""

    def __init__(self, shards: Sequence[Registry]) -> None:
        self._shards = tuple(shards)

    @property
    def shards(self) -> tuple[Registry, ...]:
        """As the port says."""
        return self._shards

    def apply(self, revocations: Sequence[Revocation], now: int) -> list[Change]:
        """As the port says. A shard that does not answer keeps none of the others from refusing its own."""
        lasting = [revocation for revocation in revocations if revocation.expires_at > now]
        told = self._each(lasting, _subject, lambda shard, own: iter(shard.apply(own, now)))
        return [next(told[self._of(revocation.subject)]) for revocation in lasting]

    def release(self, subjects: Sequence[Subject], now: int, actor: str) -> list[Change]:
        """As the port says. A shard that does not answer keeps none of the others from releasing its own."""
        told = self._each(subjects, _itself, lambda shard, own: _Tombstones(shard.release(own, now, actor)))
        changes = (told[self._of(subject)].of(subject) for subject in subjects)
        return [change for change in changes if change is not None]

    def find(self, subjects: Sequence[Subject], now: int) -> list[Revocation | None]:
        """As the port says."""
        told = self._each(subjects, _itself, lambda shard, own: iter(shard.find(own, now)))
        return [next(told[self._of(subject)]) for subject in subjects]

    def expire(self, now: int, limit: int = 1000) -> int:
        """As the port says; each shard has a fair share first, so that none waits for the others to be done."""
        share = limit // len(self._shards)
        gone = [shard.expire(now, share) if share else 0 for shard in self._shards]
        left = limit - sum(gone)
        for shard, count in zip(self._shards, gone, strict=True):
            if left > 0 and count == share:
                left -= shard.expire(now, left)
        return limit - left

    def _of(self, subject: Subject) -> int:
        return shard_of(subject, len(self._shards))

    def _each(
        self, asked: Sequence[A], about: Callable[[A], Subject], ask: Callable[[Registry, list[A]], T]
    ) -> dict[int, T]:
        """Ask each shard that is concerned about its own; then raise what the first of them raised."""
        own: dict[int, list[A]] = {}
        for one in asked:
            own.setdefault(self._of(about(one)), []).append(one)
        told: dict[int, T] = {}
        silent: list[RegistryUnavailable] = []
        for number, concerned in own.items():
            try:
                told[number] = ask(self._shards[number], concerned)
            except RegistryUnavailable as error:
                silent.append(error)
        if silent:
            raise silent[0]
        return told


class _Tombstones:
    """What one shard's release answered: in the order asked, without those that had no entry."""

    def __init__(self, changes: Sequence[Change]) -> None:
        self._changes = iter(changes)
        self._next = next(self._changes, None)

    def of(self, subject: Subject) -> Change | None:
        """The next answer, where it is about the subject."""
        change = self._next
        if change is None or change.entry.subject != subject:
            return None
        self._next = next(self._changes, None)
        return change


def _subject(revocation: Revocation) -> Subject:
    return revocation.subject


def _itself(subject: Subject) -> Subject:
    return subject
