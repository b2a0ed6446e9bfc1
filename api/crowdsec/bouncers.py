"""How far each bouncer was told: its place in the stream is kept here, as CrowdSec keeps it, and not by the bouncer."""

from collections import OrderedDict
from typing import Final, NamedTuple

from api.access.principal import principal_of
from api.body import Scope

MOST_BOUNCERS: Final = 1_000
AGENT_CHARS: Final = 128


class Bouncer(NamedTuple):
    """Whose key, from which address, with which program: two bouncers that share a key have a place each."""

    principal: str
    address: str
    agent: str


class Bouncers:
    """The mark that each was told last; the one that asked longest ago is forgotten first, and told everything again.

    Used on the event loop only.
    """

    def __init__(self, most: int = MOST_BOUNCERS) -> None:
        self._most = most
        self._marks: OrderedDict[Bouncer, int] = OrderedDict()

    def __len__(self) -> int:
        return len(self._marks)

    def mark(self, bouncer: Bouncer) -> int | None:
        """Up to which mark it was told; None: it is not known."""
        return self._marks.get(bouncer)

    def told(self, bouncer: Bouncer, mark: int) -> None:
        """It was told up to this mark."""
        self._marks[bouncer] = mark
        self._marks.move_to_end(bouncer)
        if len(self._marks) > self._most:
            self._marks.popitem(last=False)


def bouncer_of(scope: Scope) -> Bouncer:
    """Who asks; programs say their name and version in `User-Agent`."""
    agent = next((value for name, value in scope["headers"] if name == b"user-agent"), b"")
    address = scope["client"][0] if scope.get("client") else ""
    return Bouncer(principal_of(scope).name, address, agent[:AGENT_CHARS].decode("latin-1"))
