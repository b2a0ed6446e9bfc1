"""Stands: a real gateway between a client and an application, in front of a registry that is in some state."""

import re
import socket
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.gateways.application import Application, Headers, Reply, application, ask
from tests.gateways.registry import KEY, Registry, Tokens, house, registry
from tests.gateways.wire import Wire, wire
from tests.servers.caddy import caddy
from tests.servers.gateway import Addresses
from tests.servers.haproxy import haproxy
from tests.servers.nginx import nginx, replica
from tests.servers.process import free_port, until

Switched = Mapping[str, str]
Start = Callable[[Addresses, Switched], AbstractContextManager[Path]]

GATEWAYS: dict[str, Start] = {
    "nginx": nginx,
    "replica": partial(replica, key=KEY),
    "haproxy": haproxy,
    "caddy": caddy,
}
"""`replica`: nginx, holding a replica itself."""

OPEN: dict[str, Switched] = {
    "nginx": {"# error_page": "error_page"},
    "replica": {},  # it fails closed, but for tokens that it knows
    "haproxy": {"lua.tokenward closed": "lua.tokenward open"},
    "caddy": {"when_down closed": "when_down open"},
}
"""What makes each fail open, as its comments say."""

IMPATIENT: dict[str, Switched] = {
    "nginx": {"proxy_read_timeout         6s": "proxy_read_timeout 500ms"},
    "replica": {"proxy_read_timeout         6s": "proxy_read_timeout 500ms"},
    "haproxy": {"timeout server 6s": "timeout server 500ms"},
    "caddy": {"response_header_timeout 6s": "response_header_timeout 500ms"},
}
"""How long each waits for an answer: as long as people need not wait here."""


@dataclass(frozen=True)
class Stand:
    """A running gateway with what is before and behind it."""

    gateway: str
    port: int
    tokens: Tokens
    application: Application
    #: Between the gateway and the API; what the gateway says there is heard.
    wire: Wire
    #: What the gateway logs.
    log: Path

    def ask(
        self, path: str = "/", bearer: str | None = None, headers: Headers = (), *, method: str = "GET", body: str = ""
    ) -> Reply:
        """Send a request to the gateway."""
        named = [] if bearer is None else [("Authorization", f"Bearer {bearer}")]
        return ask(self.port, path, [*named, *headers], method=method, body=body)


@contextmanager
def stand(gateway: str, api: int, tokens: Tokens, switched: Switched) -> Iterator[Stand]:
    """Start a gateway in front of an API's port."""
    with ExitStack() as stack:
        behind = stack.enter_context(application())
        between = stack.enter_context(wire(api))
        at = Addresses(api=between.port, application=behind.port, gateway=free_port())
        log = stack.enter_context(GATEWAYS[gateway](at, switched))
        yield Stand(gateway, at.gateway, tokens, behind, between, log)


FOLLOWS = re.compile(rb"GET /v1/revocations/changes\?|no room left")


class Stands:
    """Makes each stand when it is first asked for, and keeps it: a registry takes seconds to reach its state."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._stands: dict[tuple[str, str], Stand] = {}
        self._registries: dict[str, tuple[Registry, Tokens]] = {}

    def get(self, state: str, gateway: str) -> Stand:
        """The gateway in front of a registry in that state: a key of `STATES`."""
        if (state, gateway) not in self._stands:
            self._stands[state, gateway] = STATES[state](self, gateway)
        return self._stands[state, gateway]

    def up(self, gateway: str, switched: Switched | None = None) -> Stand:
        """A registry that works."""
        api, tokens = self._registry("up")
        return self._following(gateway, api.port, tokens, switched or {})

    def stale(self, gateway: str, when_stale: str) -> Stand:
        """A registry that has not heard of Redis for longer than it may."""
        name = f"stale {when_stale}"
        known = name in self._registries
        api, tokens = self._registry(name, max_staleness_s=1, when_stale=when_stale)
        if not known:
            api.house.redis.kill()
            until(lambda: api.says("/authz", tokens.good) == "stale", "staleness")
        return self._stand(gateway, api.port, tokens, {})

    def down(self, gateway: str, switched: Switched) -> Stand:
        """A registry that was killed after it had answered."""
        up, tokens = self._registry("up")
        with registry(up.house) as api:
            made = self._following(gateway, api.port, tokens, switched)
            if made.ask(bearer=tokens.good).seen is None:
                raise RuntimeError("A gateway refused a good token before its registry was killed.")
            api.kill()
        made.wire.cut()
        return made

    @contextmanager
    def mortal(
        self, gateway: str, switched: Switched | None = None, entries: int = 0
    ) -> Iterator[tuple[Registry, Stand]]:
        """A gateway in front of an API of its own, which a test may kill; `entries`: decisions that it has to know."""
        with house() as of:
            for _ in range(entries):
                of.decide(str(uuid.uuid4()))
            with registry(of) as api, stand(gateway, api.port, api.tokens(), switched or {}) as made:
                self._until_it_follows(made)
                yield api, made

    def registry(self, name: str) -> Registry:
        """The registry of that name."""
        return self._registry(name)[0]

    def hanging(self, gateway: str, switched: Switched) -> Stand:
        """A registry that takes connections and never answers."""
        silent = self._stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=64))
        _, tokens = self._registry("up")
        return self._stand(gateway, silent.getsockname()[1], tokens, {**IMPATIENT[gateway], **switched})

    def _following(self, gateway: str, api: int, tokens: Tokens, switched: Switched) -> Stand:
        """The same once it has got what it follows, if it follows anything."""
        made = self._stand(gateway, api, tokens, switched)
        self._until_it_follows(made)
        return made

    def _until_it_follows(self, made: Stand) -> None:
        if made.gateway == "replica":
            until(lambda: FOLLOWS.search(made.wire.said() + made.log.read_bytes()) is not None, "the snapshot")

    def _stand(self, gateway: str, api: int, tokens: Tokens, switched: Switched) -> Stand:
        return self._stack.enter_context(stand(gateway, api, tokens, switched))

    def _registry(self, name: str, **profile: object) -> tuple[Registry, Tokens]:
        if name not in self._registries:
            api = self._stack.enter_context(registry(self._stack.enter_context(house()), **profile))
            self._registries[name] = api, api.tokens()
        return self._registries[name]


STATES: dict[str, Callable[[Stands, str], Stand]] = {
    "up": lambda stands, gateway: stands.up(gateway),
    "up, open": lambda stands, gateway: stands.up(gateway, OPEN[gateway]),
    "stale, closed": lambda stands, gateway: stands.stale(gateway, "closed"),
    "stale, open": lambda stands, gateway: stands.stale(gateway, "open"),
    "down, closed": lambda stands, gateway: stands.down(gateway, {}),
    "down, open": lambda stands, gateway: stands.down(gateway, OPEN[gateway]),
    "hangs, closed": lambda stands, gateway: stands.hanging(gateway, {}),
    "hangs, open": lambda stands, gateway: stands.hanging(gateway, OPEN[gateway]),
}
"""The states of a registry, and, after the comma, what its profile or its gateway does then."""
