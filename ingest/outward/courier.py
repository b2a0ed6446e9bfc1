"""Courier: takes what waits to push endpoints and identity providers, one after another, until they have it.

Each queue is taken by one process at a time, under a lease, and in its order: a later SET does not pass an earlier one.
What fails is tried again after a growing pause with jitter, or after what `Retry-After` says. Where nothing will pass,
the stream is held: it is paused, says why, and is looked at again every quarter of an hour.
A crash between an answer and its note sends one SET again, under the same `jti`.
"""

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import msgspec
from tenacity import RetryCallState, Retrying, wait_random_exponential

from ingest.outward.keys import SigningKeys
from ingest.outward.letters import Provider, bury
from ingest.outward.outcomes import Outcome, of_global_revocation, of_push
from ingest.outward.post import Answer, Poster, Unposted
from ingest.outward.teller import Teller
from ingest.report import NotifyReport
from revocation.errors import RegistryUnavailable
from revocation.ssf.events import jti_of
from revocation.ssf.receivers import Receiver
from revocation.ssf.store import Item, Store
from revocation.ssf.streams import PUSH, Stream

LOOK_SECONDS = 0.2
"""Between two looks at the queues."""
LEASE_MS = 60_000
"""Longer than one letter can take (`ingest.outward.post`); prolonged with each."""
AT_A_TIME = 100
THREADS = 8
HOLD_MS = 15 * 60_000
KEYS_MS = 60_000
"""Between two looks at the signing keys."""
GTR_TYPE = "global-token-revocation+jwt"
GTR_S = 300
BACKOFF = wait_random_exponential(multiplier=1, max=300)
"""Seconds: one at first, doubled up to five minutes, each with full jitter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One queue: where its letters go, with which headers, and what an answer means."""

    queue: str
    address: str
    headers: Mapping[str, str]
    read: Callable[[Answer], tuple[Outcome, str]]
    #: The stream; None: an identity provider.
    stream: Stream | None = None
    provider: Provider | None = None


