"""Stands: a real gateway between a client and an application, with our configuration, in front of a registry in some state."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.gateways.application import Application, Headers, Reply, application, ask
from tests.gateways.registry import House, Registry
from tests.gateways.wire import Wire, wire
from tests.servers.caddy import caddy
from tests.servers.gateway import Addresses
from tests.servers.haproxy import haproxy
from tests.servers.nginx import nginx
from tests.servers.process import free_port

Start = Callable[[Addresses, dict[str, str] | None], AbstractContextManager[Path]]

GATEWAYS: dict[str, Start] = {"nginx": nginx, "haproxy": haproxy, "caddy": caddy}

OPEN: Mapping[str, dict[str, str]] = {
    "nginx": {"# error_page": "error_page"},
    "haproxy": {"lua.tokenward closed": "lua.tokenward open"},
    "caddy": {"when_down closed": "when_down open"},
}
"""What makes each fail open, as its comments say."""


@dataclass(frozen=True)
class Stand:
    """A running gateway with what is before and behind it."""

    gateway: str
    port: int
    house: House
    application: Application
    #: Between the gateway and the API; what the gateway says there is heard.
    wire: Wire

    def ask(self, path: str = "/", headers: Headers = (), *, method: str = "GET", body: str = "") -> Reply:
        """Send a request to the gateway."""
        return ask(self.port, path, headers, method=method, body=body)


@contextmanager
def stand(gateway: str, registry: Registry | int, house: House, *, fail_open: bool = False) -> Iterator[Stand]:
    """Start a gateway in front of a registry, or of a port where none answers."""
    with ExitStack() as stack:
        behind = stack.enter_context(application())
        api = registry if isinstance(registry, int) else registry.port
        between = stack.enter_context(wire(api))
        at = Addresses(api=between.port, application=behind.port, gateway=free_port())
        stack.enter_context(GATEWAYS[gateway](at, OPEN[gateway] if fail_open else None))
        yield Stand(gateway, at.gateway, house, behind, between)
