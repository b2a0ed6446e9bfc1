"""The application: the check path, `/authz`, and behind them FastAPI for everything else."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from starlette.concurrency import run_in_threadpool

from api.authz import PREFIX, Authz
from api.body import Message, Receive, Scope, Send
from api.check import CheckPath
from api.metrics import ApiCollector, Counts, Follows
from api.openapi import DESCRIPTION, SUMMARY, documented
from api.problems import install
from api.profiles import Profile
from api.routes.revocations import revocation_routes
from api.routes.service import service_routes
from api.tokens import Tokens
from api.trust import TrustedIssuer
from api.view import RegistryView
from revocation.registry import Registry
from revocation.replica import Replica

Served = Callable[[Scope, Receive, Send], Awaitable[None]]


class Api:
    """The ASGI application: serves the paths of gateways itself, and hands everything else to FastAPI."""

    def __init__(self, check: CheckPath, authz: Authz, fastapi: FastAPI, counts: Counts) -> None:
        #: Everything but the check path.
        self.fastapi = fastapi
        self._check = check
        self._authz = authz
        self._counts = counts
        self._raw: dict[str, Served] = {"/v1/check": check.check, "/v1/check/batch": check.batch}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the lifespan."""
        raw = self._raw.get(scope["path"]) if scope["type"] == "http" else None
        if raw is not None:
            try:
                await raw(scope, receive, send)
            except Exception:
                await self._check.fail(scope, send)
                raise
        elif scope["type"] == "http" and scope["path"].startswith(PREFIX):
            await self._authz(scope, receive, send)
        elif scope["type"] == "http":
            await self._counted(scope, receive, send)
        else:
            await self.fastapi(scope, receive, send)

    async def _counted(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve by FastAPI, and count the answer by its route."""
        if scope["method"] == "HEAD":
            # The server leaves the body out; what stands before it is what GET says.
            scope = {**scope, "method": "GET"}

        async def counting(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path", "other")
                self._counts.request(route, message["status"])
            await send(message)

        await self.fastapi(scope, receive, counting)


def create_app(
    *,
    replica: Replica,
    registry: Registry,
    follower: Follows,
    clock: Callable[[], int],
    digest_key: bytes,
    version: str,
    metrics: CollectorRegistry | None = None,
    issuers: Sequence[TrustedIssuer] = (),
    profiles: Mapping[str, Profile] | None = None,
) -> Api:
    """Build the application. Its lifespan starts and stops `follower`, which fills `replica` from `registry`.

    `clock` gives epoch milliseconds; `digest_key` is the replica's, for look-ups by identity; `metrics` is what
    `/metrics` shows, where others may have registered too (a new one by default). `/authz`
    takes tokens of `issuers`, and has `profiles` besides the default one.
    """
    counts = Counts()
    tokens = Tokens(issuers, clock)
    shown = CollectorRegistry() if metrics is None else metrics
    shown.register(ApiCollector(counts, replica, follower, clock, tokens))
    view = RegistryView(replica, registry, clock, digest_key)
    fastapi = FastAPI(
        title="Tokenward",
        summary=SUMMARY,
        description=DESCRIPTION,
        version=version,
        lifespan=_following(follower, tokens),
        redoc_url=None,
    )
    fastapi.include_router(revocation_routes(view))
    fastapi.include_router(service_routes(view, follower, shown, version))
    install(fastapi, counts.refusal)
    fastapi.openapi = documented(fastapi)  # type: ignore[method-assign]
    authz = Authz(replica, tokens, profiles or {}, clock, counts)
    return Api(CheckPath(replica, clock, counts), authz, fastapi, counts)


def _following(follower: Follows, tokens: Tokens) -> Callable[[FastAPI], Any]:
    """The lifespan: requests are taken at once; `/readyz` says when the first snapshot has come."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        follower.start()
        tokens.start()
        try:
            yield
        finally:
            await tokens.stop()
            await run_in_threadpool(follower.stop)

    return lifespan
