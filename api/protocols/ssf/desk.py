"""Desk: what receivers ask of their streams, against the store. It blocks: routes call it in the thread pool."""

import secrets
from collections.abc import Callable
from http import HTTPStatus

import msgspec

from api.protocols.ssf import configuration
from api.protocols.ssf.transmitter import Transmitter
from api.protocols.ssf.wire import Unfit, absent, invalid
from revocation.ssf.receivers import Receiver
from revocation.ssf.store import Store
from revocation.ssf.streams import Stream, Wish
from revocation.ssf.subjects import Json, is_subject

ATTEMPTS = 8
"""How often a change is tried again that somebody else's came between."""
MOST_SUBJECTS = 1_000
MOST_WISHES = 8
LONGEST_STATE = 1024
SECOND_MS = 1000
STATUSES = ("enabled", "paused", "disabled")


class Desk:
    """Acts for one receiver at a time; a stream of another is as if it were not there."""

    def __init__(self, store: Store, transmitter: Transmitter, clock: Callable[[], int]) -> None:
        """`clock` is epoch milliseconds."""
        self.store = store
        self.transmitter = transmitter
        self.clock = clock

    def receiver(self, name: str) -> Receiver:
        """The receiver that a principal is.

        Raises:
            Unfit: it is none.
        """
        found = self.transmitter.receivers.get(name)
        if found is None:
            raise Unfit(HTTPStatus.FORBIDDEN, "access_denied", "No receiver of that name is configured.")
        return found

    def create(self, name: str, asked: Json) -> Json:
        """Open a stream (section 8.1.1.1)."""
        stream = configuration.created(asked, self.receiver(name))
        own = sum(1 for other in self.store.streams() if other.receiver == name)
        if own >= self.transmitter.streams_each or not self.store.add(stream):
            raise Unfit(HTTPStatus.CONFLICT, "conflict", "There are as many streams of yours as there may be.")
        return self._shown(stream)

    def read(self, name: str, stream_id: str | None) -> Json | list[Json]:
        """One stream, or all of the receiver's (section 8.1.1.2)."""
        self.receiver(name)
        if stream_id is not None:
            return self._shown(self.stream(name, stream_id))
        own = sorted((stream for stream in self.store.streams() if stream.receiver == name), key=lambda one: one.id)
        return [self._shown(stream) for stream in own]

    def patch(self, name: str, asked: Json) -> Json:
        """Change what is sent (section 8.1.1.3)."""
        receiver = self.receiver(name)
        change = lambda stream: configuration.patched(stream, asked, receiver, self.transmitter)  # noqa: E731
        return self._shown(self._change(name, configuration.stream_id_of(asked), change))

    def put(self, name: str, asked: Json) -> Json:
        """Replace the receiver's members (section 8.1.1.4)."""
        receiver = self.receiver(name)
        change = lambda stream: configuration.replaced(stream, asked, receiver, self.transmitter)  # noqa: E731
        return self._shown(self._change(name, configuration.stream_id_of(asked), change))

    def delete(self, name: str, stream_id: str | None) -> None:
        """Close a stream (section 8.1.1.5)."""
        self.receiver(name)
        if stream_id is None:
            raise invalid("stream_id must name the stream.")
        if not self.store.remove(self.stream(name, stream_id).id):
            raise absent()

    def status(self, name: str, stream_id: str | None) -> Json:
        """How a stream stands (section 8.1.2.1)."""
        self.receiver(name)
        if stream_id is None:
            raise invalid("stream_id must name the stream.")
        return _status(self.stream(name, stream_id))

    def set_status(self, name: str, asked: Json) -> Json:
        """Let it go on, pause or stop (section 8.1.2.2). What waits for a stream that is disabled is forgotten."""
        self.receiver(name)
        stream_id = configuration.stream_id_of(asked)
        status, reason = asked.get("status"), asked.get("reason")
        if status not in STATUSES or not (reason is None or (isinstance(reason, str) and len(reason) <= LONGEST_STATE)):
            raise invalid("status must be enabled, paused or disabled, and reason a text.")

        def change(stream: Stream) -> Stream:
            if stream.held and status == "enabled":
                stream = stream.resumed(secrets.token_hex(8))
            wishes = () if status == "disabled" else stream.wishes
            return msgspec.structs.replace(
                stream, status=status, reason=reason, held=False, wishes=wishes, version=stream.version + 1
            )

        stream = self._change(name, stream_id, change)
        if status == "disabled":
            self.store.clear(stream_id)
        return _status(stream)

    def subject(self, name: str, asked: Json, *, added: bool) -> None:
        """Put a subject into a stream, or take it out (section 8.1.3); whether we know it is not told (section 9.1)."""
        receiver = self.receiver(name)
        stream_id, subject = configuration.stream_id_of(asked), asked.get("subject")
        if not is_subject(subject) or not isinstance(asked.get("verified", True), bool):
            raise invalid("subject must be in a format of RFC 9493 or SSF, whole and without empty values.")
        listed = added is (receiver.default_subjects == "NONE")

        def change(stream: Stream) -> Stream:
            others = tuple(one for one in stream.subjects if one != subject)
            subjects = (*others, subject) if listed else others
            if len(subjects) > MOST_SUBJECTS:
                raise Unfit(HTTPStatus.TOO_MANY_REQUESTS, "too_many", "The stream has as many subjects as it may have.")
            return msgspec.structs.replace(stream, subjects=subjects, version=stream.version + 1)

        self._change(name, stream_id, change)

    def verify(self, name: str, asked: Json) -> None:
        """Ask for a verification event (section 8.1.4.2)."""
        self.receiver(name)
        stream_id, state = configuration.stream_id_of(asked), asked.get("state")
        if state is not None and not (isinstance(state, str) and len(state) <= LONGEST_STATE):
            raise invalid("state must be a text of at most 1,024 characters.")
        now, least = self.clock(), self.transmitter.min_verification_s

        def change(stream: Stream) -> Stream:
            if stream.status == "disabled":
                raise invalid("The stream is disabled: nothing is sent on it.")
            wait_ms = stream.verified_at + least * SECOND_MS - now if stream.verified_at else 0
            if wait_ms > 0 or len(stream.wishes) >= MOST_WISHES:
                seconds = str(max(-(-wait_ms // SECOND_MS), 1))
                raise Unfit(
                    HTTPStatus.TOO_MANY_REQUESTS,
                    "too_many",
                    "A verification was asked for less than min_verification_interval ago.",
                    **{"Retry-After": seconds},
                )
            wish = Wish(secrets.token_hex(8), "verification", state)
            return msgspec.structs.replace(
                stream, wishes=(*stream.wishes, wish), verified_at=now, version=stream.version + 1
            )

        self._change(name, stream_id, change)

    def stream(self, name: str, stream_id: str) -> Stream:
        """The receiver's stream of that id.

        Raises:
            Unfit: it has none.
        """
        found = self.store.stream(stream_id)
        if found is None or found.receiver != name:
            raise absent()
        return found

    def _change(self, name: str, stream_id: str, change: Callable[[Stream], Stream]) -> Stream:
        for _ in range(ATTEMPTS):
            new = change(self.stream(name, stream_id))
            if self.store.change(new):
                return new
        raise Unfit(HTTPStatus.SERVICE_UNAVAILABLE, "busy", "The stream is being changed; try again.")

    def _shown(self, stream: Stream) -> Json:
        return configuration.shown(stream, self.transmitter)


def _status(stream: Stream) -> Json:
    reason = {} if stream.reason is None else {"reason": stream.reason}
    return {"stream_id": stream.id, "status": stream.status, **reason}
