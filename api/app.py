"""The application: the check path, and behind it FastAPI for everything else."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from starlette.concurrency import run_in_threadpool

from api.body import Message, Receive, Scope, Send
from api.check import CheckPath
from api.metrics import ApiCollector, Counts, Follows
from api.openapi import DESCRIPTION, SUMMARY, documented
from api.problems import install
from api.routes.revocations import revocation_routes
from api.routes.service import service_routes
from api.view import RegistryView
from revocation.registry import Whole
from revocation.replica import Replica

Served = Callable[[Scope, Receive, Send], Awaitable[None]]


class Api:
    """The ASGI application: looks a request's path up in a dict, and hands what is not there to FastAPI."""

    def __init__(self, check: CheckPath, fastapi: FastAPI, counts: Counts) -> None:
        #: Everything but the check path.
        self.fastapi = fastapi
        self._check = check
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
    registry: Whole,
    follower: Follows,
    clock: Callable[[], int],
    digest_key: bytes,
    version: str,
    metrics: CollectorRegistry | None = None,
) -> Api:
    """Build the application. Its lifespan starts and stops `follower`, which fills `replica` from `registry`.

    `clock` gives epoch milliseconds; `digest_key` is the replica's, for look-ups by identity; `metrics` is what
    `/metrics` shows, where others may have registered too (a new one by default).
    """
    counts = Counts()
    shown = CollectorRegistry() if metrics is None else metrics
    shown.register(ApiCollector(counts, replica, follower, clock))
    view = RegistryView(replica, registry, clock, digest_key)
    fastapi = FastAPI(
        title="Tokenward",
        summary=SUMMARY,
        description=DESCRIPTION,
        version=version,
        lifespan=_following(follower),
        redoc_url=None,
    )
    fastapi.include_router(revocation_routes(view))
    fastapi.include_router(service_routes(view, follower, shown, version))
    install(fastapi, counts.refusal)
    fastapi.openapi = documented(fastapi)  # type: ignore[method-assign]
    return Api(CheckPath(replica, clock, counts), fastapi, counts)


def _following(follower: Follows) -> Callable[[FastAPI], Any]:
    """The lifespan: requests are taken at once; `/readyz` says when the first snapshot has come."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        follower.start()
        try:
            yield
        finally:
            await run_in_threadpool(follower.stop)

    return lifespan
