"""Every refusal this API knows, in one table, and its form on the wire: problem+json, RFC 9457.

A `Problem` is constant: title, status and sentence stand in the table, so nothing of the input is ever echoed. Its
`slug` never changes; it ends the member `type` and is the label of the metric.
"""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from revocation.challenges import MISSING
from revocation.errors import RegistryUnavailable

MEDIA_TYPE = "application/problem+json"
TYPE = "urn:problem-type:tokenward:"
RETRY_SECONDS = 1
"""What `Retry-After` says: a replica is ready, and Redis back, within about that time or much later."""


class Problem(msgspec.Struct, frozen=True):
    """One kind of refusal; `headers` are the response's own besides type and length."""

    slug: str
    status: HTTPStatus
    title: str
    detail: str
    headers: tuple[tuple[str, str], ...] = ()

    def body(self, **members: object) -> bytes:
        """The JSON text; `members` are extensions, which must not repeat the input."""
        standard = {"type": TYPE + self.slug, "title": self.title, "status": self.status.value, "detail": self.detail}
        return msgspec.json.encode(standard | members)

    def response(self, extra: Mapping[str, str] | None = None, **members: object) -> Response:
        """The answer of a FastAPI route; `extra` headers join the problem's own."""
        headers = {"Cache-Control": "no-store", **dict(self.headers), **(extra or {})}
        return Response(self.body(**members), self.status, headers, MEDIA_TYPE)


RETRY = (("Retry-After", str(RETRY_SECONDS)),)

BAD_REQUEST = Problem(
    "bad_request", HTTPStatus.BAD_REQUEST, "Bad request", "The request is not as `/docs` describes it."
)
UNAUTHENTICATED = Problem(
    "unauthenticated",
    HTTPStatus.UNAUTHORIZED,
    "Unauthenticated",
    "Nobody is shown by this request; see `docs/access.md`.",
    (("WWW-Authenticate", MISSING.field()),),
)
FORBIDDEN = Problem("forbidden", HTTPStatus.FORBIDDEN, "Forbidden", "This caller may not do that.")
NOT_FOUND = Problem("not_found", HTTPStatus.NOT_FOUND, "Not found", "There is nothing at this path; see `/docs`.")
METHOD_NOT_ALLOWED = Problem(
    "method_not_allowed",
    HTTPStatus.METHOD_NOT_ALLOWED,
    "Method not allowed",
    "This path has other methods; see `Allow`.",
)
TIMEOUT = Problem("timeout", HTTPStatus.REQUEST_TIMEOUT, "Request timeout", "The request did not arrive in time.")
TOO_LARGE = Problem(
    "too_large",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "Too large",
    "The body is larger, or holds more tokens, than `/docs` allows.",
)
UNSUPPORTED_MEDIA_TYPE = Problem(
    "unsupported_media_type",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    "Unsupported media type",
    "The body must be application/json.",
)
HEADERS_TOO_LARGE = Problem(
    "headers_too_large",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    "Headers too large",
    "The request's line and headers are too long.",
)
RATE_LIMITED = Problem(
    "rate_limited",
    HTTPStatus.TOO_MANY_REQUESTS,
    "Too many requests",
    "So much is not answered within that time; see `Retry-After`.",
    RETRY,
)
INTERNAL_ERROR = Problem(
    "internal_error",
    HTTPStatus.INTERNAL_SERVER_ERROR,
    "Internal error",
    "The server failed; its log says why.",
)
NOT_READY = Problem(
    "not_ready",
    HTTPStatus.SERVICE_UNAVAILABLE,
    "Not ready",
    "The registry's entries have not been received yet.",
    RETRY,
)
BUSY = Problem("busy", HTTPStatus.SERVICE_UNAVAILABLE, "Busy", "Too much is being asked at once.", RETRY)
UNVERIFIABLE = Problem(
    "unverifiable",
    HTTPStatus.SERVICE_UNAVAILABLE,
    "Unverifiable",
    "The keys of the token's issuer cannot be had now.",
    RETRY,
)
RESYNC = Problem(
    "resync",
    HTTPStatus.GONE,
    "Resync",
    "What changed after this position is no longer known; take a snapshot.",
)
REGISTRY_UNAVAILABLE = Problem(
    RegistryUnavailable.reason,
    HTTPStatus.SERVICE_UNAVAILABLE,
    "Registry unavailable",
    "The registry does not answer; checks go on from what is known.",
    RETRY,
)

