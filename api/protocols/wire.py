"""What the protocols' routes have in common: one bounded POST each, answered in the protocol's own shape.

A route of OAuth or SSF never answers problem+json, so how a fault looks is the route's own word. Nothing of what came
in is ever repeated in an answer, and nothing is answered about it before the caller is known.
"""

import logging
import traceback
from collections.abc import Awaitable, Callable, Collection
from typing import NamedTuple

import msgspec

from api.access.principal import Principal
from api.body import LENGTH_DIGITS, BodyReader, Disconnected, Receive, Scope, Send
from api.problems import (
    BAD_REQUEST,
    INTERNAL_ERROR,
    MEDIA_TYPE,
    METHOD_NOT_ALLOWED,
    REGISTRY_UNAVAILABLE,
    RETRY_SECONDS,
    TOO_LARGE,
    UNSUPPORTED_MEDIA_TYPE,
    Problem,
    Refused,
)
from api.protocols.counts import ProtocolCounts
from api.raw import NO_STORE
from api.tokens import Unverifiable
from revocation.errors import RegistryError

log = logging.getLogger(__name__)

Header = tuple[bytes, bytes]
JSON: Header = (b"content-type", b"application/json")
RETRY: Header = (b"retry-after", b"%d" % RETRY_SECONDS)
ALLOW: Header = (b"allow", b"POST")

NOBODY = Principal(name="nobody", kind="open")
"""Who asks at a route that knows its callers by what they bring: nothing is permitted to it."""


class Fault(Exception):  # noqa: N818 - named after what is answered
    """The request is refused: an HTTP status, the protocol's code, and a constant sentence for people."""

    def __init__(self, status: int, code: str, sentence: str, *headers: Header, problem: Problem | None = None) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.sentence = sentence
        self.headers = headers
        #: The same as a problem, for routes that answer so; None: by its status.
        self.problem = problem


class Answer(NamedTuple):
    """What is answered besides length and `Cache-Control`."""

    status: int
    body: bytes = b""
    headers: tuple[Header, ...] = ()


class Request(NamedTuple):
    """What came: who asks, the headers (names in lower case), and the whole body."""

    principal: Principal
    headers: list[Header]
    body: bytes

    def header(self, name: bytes) -> str | None:
        """The only header of that name; None where there is none, or more than one."""
        values = [value for each, value in self.headers if each == name]
        return values[0].decode("latin-1") if len(values) == 1 else None


Serve = Callable[[Request], Awaitable[Answer]]
Shape = Callable[[Fault], Answer]


class Route:
    """One POST. `serve` answers it, or raises what `shape` turns into an answer."""

    def __init__(
        self, path: str, media_types: Collection[bytes], most: int, serve: Serve, shape: Shape, counts: ProtocolCounts
    ) -> None:
        self.path = path
        self._media_types = frozenset(media_types)
        self._most = most
        self._body = BodyReader(most)
        self._serve = serve
        self._shape = shape
        self._counts = counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        try:
            answer = await self._answered(scope, receive)
        except Disconnected:
            return
        self._counts.http.request(self.path, answer.status)
        length = (b"content-length", b"%d" % len(answer.body))
        headers = [*answer.headers, NO_STORE, (b"pragma", b"no-cache"), length]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    async def _answered(self, scope: Scope, receive: Receive) -> Answer:
        try:
            self._admit(scope)
            body = await self._body.join(await receive(), receive)
            by = scope.get("state", {}).get("principal", NOBODY)
            return await self._serve(Request(by, scope["headers"], body))
        except Fault as fault:
            return self._shape(fault)
        except Refused as refused:
            busy = refused.problem.status >= 500  # noqa: PLR2004 - HTTP's own number
            code, more = ("temporarily_unavailable", [RETRY]) if busy else ("invalid_request", [])
            problem = refused.problem
            return self._shape(Fault(problem.status, code, problem.detail, *more, problem=problem))
        except (RegistryError, Unverifiable) as away:
            self._counts.away(self.path, away.reason)
            sentence = "Nothing can be said or done about it now; ask again."
            return self._shape(Fault(503, "temporarily_unavailable", sentence, RETRY))
        except Disconnected:
            raise
        except Exception as error:  # noqa: BLE001 - whoever asks must get an answer in the protocol's shape
            _log(self.path, error)
            return self._shape(Fault(500, "server_error", "The server failed; its log says why."))

    def _admit(self, scope: Scope) -> None:
        """Refuse by the head alone."""
        if scope["method"] != "POST":
            raise Fault(405, "invalid_request", METHOD_NOT_ALLOWED.detail, ALLOW)
        told = {name: value for name, value in scope["headers"] if name in {b"content-type", b"content-length"}}
        if told.get(b"content-type", b"").partition(b";")[0].strip().lower() not in self._media_types:
            raise Fault(415, "invalid_request", "The body is of another media type than this route takes.")
        length = told.get(b"content-length", b"0")
        if len(length) > LENGTH_DIGITS or int(length) > self._most:
            raise Fault(413, "invalid_request", "The body is larger than this route takes.")


def oauth(fault: Fault) -> Answer:
    """RFC 6749, section 5.2: what OAuth's endpoints answer instead of a result."""
    body = msgspec.json.encode({"error": fault.code, "error_description": fault.sentence})
    return Answer(fault.status, body, (JSON, *fault.headers))


_PROBLEMS = {
    problem.status.value: problem
    for problem in (BAD_REQUEST, METHOD_NOT_ALLOWED, TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, INTERNAL_ERROR)
} | {503: REGISTRY_UNAVAILABLE}


def problem_json(fault: Fault) -> Answer:
    """RFC 9457, where the protocol leaves errors open."""
    problem = fault.problem or _PROBLEMS[fault.status]
    return Answer(fault.status, problem.body(), ((b"content-type", MEDIA_TYPE.encode()), *fault.headers))


def _log(path: str, error: Exception) -> None:
    """Where it failed, but not its message, in which a part of a token may stand."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    told = {"route": path, "error": type(error).__name__, "file": place.filename, "line": place.lineno}
    log.error("a protocol's route failed", extra=told)
