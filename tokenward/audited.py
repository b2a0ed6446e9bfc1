"""What is done from a shell, written to the audit trail before it is done: where the trail is silent, nothing is."""

from revocation.audit import Event, Trail
from revocation.feed import public
from revocation.record import Change, Revocation, Subject
from revocation.record import release as tombstone
from revocation.registry import Whole

CLI = "cli"


def apply(registry: Whole, trail: Trail, decided: Revocation, now: int, reason: str) -> list[Change]:
    """Refuse somebody.

    Raises:
        TrailUnavailable: it could not be written, so it was not done.
    """
    entries = (public(decided, with_actor=True),)
    trail.write([Event(at=now, actor=decided.actor, via=CLI, action="revoke", reason=reason, entries=entries)])
    return registry.apply([decided], now)


def release(registry: Whole, trail: Trail, subject: Subject, now: int, actor: str) -> list[Change]:
    """Let somebody pass again. The tombstone is written and applied as it is, so that the trail tells what is there.

    Raises:
        TrailUnavailable: it could not be written, so it was not done.
    """
    stones = [tombstone(entry, now, actor) for entry in registry.find([subject], now) if entry is not None]
    entries = tuple(public(stone, with_actor=True) for stone in stones)
    about = {"scope": subject.scope.value, "digest": subject.digest.hex()}
    trail.write([Event(at=now, actor=actor, via=CLI, action="release", entries=entries, details=about)])
    # Nobody is refused: it has been released before, which is said again, so that what failed then can be repeated.
    return registry.apply(stones, now) if stones else registry.release([subject], now, actor)


def rebuild(trail: Trail, topic: str, now: int, actor: str) -> None:
    """Say that the registry is filled from a topic; each of its entries stands in the trail already.

    Raises:
        TrailUnavailable: it could not be written, so it must not be done.
    """
    trail.write([Event(at=now, actor=actor, via=CLI, action="rebuild", details={"topic": topic})])
