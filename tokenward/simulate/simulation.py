"""The simulation: what happens, in the order of time, from a seed; memory grows with the people, not with the time."""

import heapq
from collections.abc import Iterator, Sequence
from itertools import count
from random import Random
from typing import NamedTuple

from ingest.formats.event import RefreshEvent
from tokenward.simulate.people import Act, Person
from tokenward.simulate.provider import Application, Provider
from tokenward.simulate.thefts import Kind, Theft, plan

KEYCLOAK_ISS = "https://idp.example/realms/acme"
OTHER_ISS = "https://login.example/"

APPLICATIONS = (
    Application("shop", KEYCLOAK_ISS, "3d9b6a0e-4f1c-4c5e-9d51-0a4c1f6b7a10", ttl_s=300, share=0.40),
    Application("portal", KEYCLOAK_ISS, "3d9b6a0e-4f1c-4c5e-9d51-0a4c1f6b7a10", ttl_s=600, share=0.15, kind="server"),
    Application("mail", OTHER_ISS, "9b7e2f54-1d0a-4b7e-8c55-6f2f0c1f3a22", 300, 0.20, leeway_ms=10_000, counters=True),
    Application(
        "bank",
        OTHER_ISS,
        "9b7e2f54-1d0a-4b7e-8c55-6f2f0c1f3a22",
        ttl_s=900,
        share=0.25,
        leeway_ms=30_000,
        counters=True,
        devices=True,
        user_agent="bank-app/7.3 (Android 16)",
        kind="mobile",
    ),
)
"""Two providers, one that treats tokens as Keycloak does, one that counts them and forgives a lost answer."""

WARM_UP_MS = 300_000
"""People sign in during the first five minutes."""


class Happening(NamedTuple):
    """One event, and the theft that it belongs to."""

    event: RefreshEvent
    theft: Theft | None


class Simulation:
    """`sessions` people who begin at `start` (epoch milliseconds), and thefts: (kind, when each can be known)."""

    def __init__(self, *, seed: int, sessions: int, start: int, thefts: Sequence[tuple[Kind, int]] = ()) -> None:
        self.rng = Random(seed)  # noqa: S311 - a simulation repeats itself; nothing secret comes of it
        self.provider = Provider(self.rng.getrandbits)
        self._order = count()
        self._queue: list[tuple[int, int, Act]] = []
        #: The thefts whose families are still in use, by the victim's session.
        self._thefts: dict[str, Theft] = {}
        weights = [application.share for application in APPLICATIONS]
        chosen = self.rng.choices(APPLICATIONS, weights, k=sessions)
        self.people = [Person(self, application, number) for number, application in enumerate(chosen)]
        for person in self.people:
            person.begin(start + self.rng.randrange(WARM_UP_MS))
        for kind, at in thefts:
            plan(self, kind, at)

    def until(self, end: int) -> Iterator[Happening]:
        """What happens before `end`, in order; go on with a later end."""
        while self._queue and self._queue[0][0] < end:
            at, _, act = heapq.heappop(self._queue)
            event = act(at)
            if event is None:
                continue
            theft = self._thefts.get(event.sid or "")
            if theft is not None and event.id is not None:
                theft.events.append(event.id)
            yield Happening(event, theft)

    def next_at(self) -> int | None:
        """When something may happen next, epoch milliseconds; None: never again."""
        return self._queue[0][0] if self._queue else None

    def later(self, at: int, act: Act) -> None:
        """Let `act` happen at `at`."""
        heapq.heappush(self._queue, (at, next(self._order), act))

    def label(self, theft: Theft) -> None:
        """What is happening belongs to this theft, and so does whatever else its session does."""
        self._thefts[theft.sid] = theft
