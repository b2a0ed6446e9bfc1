"""Polling: a receiver fetches its SETs and says which have arrived; RFC 8936."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool

from api.protocols.ssf.desk import Desk
from api.protocols.ssf.wire import invalid
from revocation.ssf.streams import POLL
from revocation.ssf.subjects import Json

MOST_SETS = 100
"""SETs of one answer, whatever is asked for."""
MOST_ACKS = 10_000
LONGEST_JTI = 256
WAITERS = 256
"""Polls that wait at once; further ones are answered at once, which RFC 8936 leaves to the transmitter."""
LOOK_SECONDS = (0.1, 0.2, 0.4, 0.8)
"""Between two looks of a waiting poll; the last goes on."""


class Question:
    """What a poll asks.

    Raises:
        Unfit: it is not as RFC 8936, section 2.2, says.
    """

    def __init__(self, asked: Json) -> None:
        most, at_once = asked.get("maxEvents", MOST_SETS), asked.get("returnImmediately", False)
        acks, errors = asked.get("ack", []), asked.get("setErrs", {})
        if not isinstance(most, int) or isinstance(most, bool) or most < 0 or not isinstance(at_once, bool):
            raise invalid("maxEvents must be a number, and returnImmediately true or false.")
        if not isinstance(acks, list) or not all(isinstance(jti, str) and len(jti) <= LONGEST_JTI for jti in acks):
            raise invalid("ack must be an array of jti.")
        if not isinstance(errors, dict) or not all(isinstance(error, dict) for error in errors.values()):
            raise invalid("setErrs must be an object: each jti with err and description.")
        if len(acks) + len(errors) > MOST_ACKS:
            raise invalid("More is acknowledged than an answer holds.")
        self.most = min(most, MOST_SETS)
        self.at_once = at_once
        self.acks: list[str] = acks
        self.errors: dict[str, Any] = {jti: error for jti, error in errors.items() if len(jti) <= LONGEST_JTI}


class Polls:
    """Answers polls. `refused` is told the code of each SET that a receiver could not take."""

    def __init__(self, desk: Desk, refused: Callable[[str], None] = lambda _err: None) -> None:
        self._desk = desk
        self._refused = refused
        self._waiting = 0

    async def poll(self, name: str, stream_id: str, asked: Json) -> Json:
        """Take what is acknowledged away, and give what waits; where nothing does, wait for it."""
        question = Question(asked)
        answer = await run_in_threadpool(self._acknowledged, name, stream_id, question)
        looks = iter(LOOK_SECONDS)
        left, pause = self._desk.transmitter.poll_wait_s, 0.0
        if answer["sets"] or question.at_once or self._waiting >= WAITERS:
            return answer
        self._waiting += 1
        try:
            while not answer["sets"] and left > 0:
                pause = min(next(looks, LOOK_SECONDS[-1]), left)
                left -= pause
                await asyncio.sleep(pause)
                answer = await run_in_threadpool(self._given, name, stream_id, question.most)
        finally:
            self._waiting -= 1
        return answer

    def _acknowledged(self, name: str, stream_id: str, question: Question) -> Json:
        """Step one: what has arrived, or was refused, need not come again."""
        desk = self._desk
        desk.receiver(name)
        stream = desk.stream(name, stream_id)
        if stream.method != POLL:
            raise invalid("The stream is delivered by push.")
        ended = [*question.acks, *question.errors]
        if ended:
            desk.store.done(stream_id, ended, desk.clock())
        for error in question.errors.values():
            self._refused(_code(error))
        return self._given(name, stream_id, question.most)

    def _given(self, name: str, stream_id: str, most: int) -> Json:
        """Step two: what waits, unless the stream is paused; what is given is not given again for a while."""
        desk = self._desk
        if desk.stream(name, stream_id).status != "enabled":
            return {"sets": {}}
        lease_ms = round(desk.transmitter.poll_lease_s * 1000)
        items, more = desk.store.lend(stream_id, most, desk.clock(), lease_ms)
        return {"sets": {item.id: item.body.decode() for item in items}, **({"moreAvailable": True} if more else {})}


def _code(error: Mapping[str, object]) -> str:
    """The receiver's code, where it is one that we know; it becomes a metric's label."""
    err = error.get("err")
    return err if isinstance(err, str) and err in CODES else "other"


CODES = frozenset(
    {
        "invalid_request",
        "invalid_key",
        "invalid_issuer",
        "invalid_audience",
        "authentication_failed",
        "access_denied",
        "invalid_state",
    }
)
"""RFC 8935, section 2.4, and SSF's own."""
