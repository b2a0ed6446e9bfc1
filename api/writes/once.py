"""Idempotency keys: the same request, sent again, is answered as the first time and done once.

What is kept of a request is a digest of its caller and key, a digest of what it asked, and the answer.
"""

import re
from collections.abc import Callable
from contextlib import suppress
from hashlib import blake2b

import msgspec

from api.problems import BAD_REQUEST, MEDIA_TYPE, Refused
from api.writes.problems import OTHER_PAYLOAD, RUNNING, spoken
from revocation.errors import RegistryUnavailable
from revocation.pending import Document, Pending

KIND = "once"
KEPT_MS = 24 * 3_600_000
"""How long an answer can be asked for again."""
RUNNING_MS = 60_000
"""After that a request without an answer is taken for one whose process has ended, and may be sent again."""
MOST = 100_000
"""Answers kept at once, of all callers; a kilobyte each at most."""
KEY = re.compile(r'"(?P<quoted>[ !#-\[\]-~]{1,255})"|(?P<bare>[!#-+\--:<-\[\]-~]{1,255})')
"""A string of RFC 8941 without escapes, or, as many send it, the bare text."""


class Answered(msgspec.Struct, frozen=True):
    """One answer, as it is sent."""

    status: int
    body: bytes
    headers: dict[str, str] = {}


class Kept(msgspec.Struct, frozen=True):
    """What is remembered under a key."""

    asked: bytes
    #: None: the request is still running.
    answer: Answered | None = None


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Kept)


class Once:
    """Does what is asked under a key at most once, whichever process is asked. `clock` gives epoch milliseconds."""

    def __init__(self, pending: Pending, clock: Callable[[], int]) -> None:
        self._pending = pending
        self._clock = clock

    def answer(self, by: str, key: str | None, asked: bytes, work: Callable[[], Answered]) -> Answered:
        """The answer of `work`, or the one that it gave before under this caller's key.

        Refusals of what was asked are answers; those of a service that was not there (5xx) are not kept.

        Raises:
            Refused: the key is none, was used for another request, or its request is still running.
        """
        if key is None:
            with spoken():
                return work()
        name, what = self._name(by, key), blake2b(asked, digest_size=16).digest()
        with spoken():
            document = self._pending.make(
                KIND, name, _encoder.encode(Kept(what)), self._clock() + RUNNING_MS, self._clock(), MOST
            )
        if document is None:
            return self._again(name, what)
        return self._first(document, what, work)

    def _first(self, document: Document, what: bytes, work: Callable[[], Answered]) -> Answered:
        answer: Answered | None = None
        try:
            with spoken():
                answer = work()
        except Refused as refused:
            if refused.problem.status < 500:  # noqa: PLR2004 - HTTP's own line
                problem = refused.problem
                headers = {**dict(problem.headers), "Content-Type": MEDIA_TYPE}
                answer = Answered(problem.status.value, problem.body(**refused.members), headers)
            raise
        finally:
            now = self._clock()
            # Without an answer the key is free again at once.
            ends_at = now if answer is None else now + KEPT_MS
            # What was done is answered all the same; sent again within a minute it is still running, later done again,
            # and no decision changes by being made twice.
            with suppress(RegistryUnavailable):
                self._pending.change(KIND, document, _encoder.encode(Kept(what, answer)), ends_at, now)
        return answer

    def _again(self, name: str, what: bytes) -> Answered:
        with spoken():
            document = self._pending.read(KIND, name, self._clock())
        kept = None if document is None else _decoder.decode(document.text)
        if kept is not None and kept.asked != what:
            raise Refused(OTHER_PAYLOAD)
        if kept is None or kept.answer is None:
            raise Refused(RUNNING)
        return kept.answer

    @staticmethod
    def _name(by: str, key: str) -> str:
        found = KEY.fullmatch(key.strip())
        if found is None:
            raise Refused(BAD_REQUEST, errors=[{"detail": "Not a valid value.", "parameter": "Idempotency-Key"}])
        text = found["quoted"] or found["bare"]
        return blake2b(f"{by}\0{text}".encode(), digest_size=16).hexdigest()
