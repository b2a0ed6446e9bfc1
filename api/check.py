"""`POST /v1/check` and `POST /v1/check/batch`: raw ASGI ahead of FastAPI, answered from the process's own replica.

No Redis call, no pydantic, no dependency injection: a bounded read, one typed decode, one look-up, one join of bytes.
Whatever is constant in an answer is formatted once; the registry's part once per change of its position.
"""

import asyncio
import re
from collections.abc import Callable

import msgspec

from api.access.principal import principal_of
from api.body import BodyReader, Disconnected, Receive, Scope, Send
from api.metrics import Counts
from api.problems import (
    BAD_REQUEST,
    INTERNAL_ERROR,
    NOT_READY,
    TOO_LARGE,
    Problem,
    Refused,
)
from api.raw import refuse
from api.schemas import BATCH_TOKENS, BatchQuestion
from revocation.claims import ALLOW, UNKNOWN, Answer, Claims
from revocation.record import Position
from revocation.replica import Replica

CHECK_BYTES = 16 * 1024
BATCH_BYTES = 8 * 1024 * 1024
TURN = 250
"""Tokens of a batch that are answered before other requests have their turn: about a millisecond."""
OBJECTS = 4 * BATCH_TOKENS
"""More opening braces than this in a batch and it is not decoded at all: its objects would take too much memory."""
UNREADABLE = (msgspec.MsgspecError, RecursionError)
"""What decoding raises: not JSON, of other types, or nested without end."""

_JSON = (b"content-type", b"application/json")
#: The answer that nearly all get, without its closing brace: the registry becomes one more member.
_ALLOW = msgspec.json.encode(ALLOW)[:-1]
#: Where in the body a member has the wrong type: names of ours and positions, nothing of the input.
_PATH = re.compile(r" - at `(\$[\w.\[\]]*)`$")


class CheckPath:
    """Answers the two check routes. `clock` gives epoch milliseconds."""

    def __init__(self, replica: Replica, clock: Callable[[], int], counts: Counts) -> None:
        self._replica = replica
        self._clock = clock
        self._counts = counts
        self._single_body = BodyReader(CHECK_BYTES)
        self._batch_body = BodyReader(BATCH_BYTES)
        self._single = msgspec.json.Decoder(Claims)
        self._batch_array = msgspec.json.Decoder(list[Claims])
        self._batch_object = msgspec.json.Decoder(BatchQuestion)
        self._encode = msgspec.json.Encoder().encode
        #: The position that `_word` was formatted for.
        self._position: Position | None = None
        self._word = b""

    async def check(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`POST /v1/check`: one token. Written out at length: a call here costs a percent of all that is answered."""
        try:
            self._single_body.admit(scope)
            message = await receive()
            body = message.get("body", b"")
            if message.get("more_body", False) or not 0 < len(body) <= CHECK_BYTES:
                body = await self._single_body.join(message, receive)
            now = self._clock()
            registry = self._registry()
            claims = self._single.decode(body)
            issuers = principal_of(scope).issuers
            seen = issuers is None or claims.iss in issuers
            answer = self._replica.check(claims, now) if seen else UNKNOWN
        except Refused as refused:
            await self._refuse(send, "/v1/check", refused.problem, refused.members)
        except UNREADABLE as error:
            await self._refuse(send, "/v1/check", BAD_REQUEST, _where(error))
        except Disconnected:
            return
        except Exception:
            await self.fail(scope, send)
            raise
        else:
            self._counts.single[answer.decision] += 1
            said = _ALLOW if answer is ALLOW else self._encode(answer)[:-1]
            body = b"%b,%b%d}}" % (said, registry, self._age(now))
            length = len(body)
            headers = _HEADERS[length] if length < FORMATTED else _headers(length)
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": body})

    async def batch(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`POST /v1/check/batch`: an array of tokens, or an object whose member `tokens` is one."""
        try:
            self._batch_body.admit(scope)
            body = await self._batch_body.join(await receive(), receive)
            now = self._clock()
            registry = self._registry()
            tokens = self._tokens(body)
        except Refused as refused:
            await self._refuse(send, "/v1/check/batch", refused.problem, refused.members)
        except UNREADABLE as error:
            await self._refuse(send, "/v1/check/batch", BAD_REQUEST, _where(error))
        except Disconnected:
            return
        else:
            answers = self._encode(await self._answers(tokens, now, principal_of(scope).issuers))
            self._counts.batches += 1
            body = b'{%b%d},"answers":%b}' % (registry, self._age(now), answers)
            await send({"type": "http.response.start", "status": 200, "headers": _headers(len(body))})
            await send({"type": "http.response.body", "body": body})

    async def fail(self, scope: Scope, send: Send) -> None:
        """Answer a request that raised what nobody foresaw; the server logs it."""
        await self._refuse(send, scope["path"], INTERNAL_ERROR, {})

    def _tokens(self, body: bytes) -> list[Claims]:
        if body.count(b"{") > OBJECTS:
            raise Refused(TOO_LARGE)
        tokens = self._batch_array.decode(body) if body.lstrip()[:1] == b"[" else self._batch_object.decode(body).tokens
        if len(tokens) > BATCH_TOKENS:
            raise Refused(TOO_LARGE)
        return tokens

    async def _answers(self, tokens: list[Claims], now: int, issuers: frozenset[str] | None) -> list[Answer]:
        decided = self._counts.batched
        check = self._replica.check if issuers is None else self._within(issuers)
        answers: list[Answer] = []
        for start in range(0, len(tokens), TURN):
            answers += [check(claims, now) for claims in tokens[start : start + TURN]]
            await asyncio.sleep(0)
        for answer in answers:
            decided[answer.decision] += 1
        return answers

    def _within(self, issuers: frozenset[str]) -> Callable[[Claims, int], Answer]:
        """Checks for a caller to whom other issuers' tokens are as if nobody knew them."""
        return lambda claims, now: self._replica.check(claims, now) if claims.iss in issuers else UNKNOWN

    def _registry(self) -> bytes:
        """The member `registry` of an answer up to its age. Taken before the check: the answer knows at least that."""
        position = self._replica.position
        if position is None:
            raise Refused(NOT_READY)
        if position is not self._position:
            self._word = b'"registry":{"epoch":%b,"seq":%d,"age_ms":' % (self._encode(position.epoch), position.seq)
            self._position = position
        return self._word

    def _age(self, now: int) -> int:
        age = now - self._replica.fresh_at
        return age if age > 0 else 0  # noqa: FURB136 - `max` takes twice as long

    async def _refuse(self, send: Send, route: str, problem: Problem, members: dict[str, object]) -> None:
        await refuse(send, self._counts, route, problem, members, allow=b"POST")


def _headers(length: int) -> list[tuple[bytes, bytes]]:
    # Nobody keeps the answer to a POST that does not ask for it (RFC 9111, section 3): no header has to say so.
    return [_JSON, (b"content-length", b"%d" % length)]


FORMATTED = 512
"""The headers of bodies shorter than this are formatted once."""
_HEADERS = [_headers(length) for length in range(FORMATTED)]


def _where(error: Exception) -> dict[str, object]:
    """Which member of the question is wrong, where the decoder says so without repeating any of its text."""
    found = _PATH.search(str(error))
    return {"errors": [{"detail": "Not a valid value.", "member": found[1]}]} if found else {}
