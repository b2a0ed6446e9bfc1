"""What services tell the audit trail of themselves: that they start and end, and which policy is in force."""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from revocation.audit import Event
from tokenward import __version__
from tokenward.policies import PolicyFile
from tokenward.settings import Settings
from tokenward.trail import Notes
from tokenward.wiring import clock, trail_of


@contextmanager
def told(settings: Settings, service: str, policy: PolicyFile | None = None) -> Iterator[Notes]:
    """Tell of the service's start and end, and of each reload of its policy; nobody waits for the trail."""
    trail = trail_of(settings, service)
    notes = Notes(trail)
    who = f"{service} on {socket.gethostname()}"

    def tell(action: str, via: str = "service", **details: str) -> None:
        present = {name: value for name, value in details.items() if value}
        notes.note(Event(at=clock(), actor=who, via=via, action=action, details=present))

    digest = "" if policy is None else policy.digest
    tell("start", version=__version__, process=str(os.getpid()), policy=digest)
    if policy is not None:
        policy.on_reload = _reloads(tell)
    try:
        yield notes
    finally:
        tell("stop", process=str(os.getpid()))
        notes.close()
        trail.close()


def _reloads(tell: Callable[..., None]) -> Callable[[str, str, str], None]:
    def reloaded(before: str, after: str, fault: str) -> None:
        tell("reload refused" if fault else "reload", via="policy", before=before, after=after, fault=fault)

    return reloaded
