"""Bodies that come in parts hold a bounded number of bytes together."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator

import pytest

from api.body import BodyReader, Disconnected, Message
from api.problems import Refused


def parts(*bodies: bytes) -> Iterator[Message]:
    """A body as a server hands it over, part by part."""
    for number, body in enumerate(bodies, 1):
        yield {"type": "http.request", "body": body, "more_body": number < len(bodies)}


def receiver(messages: Iterator[Message]) -> Callable[[], Awaitable[Message]]:
    """ASGI's `receive` of these messages."""

    async def receive() -> Message:
        """The next message."""
        return next(messages)

    return receive


async def _unfinished(reader: BodyReader) -> str:
    """Hold one body of eight bytes unfinished, and say what becomes of another of eight."""
    finish = asyncio.Event()

    async def wait() -> Message:
        """What happens, on a loop of its own."""
        await finish.wait()
        return {"type": "http.disconnect"}

    first = asyncio.create_task(reader.join(next(parts(b"12345678", b"")), wait))
    await asyncio.sleep(0)
    try:
        await reader.join(next(parts(b"12345678", b"")), receiver(parts(b"")))
    except Refused as refused:
        return refused.problem.slug
    else:
        return "read"
    finally:
        finish.set()
        with pytest.raises(Disconnected):
            await first


@pytest.mark.parametrize(("held", "outcome"), [(16, "read"), (15, "busy")])
def test_unfinished_bodies_are_bounded_together(held: int, outcome: str) -> None:
    """What would hold more than is allowed is refused; what fits is read."""
    assert outcome == asyncio.run(_unfinished(BodyReader(limit=8, held=held)))


def test_a_finished_body_holds_nothing_any_more() -> None:
    """However it ended, its bytes are free for others."""
    reader = BodyReader(limit=8, held=8)
    messages = [parts(b"1234", b"5678"), parts(b"1234", b"56789")]
    with pytest.raises(Refused):
        asyncio.run(reader.join(next(messages[1]), receiver(messages[1])))

    assert b"12345678" == asyncio.run(reader.join(next(messages[0]), receiver(messages[0])))
