"""An API with the bouncers' mount, and addresses that are condemned and named in it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from api.crowdsec.mount import CrowdSec
from revocation.memory import MemoryRegistry
from revocation.names import MemoryNames, Name, Names, Sealer
from revocation.record import Revocation, Scope, State, Subject
from tests.api.running import HOUR, KEY, NOW, Running, clock, running

PATH = "/crowdsec"
SEALER = Sealer(KEY)
THIEF, CROWD = "203.0.113.7", "198.51.100.0/24"
AGENT = {"User-Agent": "crowdsec-nginx-bouncer/v1.0.8", "X-Api-Key": "a-key"}


def condemned(
    address: str, state: State = State.REVOKED, *, ends_at: int = NOW + HOUR, at: int = NOW, reason: str = "manual"
) -> Revocation:
    """A decision about an address, or a network."""
    return Revocation(
        id=f"{address}-{at}",
        subject=Subject(Scope.ORIGIN, SEALER.digest(address)),
        state=state,
        reasons=(reason,),
        decided_at=at,
        expires_at=ends_at,
    )


class Condemning:
    """The running API, and who condemns."""

    def __init__(self, api: Running, names: Names, path: str) -> None:
        self.api = api
        self.names = names
        self._path = path

    def condemn(self, *addresses: str, named: bool = True, **given: Any) -> None:
        """Condemn the addresses, and wait until the API knows."""
        entries = [condemned(address, **given) for address in addresses]
        if named:
            self.names.put(
                {
                    one.subject.digest: Name(SEALER.seal(address), one.expires_at)
                    for address, one in zip(addresses, entries, strict=True)
                },
                NOW,
            )
        self.api.refuse(*entries)

    def get(self, path: str, method: str = "GET", **headers: str) -> Any:
        """Ask as a bouncer does."""
        return self.api.http.request(method, f"{self._path}{path}", headers={**AGENT, **headers})

    def stream(self, query: str = "startup=false", **headers: str) -> tuple[Any, Any]:
        """What is new, and what has ended: (type, value) each, or None."""
        told = self.get(f"/v1/decisions/stream?{query}", **headers).raise_for_status().json()
        return _short(told["new"]), _short(told["deleted"])


def _short(found: Any) -> Any:
    return None if found is None else sorted((one["type"], one["value"]) for one in found)


@contextmanager
def condemning(
    path: str = PATH, *, names: Names | None = None, check_clock: Callable[[], int] = clock, **given: Any
) -> Iterator[Condemning]:
    """Serve while the block runs."""
    store = MemoryNames() if names is None else names
    registry = given.pop("registry", None) or MemoryRegistry("e1")
    with running(registry, crowdsec=CrowdSec(path, store), check_clock=check_clock, **given) as api:
        yield Condemning(api, store, path)
