"""`Replica`: what a gateway or a resource server asks about tokens. One background thread keeps it up to date."""

import asyncio
import re
import socket
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from os import getpid
from types import TracebackType
from typing import Self

import msgspec

from revocation.claims import Answer, Claims, claims_of
from revocation.record import Position
from revocation.replica import Replica as Core
from tokenward.client.clock import FeedClock
from tokenward.client.follower import FeedFollower
from tokenward.client.remote import RemoteFeed
from tokenward.client.wires import Tls, checked, readable

KEY_BYTES = range(16, 65)
WAIT_SECONDS = 25
"""How long a server is asked to wait for a change; proxies mostly give up on silent answers after 30 or 60 s."""
STOP_SECONDS = 5.0

_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Status(msgspec.Struct, frozen=True):
    """How a replica fares, for the metrics of the program that it is part of."""

    #: Whether it has taken over everything that the registry knew when it was first asked.
    ready: bool
    #: Whether it is not ready, or nothing was heard of the registry for longer than `max_staleness_s`.
    stale: bool
    #: Milliseconds since anything was heard of the registry; None: nothing ever was.
    age_ms: int | None
    #: How many entries it holds.
    entries: int
    #: Up to where it follows the registry; None before the first snapshot.
    position: str | None
    #: How often the registry had lost the past, so that another snapshot was taken.
    resyncs: int
    #: How many requests failed.
    failures: int
    #: What is wrong, in a sentence without addresses and secrets; None: nothing.
    trouble: str | None


class Replica:
    """A copy of the registry, followed from the first of `urls` that answers.

    `digest_key` is the registry's own, of 16 to 64 bytes. `name` is what the servers know this copy by, by default
    made of the host's name and the process id. `max_staleness_s` says how long after the last word of the registry it
    counts as stale; it answers all the same, and whoever asks decides what a stale answer is worth. `ca_file`,
    `cert_file` and `key_file` are PEM files for https; `headers` are sent with each request.

    Use it as a context manager, by `with` or `async with`. After a fork, the child's first question starts a thread of
    the child's own; until that has caught up the child answers from what was known at the fork.

    Raises:
        ValueError: an argument cannot be meant so.
        OSError: one of the files cannot be read.
    """

    def __init__(
        self,
        urls: str | Sequence[str],
        digest_key: bytes | str,
        *,
        name: str | None = None,
        max_staleness_s: float = 60.0,
        ca_file: str | None = None,
        cert_file: str | None = None,
        key_file: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._urls = checked(urls)
        self._key = digest_key.encode() if isinstance(digest_key, str) else bytes(digest_key)
        if len(self._key) not in KEY_BYTES:
            raise ValueError("A digest key has 16 to 64 bytes.")
        if name is not None and not _NAME.fullmatch(name):
            raise ValueError("A replica's name is 1 to 64 letters, digits, dots, hyphens and underscores.")
        if not max_staleness_s >= 1:
            raise ValueError("max_staleness_s is a number of seconds, 1 or more.")
        self._name = name
        self._max_staleness_ms = max_staleness_s * 1000
        # A copy that counts as stale after five seconds must not wait for 25 to hear that nothing has changed.
        self._wait = round(min(WAIT_SECONDS, max_staleness_s / 2), 3)
        readable(ca_file, cert_file, key_file)
        self._tls = Tls(ca_file, cert_file, key_file)
        self._headers = dict(headers or {})
        self._clock = FeedClock()
        #: The process that it was started in, and not stopped since.
        self._started_in: int | None = None
        #: The follower of each process: one, but in the moment after a fork.
        self._followers = {getpid(): self._follower(Core(self._key))}

    def check(self, claims: Claims | Mapping[str, object], *, kid: str | None = None, ip: str | None = None) -> Answer:
        """What to do with a token; never waits.

        `claims` may be the payload of a JWT; then `kid` is that of its header, and `ip` the address that the request
        comes from, where entries may be about those. Whether the token is genuine is for the caller to find out.
        """
        if not isinstance(claims, Claims):
            claims = claims_of(claims, kid, ip)
        return self._current.core.check(claims, self._clock.now)

    @property
    def ready(self) -> bool:
        """Whether it has taken over all that the registry knew; it stays so when the registry is gone."""
        return self._current.ready

    @property
    def age_ms(self) -> int | None:
        """For how many milliseconds nothing was heard of the registry; None: nothing ever was."""
        return self._clock.age

    @property
    def stale(self) -> bool:
        """Whether it is not ready, or older than `max_staleness_s`: what it lets pass may be refused elsewhere."""
        age = self._clock.age
        return age is None or age > self._max_staleness_ms or not self._current.ready

    @property
    def position(self) -> Position | None:
        """Up to where it follows the registry; None before the first snapshot."""
        return self._current.core.position

    @property
    def now(self) -> int:
        """The registry's time, epoch milliseconds; before it was heard of, this machine's."""
        return self._clock.now

    @property
    def status(self) -> Status:
        """All of it at once."""
        current, position = self._current, self.position
        return Status(
            ready=self.ready,
            stale=self.stale,
            age_ms=self.age_ms,
            entries=len(current.core),
            position=None if position is None else str(position),
            resyncs=current.resyncs,
            failures=current.failures,
            trouble=current.trouble,
        )

    def start(self) -> None:
        """Start to follow; after a `stop`, again, from what was known.

        Raises:
            RuntimeError: it follows already.
        """
        if self._started_in == getpid():
            raise RuntimeError("The replica follows already.")
        # Not a forked one's inherited start, which would start a second thread.
        self._started_in = None
        follower = self._follower(self._current.core)
        self._followers[getpid()] = follower
        self._started_in = getpid()
        follower.start()

    def stop(self) -> None:
        """Follow no longer: soon, even when a server is being waited for. What is known is still answered."""
        if self._started_in is not None:
            self._current.stop(STOP_SECONDS)
            self._started_in = None

    def wait_ready(self, seconds: float) -> bool:
        """Wait until it is ready, at most so long; say whether it is."""
        return self._current.wait_ready(seconds)

    async def until_ready(self, seconds: float) -> bool:
        """As `wait_ready`, while the event loop does other things."""
        return await asyncio.to_thread(self.wait_ready, seconds)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.stop)

    def __repr__(self) -> str:
        return f"<Replica ready={self.ready} stale={self.stale}>"

    @property
    def _current(self) -> FeedFollower:
        """This process's follower."""
        return self._followers.get(getpid()) or self._adopted()

    def _adopted(self) -> FeedFollower:
        """A follower for a process that was forked: threads are not. Of several threads that come here one prevails."""
        parents = list(self._followers.values())[-1]
        mine = self._follower(parents.core, ready=parents.ready)
        if self._followers.setdefault(getpid(), mine) is mine:
            parents.abandon()
            if self._started_in is not None:
                self._started_in = getpid()
                mine.start()
        return self._followers[getpid()]

    def _follower(self, known: Core, *, ready: bool = False) -> FeedFollower:
        name = self._name or _default_name()

        def feed(pause: Callable[[float], object]) -> RemoteFeed:
            return RemoteFeed(self._urls, name, self._tls, self._headers, pause)

        return FeedFollower(feed, self._clock, partial(Core, self._key), known, self._wait, ready=ready)


def _default_name() -> str:
    """Tells the processes of a host apart."""
    host = re.sub(r"[^A-Za-z0-9._-]", "-", socket.gethostname())
    return f"{host[:50]}-{getpid()}"
