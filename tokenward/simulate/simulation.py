"""The simulation: what happens, in the order of time, from a seed; memory grows with the people, not with the time.

A person costs less than 1,500 bytes (a test measures it), whatever has happened to the person: a session's tokens are
derived from its number, and what has ended is forgotten.
"""

import heapq
from collections.abc import Iterator, Sequence
from itertools import count
from random import Random
from typing import Final, NamedTuple

from ingest.formats.event import RefreshEvent
from tokenward.simulate import stuffing
from tokenward.simulate.crowd import crowd
from tokenward.simulate.people import Act, Person
from tokenward.simulate.provider import DAY, Application, Provider
from tokenward.simulate.storms import Storm, StormLabel, brew
from tokenward.simulate.thefts import Kind, Theft, plan

KEYCLOAK_ISS: Final = "https://idp.example/realms/acme"
OTHER_ISS: Final = "https://login.example/"
_KEYCLOAK_REALM: Final = "3d9b6a0e-4f1c-4c5e-9d51-0a4c1f6b7a10"
_OTHER_REALM: Final = "9b7e2f54-1d0a-4b7e-8c55-6f2f0c1f3a22"

APPLICATIONS: Final = (
    Application("shop", KEYCLOAK_ISS, _KEYCLOAK_REALM, ttl_s=300, share=0.40),
    Application("portal", KEYCLOAK_ISS, _KEYCLOAK_REALM, ttl_s=600, share=0.15, kind="server"),
    Application("mail", OTHER_ISS, _OTHER_REALM, ttl_s=300, share=0.20, leeway_ms=10_000, counters=True, idle_ms=DAY),
    Application(
        "bank",
        OTHER_ISS,
        _OTHER_REALM,
        ttl_s=900,
        share=0.25,
        leeway_ms=30_000,
        counters=True,
        devices=True,
        user_agent="bank-app/7.3 (Android 16)",
        kind="mobile",
    ),
    Application(
        "sync",
        OTHER_ISS,
        _OTHER_REALM,
        ttl_s=3600,
        share=0,
        leeway_ms=10_000,
        counters=True,
        user_agent="Java-http-client/21",
        kind="server",
    ),
)
"""Two providers, one that treats tokens as Keycloak does, one that counts them and forgives a lost answer.

`sync` is only used by people with habits: a server that acts for people who have a browser at the same provider too.
"""

WARM_UP_MS: Final = 300_000
"""Plain people sign in during the first five minutes."""


class Happening(NamedTuple):
    """One event, and the attack that it belongs to."""

    event: RefreshEvent
    theft: Theft | None


class Simulation:
    """`sessions` people who begin at `start` (epoch milliseconds), and attacks: (kind, when each can be known)."""

    def __init__(
        self,
        *,
        seed: int,
        sessions: int,
        start: int,
        thefts: Sequence[tuple[Kind, int]] = (),
        storms: Sequence[tuple[Storm, int]] = (),
        habits: bool = False,
    ) -> None:
        self.rng = Random(seed)  # noqa: S311 - a simulation repeats itself; nothing secret comes of it
        self.provider = Provider(self.rng.getrandbits)
        self._order = count()
        self._queue: list[tuple[int, int, Act]] = []
        #: The attack of what happens right now; and the attacks whose families are still in use, by session.
        self._theft: Theft | None = None
        self._thefts: dict[str, Theft] = {}
        self.people: Sequence[Person] = crowd(self, APPLICATIONS, sessions, habits=habits)
        for person in self.people:
            person.begin(start + (0 if habits else self.rng.randrange(WARM_UP_MS)))
        for kind, at in thefts:
            self.attack(kind, at)
        self.storms: list[StormLabel] = [brew(self, kind, at, OTHER_ISS, attack=True) for kind, at in storms]

    def attack(self, kind: Kind, at: int) -> None:
        """Let an attack of that kind become knowable at `at`, or begin then where it is one on many sessions."""
        if kind in stuffing.CAMPAIGNS:
            stuffing.begin(self, kind, at, APPLICATIONS)
        else:
            plan(self, kind, at)

    def until(self, end: int) -> Iterator[Happening]:
        """What happens before `end`, in order; go on with a later end."""
        queue, thefts, mute = self._queue, self._thefts, self.provider.weather.mute
        while queue and queue[0][0] < end:
            at, _, act = heapq.heappop(queue)
            event = act(at)
            if event is None or event.iss in mute:  # a provider that is down keeps no record
                continue
            theft, self._theft = self._theft or thefts.get(event.sid or ""), None
            if theft is not None and event.id is not None:
                theft.events.append(event.id)
            yield Happening(event, theft)

    def next_at(self) -> int | None:
        """When something may happen next, epoch milliseconds; None: never again."""
        return self._queue[0][0] if self._queue else None

    def later(self, at: int, act: Act) -> None:
        """Let `act` happen at `at`."""
        heapq.heappush(self._queue, (at, next(self._order), act))

    def label(self, theft: Theft, sid: str | None = None) -> None:
        """What is happening belongs to this attack, and so does whatever else the session `sid` does."""
        self._theft = theft
        if sid is not None:
            self._thefts[sid] = theft
