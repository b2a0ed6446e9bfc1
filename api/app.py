"""The application: the check path, `/authz` and the feed, and behind them FastAPI for everything else."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from starlette.concurrency import run_in_threadpool

from api.access.access import Access
from api.access.authenticate import Authenticator
from api.access.gate import Gate
from api.access.metrics import AccessCollector
from api.access.openapi import secured
from api.access.refused import OnRefused, Refusals
from api.access.rules import RULES, Table, served_by
from api.authz import PREFIX, Authz
from api.authz_openapi import authz_paths
from api.body import Message, Receive, Scope, Send, bounded
from api.bulk.routes import PART_BYTES
from api.check import CheckPath
from api.crowdsec.desk import Desk
from api.crowdsec.ledger import Ledger
from api.crowdsec.metrics import BouncerCollector
from api.crowdsec.mount import CrowdSec, Mount, bouncer_rules
from api.crowdsec.openapi import bouncer_paths
from api.feed.feed import SNAPSHOT, Feed
from api.feed.limits import FeedLimits
from api.feed.metrics import FeedCollector
from api.feed.openapi import feed_paths
from api.metrics import ApiCollector, Counts
from api.openapi import DESCRIPTION, SUMMARY, check_paths, documented
from api.problems import install
from api.profiles import Profile
from api.protocols.inbound import Inbound, InboundSettings
from api.protocols.metrics import ProtocolCollector
from api.protocols.openapi import protocol_paths
from api.protocols.ssf.desk import Desk as Transmitting
from api.protocols.ssf.routes import ssf_routes
from api.protocols.ssf.rules import ssf_rules
from api.routes.replicas import replica_routes
from api.routes.revocations import revocation_routes
from api.routes.service import service_routes
from api.tokens import Tokens
from api.trust import TrustedIssuer
from api.view import RegistryView
from api.writes.metrics import WriteCollector
from api.writes.whole import Deciding, Writes
from revocation.followers import Followers
from revocation.names import Sealer
from revocation.registry import Whole
from revocation.replica import Replica
from revocation.seen import Seen

BODY_BYTES = 64 * 1024
"""Of a body that FastAPI reads; the largest that the write API knows has some 10 KiB."""

Served = Callable[[Scope, Receive, Send], Awaitable[None]]


class Api:
    """The ASGI application: serves the paths of gateways itself, and hands everything else to FastAPI."""

    def __init__(
        self,
        gate: Gate,
        check: CheckPath,
        authz: Authz,
        feed: Feed,
        inbound: Inbound,
        bouncers: Mount | None,
        fastapi: FastAPI,
        counts: Counts,
    ) -> None:
        #: Everything but the check path, `/authz` and the feed.
        self.fastapi = fastapi
        self._gate = gate
        self._check = check
        self._authz = authz
        self._feed = feed
        self._bouncers = bouncers
        self._counts = counts
        others: dict[str, Served] = {"/v1/check/batch": check.batch, **inbound.raw}
        self._raw: dict[str, Served] = {"/v1/check": check.check} | {at: self._safe(one) for at, one in others.items()}

    def end(self) -> None:
        """The server is about to end: answer whoever waits for changes, so that it need not wait for them."""
        self._feed.end()

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve one request, or the lifespan. What is asked most has no coroutine around its own."""
        if scope["type"] != "http":
            return self.fastapi(scope, receive, send)
        if self._gate.passes(scope):
            return self._serving(scope)(scope, receive, send)
        return self._judged(scope, receive, send)

    async def _judged(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request whose caller has to show who it is."""
        answering = await self._gate.judge(scope, send)
        if answering is not None:
            await self._serving(scope)(scope, receive, answering)

    def _serving(self, scope: Scope) -> Served:
        """Who serves a request."""
        path: str = scope["path"]
        raw = self._raw.get(path)
        if raw is not None:
            return raw
        if path.startswith(PREFIX):
            return self._authz
        if self._bouncers is not None and self._bouncers.serves(path):
            return self._bouncers
        # To post to the path of the snapshot is to decide something.
        decides = path == SNAPSHOT and scope["method"] == "POST"
        return (None if decides else self._feed.raw.get(path)) or self._counted

    def _safe(self, serve: Served) -> Served:
        """The same, that answers what nobody foresaw, too."""

        async def safely(scope: Scope, receive: Receive, send: Send) -> None:
            try:
                await serve(scope, receive, send)
            except Exception:
                await self._check.fail(scope, send)
                raise

        return safely

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

        await self.fastapi(scope, bounded(receive, _limit_of(scope)), counting)


def _limit_of(scope: Scope) -> int:
    """How long a body may be."""
    return PART_BYTES if scope["method"] == "PUT" else BODY_BYTES


def create_app(
    *,
    replica: Replica,
    registry: Whole,
    followers: Followers,
    clock: Callable[[], int],
    digest_key: bytes,
    version: str,
    writes: Writes,
    access: Access,
    metrics: CollectorRegistry | None = None,
    limits: FeedLimits | None = None,
    issuers: Sequence[TrustedIssuer] = (),
    profiles: Mapping[str, Profile] | None = None,
    crowdsec: CrowdSec | None = None,
    ssf: Transmitting | None = None,
    on_refused: OnRefused | None = None,
    protocols: InboundSettings | None = None,
    seen: Seen | None = None,
    closing: Sequence[Callable[[], None]] = (),
) -> Api:
    """Build the application. Its lifespan starts and stops `followers`, which fill `replica` from `registry`'s shards.

    `clock` gives epoch milliseconds; `digest_key` is the replica's, for look-ups by identity; `metrics` is what
    `/metrics` shows, where others may have registered too (a new one by default); `limits` bounds the feed. `/authz`
    takes tokens of `issuers`, and has `profiles` besides the default one. Whatever changes the registry goes through
    the registrar of `writes`. `access` says who may come at all; refused attempts are told to `on_refused`, which may
    block. `protocols` is what OAuth's and SSF's routes go by; `seen` holds which security events were taken, for all
    processes of one registry. `crowdsec` says where bouncers ask. `ssf` serves receivers of our own events.
    `closing` is called last, when nothing uses what it closes any more; it may block, within a bound of its own.

    Raises:
        ValueError: a route has no rule, or a rule no route.
    """
    counts = Counts()
    feed = Feed(replica, followers.shards, clock, counts, limits or FeedLimits())
    followers.listen(feed.recent)
    tokens = Tokens(issuers, clock)
    shown = CollectorRegistry() if metrics is None else metrics
    shown.register(ApiCollector(counts, replica, followers, clock, tokens))
    shown.register(FeedCollector(feed))
    inbound = Inbound(
        protocols or InboundSettings(),
        tokens=tokens,
        replica=replica,
        writes=writes,
        clock=clock,
        http=counts,
        seen=seen,
    )
    shown.register(ProtocolCollector(inbound))
    desk = None if crowdsec is None else _desk(crowdsec, replica, followers, clock, digest_key)
    shown.register(BouncerCollector(desk))
    bouncers = None if crowdsec is None or desk is None else Mount(crowdsec.path, desk, counts)
    more = [*(() if crowdsec is None else bouncer_rules(crowdsec.path))]
    more += [] if ssf is None else ssf_rules(ssf.transmitter)
    table = Table((*RULES, *more))
    refusals = Refusals(on_refused)
    authenticator = Authenticator(access, tokens, replica, clock)
    gate = Gate(table, access, authenticator, refusals, counts, clock)
    shown.register(AccessCollector(gate, authenticator, refusals))
    view = RegistryView(replica, registry, clock, digest_key)
    deciding = writes.served(view)
    shown.register(WriteCollector(deciding.approvals, deciding.runner))
    fastapi = FastAPI(
        title="Tokenward",
        summary=SUMMARY,
        description=DESCRIPTION,
        version=version,
        lifespan=_following(followers, feed, (tokens, inbound, refusals, deciding), closing),
        redoc_url=None,
    )
    fastapi.include_router(revocation_routes(view))
    fastapi.include_router(deciding.router)
    fastapi.include_router(replica_routes(feed.replicas))
    if ssf is not None:
        fastapi.include_router(ssf_routes(ssf))
    fastapi.include_router(service_routes(view, followers, shown, version))
    install(fastapi, counts.refusal)
    told = {} if crowdsec is None else bouncer_paths(crowdsec.path)
    ahead = (check_paths(), authz_paths(), feed_paths(), protocol_paths(), told)
    table.check(served_by(fastapi, *ahead))
    fastapi.openapi = secured(documented(fastapi, *ahead), table)  # type: ignore[method-assign]
    authz = Authz(replica, tokens, profiles or {}, clock, counts)
    return Api(gate, CheckPath(replica, clock, counts), authz, feed, inbound, bouncers, fastapi, counts)


def _desk(
    crowdsec: CrowdSec, replica: Replica, followers: Followers, clock: Callable[[], int], digest_key: bytes
) -> Desk:
    """Where bouncers are answered, told of addresses by the followers."""
    ledger = Ledger(replica, clock)
    followers.listen(ledger)
    return Desk(ledger, crowdsec.names, Sealer(digest_key), replica, clock)


def _following(
    followers: Followers,
    feed: Feed,
    tasks: Sequence[Tokens | Inbound | Refusals | Deciding],
    closing: Sequence[Callable[[], None]],
) -> Callable[[FastAPI], Any]:
    """The lifespan: requests are taken at once; `/readyz` says when the first snapshot has come."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        feed.recent.start()
        followers.start()
        for task in tasks:
            task.start()
        try:
            yield
        finally:
            for task in reversed(tasks):
                await task.stop()
            await run_in_threadpool(followers.stop)
            for close in closing:
                await run_in_threadpool(close)

    return lifespan
