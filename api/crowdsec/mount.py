"""CrowdSec's bouncer API under a path of its own: what bouncers ask of a local API, not what machines tell it."""

import gzip
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final, NamedTuple

from starlette.concurrency import run_in_threadpool

from api.access.principal import Verb
from api.access.rules import Rule
from api.body import Disconnected, Receive, Scope, Send
from api.crowdsec.desk import Desk, Reply
from api.crowdsec.wire import Trouble, trouble_of
from api.feed.asked import takes_gzip
from api.metrics import Counts
from api.raw import NO_STORE
from revocation.names import Names

JSON: Final = (b"content-type", b"application/json; charset=utf-8")
LEAST_PACKED: Final = 1_024
"""A shorter body is not worth packing."""
PIECE: Final = 64 * 1024
"""The client must have taken one, more or less, before the next is sent."""
LEVEL: Final = 1

Answer = Callable[[Scope, Receive], Awaitable[Reply]]

NOTHING_HERE = "Page or Method not found"
FAILED = "The server failed; its log says why."

READ = ("GET", "HEAD")


class CrowdSec(NamedTuple):
    """Where the bouncers' API is mounted, and where names are found."""

    path: str
    names: Names


def bouncer_rules(path: str) -> tuple[Rule, ...]:
    """What each route asks of a bouncer: addresses belong to no tenant, so it must be one who may know of all."""
    asked = (("GET", "decisions"), ("GET", "decisions/stream"), ("POST", "usage-metrics"), ("GET", "heartbeat"))
    return tuple(
        Rule(method, f"{path}/v1/{name}", Verb.DECISIONS, everywhere=True, shape="lapi") for method, name in asked
    )


class Mount:
    """Serves `path`, which has no slash at its end; empty, for bouncers that cannot be given one, it is the root."""

    def __init__(self, path: str, desk: Desk, counts: Counts) -> None:
        self._counts = counts
        #: By path: the methods, and who answers.
        self.routes: dict[str, tuple[tuple[str, ...], Answer]] = {
            f"{path}/v1/decisions": (READ, desk.decisions),
            f"{path}/v1/decisions/stream": (READ, desk.stream),
            f"{path}/v1/usage-metrics": (("POST",), desk.usage),
            f"{path}/v1/heartbeat": (READ, desk.heartbeat),
        }
        self._under = f"{path}/" if path else None

    def serves(self, path: str) -> bool:
        """Whether the path is this API's: one of its routes, or nothing under its own path."""
        return path in self.routes or (self._under is not None and path.startswith(self._under))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; whatever is wrong is told in CrowdSec's own form."""
        route = scope["path"] if scope["path"] in self.routes else "other"
        try:
            reply = await self._answer(scope)(scope, receive)
        except Trouble as trouble:
            await self._trouble(send, route, trouble)
        except Disconnected:
            return
        except Exception:
            await self._trouble(send, route, Trouble(HTTPStatus.INTERNAL_SERVER_ERROR, FAILED))
            raise
        else:
            self._counts.request(route, reply.status)
            packs = len(reply.body) >= LEAST_PACKED and takes_gzip(scope)
            body = await run_in_threadpool(gzip.compress, reply.body, LEVEL) if packs else reply.body
            await _send(send, reply.status, body, [(b"content-encoding", b"gzip")] if packs else [])
            reply.then()

    def _answer(self, scope: Scope) -> Answer:
        """Who answers the request; raises Trouble where nobody does."""
        if scope["path"] not in self.routes:
            raise Trouble(HTTPStatus.NOT_FOUND, NOTHING_HERE)
        methods, answer = self.routes[scope["path"]]
        if scope["method"] not in methods:
            raise Trouble(HTTPStatus.METHOD_NOT_ALLOWED, NOTHING_HERE)
        return answer

    async def _trouble(self, send: Send, route: str, trouble: Trouble) -> None:
        self._counts.request(route, trouble.status)
        further: list[tuple[bytes, bytes]] = []
        if trouble.status is HTTPStatus.METHOD_NOT_ALLOWED:
            further.append((b"allow", ", ".join(self.routes[route][0]).encode()))
        if trouble.status is HTTPStatus.SERVICE_UNAVAILABLE:
            further.append((b"retry-after", b"1"))
        await _send(send, trouble.status, trouble_of(trouble.sentence), further)


async def _send(send: Send, status: HTTPStatus, body: bytes, further: list[tuple[bytes, bytes]]) -> None:
    headers = [NO_STORE, (b"vary", b"accept-encoding"), (b"content-length", b"%d" % len(body)), *further]
    if body:
        headers.append(JSON)
    await send({"type": "http.response.start", "status": status.value, "headers": headers})
    for start in range(0, len(body), PIECE):
        await send({"type": "http.response.body", "body": body[start : start + PIECE], "more_body": True})
    await send({"type": "http.response.body", "body": b""})
