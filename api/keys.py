"""The keys of one issuer, kept up to date so that a rollover neither stalls nor stampedes.

One task fetches; nobody else does. It comes round every `jwks_refresh_s`, so a key that is published ahead is known
before it signs. A key that is not known makes it come at once, but never sooner than `jwks_least_s` after it began the
last time, whatever keys are asked for and by how many. Requests do not fetch, they wait for it:

    unknown key ──► wait until a fetch that began after the request came ends ──► there: go on; not there: refused

A fetch that was under way when the request came does not decide against it, as the key may be younger. So a flood of
invented keys costs the issuer one fetch each `jwks_least_s`, and delays an honest token of a new key by no more than
that and one fetch. What was not found is remembered for a moment, but only against tokens that say they were issued
before the fetch began: a key that an attacker guesses before it is published stays open to the tokens it will sign.

When the issuer does not answer, the keys stay as they are, and the task tries again, later and later; keys that could
not be confirmed for `jwks_most_age_s` are given up. A key that is gone from the set is dead at once, and with it the
tokens that were verified by it.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from api.jwks import WHOLE_SECONDS, Fetcher, Key, Unfetched, keys_of
from api.trust import TrustedIssuer

log = logging.getLogger(__name__)

MOST_WAITING = 4096
"""Requests that may wait for keys of one issuer; as many as a server has connections by default."""
MOST_MISSING = 1000
MISSING_SECONDS = 10.0
"""How long a key that was not found is not asked for again."""
LONGEST_PAUSE = 60.0
"""Seconds between attempts while an issuer does not answer."""


class NoKey(Exception):  # noqa: N818 - named after what happened
    """No key verifies the token; `reason` is the metric's label.

    With `may_come` that is not known for sure, as the issuer's keys cannot be had: another token would not help.
    """

    def __init__(self, reason: str, *, may_come: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.may_come = may_come


class KeySet:
    """The keys of one issuer, which no other issuer's tokens are ever verified by. Everything on one event loop.

    `clock` gives epoch milliseconds; intervals are measured by the loop's own clock.
    """

    def __init__(self, issuer: TrustedIssuer, clock: Callable[[], int]) -> None:
        self.issuer = issuer
        #: Fetches by outcome: `ok`, or why not. Outcomes are few words of ours.
        self.fetches: dict[str, int] = {}
        #: When the keys were last confirmed, epoch milliseconds; 0: never.
        self.fetched_at = 0
        self._clock = clock
        self._fetcher = None if issuer.jwks_uri is None else Fetcher(issuer)
        #: By name and algorithm; keys without a name stand apart. Each is live.
        self._named: dict[tuple[str, str], Key] = {}
        self._nameless: list[Key] = []
        #: What was not found -> when that fetch began, epoch milliseconds, and until when it counts, loop's time.
        self._missing: dict[tuple[str | None, str], tuple[int, float]] = {}
        #: How many fetches have begun; the number of the last that brought a key set, and when it began.
        self._begun = 0
        self._decided = 0
        self._decided_at = 0
        #: How many failed since.
        self._streak = 0
        #: Loop's time before which none begins, at which one begins though nobody waits, and when keys are given up.
        self._allowed_at = 0.0
        self._due_at = 0.0
        self._given_up_at = 0.0
        #: Whether one is under way.
        self._busy = False
        #: Set while somebody waits for one.
        self._wanted = asyncio.Event()
        #: Done when the one under way ends, else the next.
        self._ended: asyncio.Future[None]
        self._waiting = 0
        self._task: asyncio.Task[None] | None = None
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="jwks")

    @property
    def keys(self) -> list[Key]:
        """The live keys."""
        return [*self._named.values(), *self._nameless]

    def start(self) -> None:
        """Begin to keep the keys up to date, on the running loop; returns at once."""
        if self._fetcher is not None:
            loop = asyncio.get_running_loop()
            self._ended = loop.create_future()
            self._task = loop.create_task(self._keep(self._fetcher))

    async def stop(self) -> None:
        """End; a fetch under way is broken off."""
        if self._fetcher is not None:
            self._fetcher.abort()
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def find(self, kid: str | None, alg: str, issued_at: float | None) -> Key:
        """The key of that name for that algorithm; waits for a fetch where it is not known.

        `issued_at` is what the token says, epoch milliseconds; it decides nothing but how patient we are.

        Raises:
            NoKey: there is none, it is not clear which, or nobody can tell now.
        """
        key = self._known(kid, alg)
        if key is not None:
            return key
        if self._task is None:
            raise NoKey("keys_unavailable", may_come=True)
        if self._is_missing(kid, alg, issued_at):
            raise NoKey("key_unknown")
        if self._waiting >= MOST_WAITING:
            raise NoKey("too_many_waiting", may_come=True)
        self._waiting += 1
        try:
            return await self._awaited(kid, alg)
        finally:
            self._waiting -= 1

    def _known(self, kid: str | None, alg: str) -> Key | None:
        """The key, or None: a fetch might bring it."""
        if kid is not None:
            key = self._named.get((kid, alg))
            if key is None and any(name == kid for name, _ in self._named):
                raise NoKey("algorithm")  # the key is there, and is for another: one key, one algorithm
            return key
        fitting = [key for key in self.keys if key.alg == alg]
        if len(fitting) > 1:
            raise NoKey("key_unnamed")
        return fitting[0] if fitting else None

    async def _awaited(self, kid: str | None, alg: str) -> Key:
        came_after = self._begun
        deadline = asyncio.get_running_loop().time() + self.issuer.jwks_wait_s
        while True:
            if not await self._one_ended(deadline):
                raise NoKey("keys_unavailable", may_come=True)
            key = self._known(kid, alg)
            if key is not None:
                return key
            if self._decided > came_after:
                self._miss(kid, alg)
                raise NoKey("key_unknown")

    async def _one_ended(self, deadline: float) -> bool:
        """Wait for the end of a fetch, the one under way or the next; says whether it came in time."""
        if not self._busy and self._allowed_at > deadline:
            return False
        self._wanted.set()
        with suppress(TimeoutError):
            async with asyncio.timeout_at(deadline):
                await asyncio.shield(self._ended)
                return True
        return False

    def _miss(self, kid: str | None, alg: str) -> None:
        while len(self._missing) >= MOST_MISSING:
            del self._missing[next(iter(self._missing))]
        self._missing[kid, alg] = self._decided_at, asyncio.get_running_loop().time() + MISSING_SECONDS

    def _is_missing(self, kid: str | None, alg: str, issued_at: float | None) -> bool:
        """Whether a fetch did not find it that began when the token, by its own word, was there already."""
        began, until = self._missing.get((kid, alg), (0, 0.0))
        if until <= asyncio.get_running_loop().time():
            self._missing.pop((kid, alg), None)
            return False
        return issued_at is not None and issued_at + self.issuer.leeway_s * 1000 < began

    async def _keep(self, fetcher: Fetcher) -> None:
        loop = asyncio.get_running_loop()
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(self._due_at):
                    await self._wanted.wait()
            await asyncio.sleep(max(0.0, self._allowed_at - loop.time()))
            self._begun += 1
            self._busy = True
            self._allowed_at = loop.time() + self.issuer.jwks_least_s
            outcome = await self._refresh(fetcher)
            self.fetches[outcome] = self.fetches.get(outcome, 0) + 1
            self._busy = False
            # Whoever still needs a fetch says so again.
            self._wanted.clear()
            self._ended.set_result(None)
            self._ended = loop.create_future()

    async def _refresh(self, fetcher: Fetcher) -> str:
        """One fetch; whatever goes wrong in it is its outcome, as nobody would start this task again."""
        began = self._clock()
        try:
            self._take(await self._fetched(fetcher), began)
        except Unfetched as failure:
            outcome = failure.outcome
        except Exception:
            log.exception("fetching keys failed", extra={"issuer": self.issuer.iss})
            outcome = "failed"
        else:
            if self._streak:
                log.info("keys are fetched again", extra={"issuer": self.issuer.iss})
            self._streak = 0
            return "ok"
        if not self._streak:
            log.warning("keys cannot be fetched", extra={"issuer": self.issuer.iss, "outcome": outcome})
        self._put_off()
        return outcome

    async def _fetched(self, fetcher: Fetcher) -> list[Key]:
        work = asyncio.get_running_loop().run_in_executor(
            self._threads, lambda: keys_of(fetcher.fetch(), self.issuer.algorithms)
        )
        try:
            async with asyncio.timeout(WHOLE_SECONDS):
                return await work
        except TimeoutError:
            fetcher.abort()
            raise Unfetched("timeout") from None

    def _take(self, keys: list[Key], began: int) -> None:
        """Let these be the keys; those that were there already stay the same objects, those that are gone are dead."""
        before = {(key.kid, key.alg, key.thumbprint): key for key in self.keys}
        now = [before.pop((key.kid, key.alg, key.thumbprint), key) for key in keys]
        for gone in before.values():
            gone.live = False
        self._named = {(key.kid, key.alg): key for key in now if key.kid is not None}
        self._nameless = [key for key in now if key.kid is None]
        self._decided, self._decided_at, self.fetched_at = self._begun, began, self._clock()
        time = asyncio.get_running_loop().time()
        self._due_at = time + self.issuer.jwks_refresh_s * random.uniform(0.9, 1.0)  # noqa: S311 - spreads processes
        self._given_up_at = time + self.issuer.jwks_most_age_s

    def _put_off(self) -> None:
        """After a failure: when to try again, and whether the keys are too old by now."""
        pause = min(LONGEST_PAUSE, self.issuer.jwks_least_s * 2.0 ** min(self._streak, 30))
        pause = max(pause, self.issuer.jwks_least_s) * random.uniform(1.0, 1.5)  # noqa: S311 - spreads processes
        self._streak += 1
        time = asyncio.get_running_loop().time()
        self._allowed_at = self._due_at = time + pause
        if time >= self._given_up_at:
            for key in self.keys:
                key.live = False
            self._named, self._nameless = {}, []
