"""Letters: what is told, how it lies in its queue until then, and what becomes of it where nobody takes it."""

from typing import Any, Literal

import msgspec

from ingest.sink import Message
from revocation.record import Scope
from revocation.ssf.events import jti_of
from revocation.ssf.store import Item, Store

DEAD_QUEUE = "dead-letters"
MOST_DEAD = 10_000


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """An identity provider that is told whose tokens are to end (Global Token Revocation)."""

    iss: str
    endpoint: str
    #: Entries of which scopes it is told. It ends all sessions of a person, so `family` is a widening.
    scopes: frozenset[Scope] = frozenset({Scope.SUBJECT})
    #: Auth0 still calls the member `subject`.
    member: Literal["sub_id", "subject"] = "sub_id"
    #: The file that holds the bearer credential, read at each call; none: a JWT that we sign.
    credential_file: str | None = None

    @property
    def queue(self) -> str:
        """Where what it is to be told waits."""
        return f"provider-{jti_of(self.iss)}"


class Dead(msgspec.Struct, frozen=True):
    """A letter that nobody took; its body stays sealed, as it names people."""

    queue: str
    id: str
    reason: str
    body: bytes


def bury(store: Store, queue: str, item: Item, reason: str, now: int) -> None:
    """Lay it to the dead letters, for `notify` to write to their topic; then it need not wait any longer."""
    dead = Dead(queue, item.id, reason, item.body)
    store.put(DEAD_QUEUE, Item(f"{queue}.{item.id}", now, msgspec.msgpack.encode(dead)), MOST_DEAD)
    store.done(queue, [item.id], now)


def buried(item: Item) -> Dead:
    """What lies in the queue of dead letters."""
    return msgspec.msgpack.decode(item.body, type=Dead)


def dead_message(topic: str, dead: Dead, sealed: bytes) -> Message:
    """The message for the topic of dead letters; the value is sealed with `notify.key`."""
    about = {
        "error": SENTENCES.get(dead.reason, "Who was to be told did not take it."),
        "reason": dead.reason,
        "topic": "ssf" if not dead.queue.startswith("provider-") else "gtr",
        "stream": dead.queue,
        "jti": dead.id,
    }
    headers = tuple((name, text.encode()) for name, text in about.items())
    return Message(topic, sealed, key=dead.id.encode(), headers=headers)


def task(identity_iss: str, sub: str) -> Any:
    """The subject that a provider is told of."""
    return {"format": "iss_sub", "iss": identity_iss, "sub": sub}


SENTENCES = {
    "expired": "It waited longer than `ssf.most_age_s`.",
    "full": "More waited than `ssf.most_waiting`; the oldest had to go.",
    "unknown_user": "The identity provider does not know the person.",
    "invalid_request": "The receiver could not read it.",
    "invalid_audience": "The receiver says that it is for somebody else.",
    "invalid_issuer": "The receiver does not take anything of this issuer.",
}
