"""Honest people: each has one application open, refreshes at its pace, and does what makes honest traffic look odd.

Several tabs that refresh at once, answers that get lost and are asked for again, a background tab after the logout, a
phone that roams, a journey to another city at the speed of an airliner, a server that refreshes for many. These plain
people never sleep; those with habits (`tokenward.simulate.days`) do. All chances here are assumed.
"""

from collections.abc import Callable
from random import Random
from typing import Final, Protocol

from ingest.formats.event import RefreshEvent
from tokenward.simulate.provider import HOUR, MINUTE, SECOND, Application, Provider, Requester, Session
from tokenward.simulate.world import CARRIER, CITIES, HOME, HOTEL, City, Spot, kilometres, roam, server_spot, spot

LOST_ANSWER: Final = 0.004
SECOND_TAB: Final = 0.006
LOGOUT: Final = 0.02
TAB_AFTER_LOGOUT: Final = 0.3
PAUSE: Final = 0.08
"""Chances at one refresh: an answer gets lost, a second tab asks too, the person leaves (and a tab stays), or rests."""

JOURNEYS_A_DAY: Final = 0.05
AIRLINER_KMH: Final = 750
AIRPORT_MS: Final = 150 * MINUTE
"""What a journey takes: the air at this speed, and the airports."""

ROAMS: Final = 0.35
"""Chance that a phone's refresh comes through the carrier, not through the network at home."""

LOOP_MS: Final = (1_500, 2_500)
"""The pace of a bad release."""
MOST_TRIES: Final = 4
"""A client that gets no answer waits twice as long each time, from five seconds up to 80 (RFC 9110 leaves it open)."""

Act = Callable[[int], RefreshEvent | None]


class Stage(Protocol):
    """What people need of the simulation."""

    rng: Random
    provider: Provider

    def later(self, at: int, act: Act) -> None:
        """Let `act` happen at `at`, epoch milliseconds."""
        ...


