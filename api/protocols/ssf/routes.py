"""The transmitter's routes. Their errors have the shape of RFC 8935, as SSF's own calls define none."""

from collections.abc import Awaitable, Callable
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from api.access.principal import Principal, Verb, principal
from api.protocols.ssf import transmitter as paths
from api.protocols.ssf.desk import Desk
from api.protocols.ssf.documented import DOCUMENTED
from api.protocols.ssf.poll import Polls
from api.protocols.ssf.wire import Unfit, answer, empty, json_of
from revocation.errors import RegistryUnavailable

Who = Annotated[Principal, Depends(principal)]
StreamId = Annotated[str | None, Query(description="The stream's id.")]
PUBLIC = {"Cache-Control": "public, max-age=300"}
"""Keys are published a day ahead of their first use, so that nobody is surprised by one within five minutes."""

UNAVAILABLE = Unfit(
    HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", "What is kept does not answer; try again.", **{"Retry-After": "1"}
)
DENIED = Unfit(HTTPStatus.FORBIDDEN, "access_denied", "The caller may not do that.")


def ssf_routes(desk: Desk, refused: Callable[[str], None] = lambda _err: None) -> APIRouter:
    """The routes; `refused` is told the code of each polled SET that a receiver could not take."""
    router = APIRouter(tags=["shared signals"])
    manage, read = Verb.SSF_MANAGE, Verb.SSF_READ
    for path, method, verb, call, status in (
        (paths.STREAMS, "POST", manage, desk.create, HTTPStatus.CREATED),
        (paths.STREAMS, "PATCH", manage, desk.patch, HTTPStatus.OK),
        (paths.STREAMS, "PUT", manage, desk.put, HTTPStatus.OK),
        (paths.STATUS, "POST", manage, desk.set_status, HTTPStatus.OK),
        (paths.ADD_SUBJECT, "POST", manage, partial(desk.subject, added=True), HTTPStatus.OK),
        (paths.REMOVE_SUBJECT, "POST", manage, partial(desk.subject, added=False), HTTPStatus.NO_CONTENT),
        (paths.VERIFY, "POST", manage, desk.verify, HTTPStatus.NO_CONTENT),
    ):
        _add(router, path, method, _with_body(verb, call, status))
    for path, method, verb, asked, status in (
        (paths.STREAMS, "GET", read, desk.read, HTTPStatus.OK),
        (paths.STREAMS, "DELETE", manage, desk.delete, HTTPStatus.NO_CONTENT),
        (paths.STATUS, "GET", read, desk.status, HTTPStatus.OK),
    ):
        _add(router, path, method, _with_query(verb, asked, status))
    _add(router, f"{paths.POLLED}/{{stream_id}}", "POST", _polled(Polls(desk, refused)))
    _add(router, desk.transmitter.well_known_path, "GET", _metadata(desk), paths.WELL_KNOWN)
    _add(router, paths.JWKS, "GET", _keys(desk))
    return router


def _with_body(verb: Verb, call: Callable[[str, Any], Any], status: HTTPStatus) -> Callable[..., Any]:
    """A route whose body is JSON. What is sent is read before the stream is looked for (SSF issue 319)."""

    async def endpoint(request: Request, who: Who) -> Response:
        async def answered() -> Response:
            _permit(who, verb)
            return _answer(await run_in_threadpool(call, who.name, await json_of(request)), status)

        return await _caught(answered)

    return endpoint


def _with_query(verb: Verb, call: Callable[[str, str | None], Any], status: HTTPStatus) -> Callable[..., Any]:
    """A route that names the stream in its query."""

    async def endpoint(who: Who, stream_id: StreamId = None) -> Response:
        async def answered() -> Response:
            _permit(who, verb)
            return _answer(await run_in_threadpool(call, who.name, stream_id), status)

        return await _caught(answered)

    return endpoint


def _polled(polls: Polls) -> Callable[..., Any]:
    async def endpoint(stream_id: str, request: Request, who: Who) -> Response:
        async def answered() -> Response:
            _permit(who, Verb.SSF_READ)
            return answer(await polls.poll(who.name, stream_id, await json_of(request)))

        return await _caught(answered)

    return endpoint


def _metadata(desk: Desk) -> Callable[..., Any]:
    async def endpoint() -> Response:
        return Response(msgspec.json.encode(desk.transmitter.metadata()), 200, PUBLIC, "application/json")

    return endpoint


def _keys(desk: Desk) -> Callable[..., Any]:
    async def endpoint() -> Response:
        async def answered() -> Response:
            shown = await run_in_threadpool(desk.store.published, desk.clock())
            return Response(msgspec.json.encode({"keys": shown}), 200, PUBLIC, "application/json")

        return await _caught(answered)

    return endpoint


async def _caught(answered: Callable[[], Awaitable[Response]]) -> Response:
    try:
        return await answered()
    except Unfit as error:
        return error.response()
    except RegistryUnavailable:
        return UNAVAILABLE.response()


def _permit(who: Principal, verb: Verb) -> None:
    if not who.may(verb):
        raise DENIED


def _answer(value: object, status: HTTPStatus) -> Response:
    return empty(status) if value is None else answer(value, status)


def _add(router: APIRouter, path: str, method: str, endpoint: Callable[..., Any], described: str = "") -> None:
    told = DOCUMENTED[method, described or path]
    name = f"{method} {path}".lower().replace("/", "_")
    router.add_api_route(path, endpoint, methods=[method], response_class=Response, name=name, **told)