class Courier:
    """Looks at all queues, again and again; `turn` is one look."""

    def __init__(
        self,
        *,
        store: Store,
        teller: Teller,
        keys: SigningKeys,
        poster: Poster,
        issuer: str,
        receivers: Mapping[str, Receiver],
        providers: Sequence[Provider],
        clock: Callable[[], int],
        owner: str,
        shown_ms: int,
        most_age_ms: int,
        on_report: Callable[[NotifyReport], None] = lambda _report: None,
    ) -> None:
        """Wire it.

        Args:
            store: where everything waits.
            teller: makes the SETs about streams themselves.
            keys: of the SETs, and of what identity providers are shown.
            poster: the way out.
            issuer: ours.
            receivers: those that the settings know; streams of others get nothing.
            providers: identity providers that are told.
            clock: epoch milliseconds.
            owner: this process, under whose name leases are held; a restart has the same.
            shown_ms: how long public keys are shown, unless they are shown again.
            most_age_ms: what waits for longer becomes a dead letter.
            on_report: told of each look.
        """
        self._store = store
        self._teller = teller
        self._keys = keys
        self._poster = poster
        self._issuer = issuer
        self._receivers = receivers
        self._providers = providers
        self._clock = clock
        self._owner = owner
        self._shown_ms = shown_ms
        self._most_age_ms = most_age_ms
        self._on_report = on_report
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="courier")
        self._lock = threading.Lock()
        self._busy: set[str] = set()
        #: How often a queue's first letter has failed, and when it is tried again, epoch milliseconds.
        self._failures: Counter[str] = Counter()
        self._later: dict[str, int] = {}
        #: Queues that wait because nothing passed, until their stream is no longer held.
        self._held: set[str] = set()
        self._keys_at = 0

    def run(self, stop: threading.Event) -> None:
        """Look until `stop` is set; letters under way are seen through."""
        try:
            while not stop.wait(LOOK_SECONDS):
                self.turn()
        finally:
            self._pool.shutdown(cancel_futures=True)

    def turn(self) -> None:
        """One look: keys, wishes, and whatever waits and is due."""
        try:
            self.show_keys()
            streams = self._store.streams()
            for stream in streams:
                self._teller.fulfil(stream, self._clock())
            routes = [*filter(None, map(self._of_stream, streams)), *map(self._of_provider, self._providers)]
            self._forget({route.queue for route in routes})
            waiting = sum(self._store.waiting(stream.id) for stream in streams)
            for route in routes:
                self._start(route)
        except RegistryUnavailable as error:
            self._on_report(NotifyReport(stalls={error.reason: 1}))
            return
        statuses = Counter(stream.status for stream in streams)
        told: dict[str, int] = {name: statuses[name] for name in ("enabled", "paused", "disabled")}
        self._on_report(NotifyReport(streams=told, waiting=waiting))

    def show_keys(self) -> None:
        """Make and show the keys that are due to be, unless that was done a moment ago."""
        now = self._clock()
        if now >= self._keys_at:
            self._store.publish(self._keys.turn(now), now, now + self._shown_ms)
            self._keys_at = now + KEYS_MS

    def _start(self, route: Route) -> None:
        with self._lock:
            if route.queue in self._held and route.stream is not None and not route.stream.held:
                self._held.discard(route.queue)  # its receiver says that it may go on
                self._later.pop(route.queue, None)
            due = self._later.get(route.queue, 0) <= self._clock()
            if route.queue in self._busy or not due or not self._store.waiting(route.queue):
                return
            self._busy.add(route.queue)
        self._pool.submit(self._take, route)

    def _take(self, route: Route) -> None:
        """See the queue through, as far as it goes."""
        try:
            for _ in range(AT_A_TIME):
                now = self._clock()
                if not self._store.hold(route.queue, self._owner, now, LEASE_MS):
                    return
                waiting = self._store.first(route.queue, 1)
                if not waiting or not self._deliver(route, waiting[0], now):
                    return
        except RegistryUnavailable as error:
            self._on_report(NotifyReport(stalls={error.reason: 1}))
        finally:
            with self._lock:
                self._busy.discard(route.queue)

    def _deliver(self, route: Route, item: Item, now: int) -> bool:
        """Take one letter there; whether the next may follow."""
        outcome: Outcome = "dead"
        why, after_s = "expired", 0
        if item.at + self._most_age_ms > now:
            outcome, why, after_s = self._sent(route, item)
        self._on_report(NotifyReport(deliveries={why: 1}))
        if outcome in {"retry", "hold"}:
            self._postpone(route, outcome, why, after_s)
            return False
        if outcome == "dead":
            bury(self._store, route.queue, item, why, now)
        self._store.done(route.queue, [item.id], now)
        with self._lock:
            self._failures.pop(route.queue, None)
            self._later.pop(route.queue, None)
            self._held.discard(route.queue)
        if route.stream is not None and route.stream.held and outcome == "done":
            self._change(route.stream.id, lambda stream: stream.resumed(jti_of(item.id)) if stream.held else None)
            return False  # the stream is another one now
        return True

    def _sent(self, route: Route, item: Item) -> tuple[Outcome, str, int]:
        try:
            headers = {**route.headers, **self._credential(route)}
            answer = self._poster.post(route.address, item.body, headers)
        except Unposted as error:
            return "retry", error.reason, 0
        outcome, why = route.read(answer)
        return outcome, why, answer.retry_after

    def _postpone(self, route: Route, outcome: Outcome, why: str, after_s: int) -> None:
        with self._lock:
            self._failures[route.queue] += 1
            state = RetryCallState(Retrying(), None, (), {})
            state.attempt_number = self._failures[route.queue]
            pause_ms = HOLD_MS if outcome == "hold" else max(round(BACKOFF(state) * 1000), after_s * 1000)
            self._later[route.queue] = self._clock() + pause_ms
            if outcome == "hold":
                self._held.add(route.queue)
        if outcome == "hold" and route.stream is not None and not route.stream.held:
            reason = f"The push endpoint lets nothing pass: {why}."
            self._change(
                route.stream.id,
                lambda stream: (
                    msgspec.structs.replace(stream, status="paused", reason=reason, held=True)
                    if stream.status == "enabled"
                    else None
                ),
            )

    def _change(self, stream_id: str, change: Callable[[Stream], Stream | None]) -> None:
        """Change the stream as it is now; where somebody else's change comes between, his stands."""
        stream = self._store.stream(stream_id)
        new = None if stream is None else change(stream)
        if new is not None:
            self._store.change(msgspec.structs.replace(new, version=new.version + 1))

    def _forget(self, queues: set[str]) -> None:
        with self._lock:
            self._held &= queues
            for gone in (self._failures.keys() | self._later.keys()) - queues:
                self._failures.pop(gone, None)
                self._later.pop(gone, None)

    def _of_stream(self, stream: Stream) -> Route | None:
        """The way of a stream that is pushed; none where it is polled, or nothing is to be sent."""
        sends = stream.status == "enabled" or stream.held
        if stream.method != PUSH or not sends or stream.receiver not in self._receivers:
            return None
        headers = {"content-type": "application/secevent+jwt", "accept": "application/json"}
        if stream.authorization:
            headers["authorization"] = stream.authorization
        return Route(queue=stream.id, address=stream.url, headers=headers, read=of_push, stream=stream)

    def _of_provider(self, provider: Provider) -> Route:
        headers = {"content-type": "application/json"}
        return Route(
            queue=provider.queue,
            address=provider.endpoint,
            headers=headers,
            read=of_global_revocation,
            provider=provider,
        )

    def _credential(self, route: Route) -> dict[str, str]:
        """What we show an identity provider: its file's content as it is now, or a JWT for this one call."""
        provider = route.provider
        if provider is None:
            return {}
        if provider.credential_file is not None:
            try:
                word = Path(provider.credential_file).read_text("utf-8").strip()
            except (OSError, ValueError):
                raise Unposted("no_credential") from None
        else:
            now = self._clock() // 1000
            claims = {"iss": self._issuer, "aud": provider.endpoint, "iat": now, "exp": now + GTR_S}
            word = self._keys.sign({**claims, "jti": jti_of(provider.queue, str(self._clock()))}, GTR_TYPE)
        return {"authorization": f"Bearer {word}"}