class Person:
    """One honest person with one application. `held` numbers the refresh token that it believes to be live."""

    __slots__ = (
        "_carrier", "_device", "_due", "_stage", "_tries", "application", "held", "home", "session", "sub", "updated",
        "victim",
    )  # fmt: skip

    habit = "plain"

    def __init__(self, stage: Stage, application: Application, number: int, sub: str) -> None:
        self.application = application
        self.sub = sub
        self.session: Session | None = None
        self.held = 0
        #: A theft of the session is under way: its owner stays.
        self.victim = False
        #: The application was updated to the bad release.
        self.updated = False
        self._stage = stage
        self._device = stage.provider.name() if application.devices else None
        self._tries = 0
        #: What is due next; an act that was put off is left in the queue and finds that it is not the one.
        self._due = 0
        self._carrier: Spot | None = None
        self._settle(stage.rng.choice(CITIES), number)

    def _settle(self, city: City, number: int) -> None:
        rng = self._stage.rng
        self.home = server_spot(number) if self.application.kind == "server" else spot(rng, city, HOME)
        self._carrier = spot(rng, city, CARRIER) if self.application.kind == "mobile" else None

    @property
    def city(self) -> City:
        """Where the person is."""
        return self.home.city

    @property
    def due(self) -> int:
        """When the application comes next, epoch milliseconds."""
        return self._due

    def who(self, place: Spot | None = None) -> Requester:
        """The person's device, at home or where it is."""
        agent = self._stage.provider.weather.released.get(self.application.client_id) if self.updated else None
        return Requester(place or self.home, self._device, agent or self.application.user_agent)

    def begin(self, at: int) -> None:
        """Sign in at `at`."""
        self.plan(at)

    def plan(self, at: int) -> None:
        """Refresh, or sign in, next at `at`, whatever was planned."""
        self._due = at
        self._stage.later(at, self._turn)

    def tokens(self) -> int:
        """How many tokens a thief could have collected so far."""
        return self.session.generation if self.session is not None and not self.session.ended else 0

    def is_settled(self, now: int) -> bool:
        """Whether nothing is under way: the application holds the live token and comes with it at its usual pace."""
        return self.holds_live() and now < self._due <= now + self.application.ttl_s * SECOND

    def holds_live(self) -> bool:
        """Whether the application has the token that works."""
        session = self.session
        return session is not None and not session.ended and self.held == session.generation

    def _turn(self, at: int) -> RefreshEvent | None:
        if at != self._due:
            return None
        return self._login(at) if self.session is None else self._refresh(self.session, at)

    def _login(self, at: int) -> RefreshEvent | None:
        provider = self._stage.provider
        if self.application.iss in provider.weather.mute:
            self._wait(at)
            return None
        self.session, event = provider.login(self.application, self.sub, at, self.who(self._where(at)))
        self.held = 1
        self._next(self.session, at)
        return event

    def _refresh(self, session: Session, at: int) -> RefreshEvent | None:
        provider, rng, token = self._stage.provider, self._stage.rng, self.held
        who = self.who(self._where(at))
        if not provider.weather.calm and self._is_foul(provider, rng):
            return self._try(session, at, who)
        event = provider.refresh(session, token, at, who)
        self._tries = 0
        if event.outcome == "refused":
            self._lose(at)
            return event
        fate = rng.random()
        if fate < LOST_ANSWER:
            self._due = at + rng.randrange(SECOND, 5 * SECOND)
            self._stage.later(self._due, lambda again: self._ask_again(session, again, who))
            return event
        self.held = session.generation
        if fate < LOST_ANSWER + SECOND_TAB and self.application.kind == "browser":
            self._stage.later(at + rng.randrange(3, 40), lambda then: provider.refresh(session, token, then, who))
        self._next(session, at)
        return event

    def _lose(self, at: int) -> None:
        """The session is gone: sign in again."""
        self.session, self.victim = None, False
        self.plan(at + self._stage.rng.randrange(20 * SECOND, 90 * SECOND))

    def _ask_again(self, session: Session, at: int, who: Requester) -> RefreshEvent:
        """The answer was lost: the same token once more, from the same place."""
        event = self._stage.provider.refresh(session, self.held, at, who)
        self.held = session.generation
        self.plan(at + self._pace())
        return event

    def _is_foul(self, provider: Provider, rng: Random) -> bool:
        weather, iss = provider.weather, self.application.iss
        overloaded = rng.random() < weather.overloaded.get(iss, 0)
        return overloaded or iss in weather.refusing or iss in weather.losing or iss in weather.mute

    def _try(self, session: Session, at: int, who: Requester) -> RefreshEvent | None:
        """Ask a provider that is not itself, and ask again later."""
        provider, iss = self._stage.provider, self.application.iss
        self._wait(at)
        if iss in provider.weather.mute:
            return None
        if iss in provider.weather.losing:
            event = provider.refresh(session, self.held, at, who)
            return event if event.outcome == "success" else self._refused_for_good(event, at)
        error = provider.weather.refusing.get(iss, "temporarily_unavailable")
        return provider.refuse(session, self.held, at, who, error)

    def _refused_for_good(self, event: RefreshEvent, at: int) -> RefreshEvent:
        self._lose(at)
        return event

    def _wait(self, at: int) -> None:
        pause = 5 * SECOND * 2**self._tries
        self._tries = min(self._tries + 1, MOST_TRIES)
        self.plan(at + round(pause * self._stage.rng.uniform(0.5, 1.5)))

    def _next(self, session: Session, at: int) -> None:
        """Decide what comes after an answer at `at`."""
        rng, pace = self._stage.rng, self._pace()
        fate = rng.random()
        journey = JOURNEYS_A_DAY * self.application.ttl_s / 86_400
        if self.victim or self.application.kind == "server" or session.generation == 1:
            self.plan(at + pace)
        elif fate < LOGOUT:
            self._leave(session, at + rng.randrange(self.application.ttl_s * SECOND))
        elif fate < LOGOUT + journey:
            self.plan(at + self._travel())
        elif fate < LOGOUT + journey + PAUSE:
            self.plan(at + pace + round(rng.expovariate(1 / (40 * MINUTE))))
        else:
            self.plan(at + pace)

    def _leave(self, session: Session, at: int) -> None:
        """Log out at `at`, perhaps with a forgotten tab, and come back some day."""
        self._due = 0
        held = self.held
        self._stage.later(at, lambda then: self._log_out(session, then))
        if self._stage.rng.random() < TAB_AFTER_LOGOUT:
            then, who = at + self._pace(), self.who(self._where(at))
            self._stage.later(then, lambda at: self._stage.provider.refresh(session, held, at, who))

    def _log_out(self, session: Session, at: int) -> RefreshEvent | None:
        if session.ended or self.victim:
            self.plan(at + self._pace())
            return None
        self.session = None
        self._come_back(at)
        return self._stage.provider.logout(session, at, self.who(self._where(at)))

    def _come_back(self, at: int) -> None:
        """Sign in again some time after `at`."""
        self.plan(at + round(self._stage.rng.expovariate(1 / (30 * MINUTE))) + MINUTE)

    def _where(self, at: int) -> Spot:
        """Where the person is at `at`."""
        del at
        if self._carrier is None or self._stage.rng.random() > ROAMS:
            return self.home
        self._carrier = roam(self._stage.rng, self._carrier)
        return self._carrier

    def _travel(self) -> int:
        """Move to another city; returns how long the person is silent, milliseconds."""
        rng = self._stage.rng
        old, city = self.home.city, rng.choice(CITIES)
        self.home = spot(rng, city, HOTEL)
        self._carrier = spot(rng, city, CARRIER) if self._carrier is not None else None
        return self._pace() + AIRPORT_MS + kilometres(old, city) * HOUR // AIRLINER_KMH

    def _pace(self) -> int:
        """Until the access token is about to end, milliseconds; a bad release does not wait for that."""
        if self.updated and self.application.client_id in self._stage.provider.weather.released:
            return self._stage.rng.randrange(*LOOP_MS)
        return round(self.application.ttl_s * SECOND * self._stage.rng.uniform(0.90, 0.99))