UNKNOWN_ISSUER = Problem(
    "unknown_issuer", HTTPStatus.NOT_FOUND, "Unknown issuer", "There is no such issuer here; see `docs/protocols.md`."
)
UNREVOCABLE = Problem(
    "unrevocable",
    HTTPStatus.UNPROCESSABLE_ENTITY,
    "Unrevocable",
    "The identifier does not say whom to sign out; see `docs/protocols.md`.",
)

PROBLEMS = (
    BAD_REQUEST,
    UNAUTHENTICATED,
    FORBIDDEN,
    NOT_FOUND,
    METHOD_NOT_ALLOWED,
    TIMEOUT,
    TOO_LARGE,
    UNSUPPORTED_MEDIA_TYPE,
    HEADERS_TOO_LARGE,
    RATE_LIMITED,
    INTERNAL_ERROR,
    NOT_READY,
    BUSY,
    UNVERIFIABLE,
    RESYNC,
    REGISTRY_UNAVAILABLE,
    UNKNOWN_ISSUER,
    UNREVOCABLE,
)

#: The problem of each status that FastAPI itself answers with.
_BY_STATUS = {
    problem.status: problem for problem in (BAD_REQUEST, NOT_FOUND, METHOD_NOT_ALLOWED, TOO_LARGE, INTERNAL_ERROR)
}


class Refused(Exception):  # noqa: N818 - named after what happened
    """A request is answered with a problem; `members` are the problem's extensions."""

    def __init__(self, problem: Problem, **members: object) -> None:
        super().__init__(problem.slug)
        self.problem = problem
        self.members = members


def install(app: FastAPI, count: Callable[[str], None]) -> None:
    """Let FastAPI answer with these problems instead of its own JSON; `count` is told each one's slug."""

    def answered(
        problem: Problem, headers: Mapping[str, str] | None = None, members: Mapping[str, object] | None = None
    ) -> Response:
        count(problem.slug)
        return problem.response(headers, **(members or {}))

    @app.exception_handler(Refused)
    async def refused(_: Request, error: Refused) -> Response:
        return answered(error.problem, members=error.members)

    @app.exception_handler(RegistryUnavailable)
    async def registry_unavailable(_: Request, __: RegistryUnavailable) -> Response:
        return answered(REGISTRY_UNAVAILABLE)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        faults = [msgspec.json.decode(fault) for fault in sorted({_fault(one) for one in error.errors()})]
        return answered(BAD_REQUEST, members={"errors": faults})

    @app.exception_handler(HTTPException)
    async def http_error(_: Request, error: HTTPException) -> Response:
        problem = _BY_STATUS.get(HTTPStatus(error.status_code), BAD_REQUEST)
        return answered(problem, _with_head(error.headers or {}))

    @app.exception_handler(Exception)
    async def failed(_: Request, __: Exception) -> Response:
        return answered(INTERNAL_ERROR)


def _fault(fault: Mapping[str, Any]) -> bytes:
    """What is wrong, as JSON; names come from the route's signature and the body's type, never from what came in."""
    place = fault["loc"]
    if fault["type"] == "extra_forbidden":
        return msgspec.json.encode({"detail": "There is a member that nobody knows."})
    if place[0] != "body":
        return msgspec.json.encode({"detail": "Not a valid value.", "parameter": str(place[-1])})
    if fault["type"] == "json_invalid" or len(place) == 1:
        return msgspec.json.encode({"detail": "The body is not as it must be."})
    return msgspec.json.encode({"detail": "Not a valid value.", "pointer": f"#/{place[1]}"})


def _with_head(headers: Mapping[str, str]) -> dict[str, str]:
    """`Allow` as this API means it: every GET can be asked by HEAD."""
    return {name: value.replace("GET", "GET, HEAD") if name == "Allow" else value for name, value in headers.items()}
