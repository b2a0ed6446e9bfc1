"""What holds for every protocol's route, whatever it serves."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from api.body import Message
from api.metrics import Counts
from api.protocols.counts import ProtocolCounts
from api.protocols.push import told
from api.protocols.wire import NOBODY, Answer, Fault, Request, Route, Shape, oauth, problem_json

SECRET = "a-secret"  # noqa: S105 - what must not be logged


async def fails(request: Request) -> Answer:
    """Serves nothing."""
    raise ArithmeticError(f"{SECRET} {request.body!r}")


async def whose(request: Request) -> Answer:
    """Serves the caller's name."""
    return Answer(200, request.principal.name.encode())


def call(
    serve: Callable[[Request], Awaitable[Answer]],
    shape: Shape = oauth,
    counts: ProtocolCounts | None = None,
    *messages: Message,
) -> list[Message]:
    """What a route sends."""
    sent: list[Message] = []
    parts = iter(messages or [{"type": "http.request", "body": b"x", "more_body": False}])
    route = Route("/x", [b"text/plain"], 10, serve, shape, counts or ProtocolCounts(Counts()))
    scope: dict[str, Any] = {"type": "http", "method": "POST", "headers": [(b"content-type", b"text/plain")]}

    async def receive() -> Message:
        """Give the next message."""
        return next(parts)

    async def send(message: Message) -> None:
        """Take an answer."""
        sent.append(message)

    asyncio.run(route(scope, receive, send))
    return sent


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        (oauth, b'"error":"server_error"'),
        (problem_json, b'"type":"urn:problem-type:tokenward:internal_error"'),
        (told, b""),
    ],
)
def test_a_failure_of_ours_is_answered_in_the_routes_shape(
    caplog: pytest.LogCaptureFixture, shape: Shape, expected: bytes
) -> None:
    """500, counted, with a line in the log that says where, and not what was being served."""
    counts = ProtocolCounts(Counts())
    with caplog.at_level(logging.ERROR):
        start, body = call(fails, shape, counts)

    assert (500, {("/x", 500): 1}) == (start["status"], counts.http.requests)
    assert expected in body["body"]
    assert ["a protocol's route failed"] == [record.getMessage() for record in caplog.records]
    assert [] == [record for record in caplog.records if SECRET in str(record.__dict__)]


def test_who_came_by_no_gate_is_nobody() -> None:
    """A route that knows its callers by what they bring has one who may do nothing."""
    _, body = call(whose)

    assert (b"nobody", frozenset(), False) == (body["body"], NOBODY.verbs, NOBODY.sees("https://idp"))


def test_a_client_that_leaves_is_not_answered() -> None:
    """Nobody waits for it, and nothing was served."""
    assert [] == call(whose, oauth, None, {"type": "http.disconnect"})


def test_a_fault_without_a_problem_has_its_statuss() -> None:
    """Where the protocol leaves errors open, a status is a problem of the table."""
    answers = [problem_json(Fault(status, "x", "y")).status for status in (400, 405, 413, 415, 500, 503)]

    assert [400, 405, 413, 415, 500, 503] == answers
