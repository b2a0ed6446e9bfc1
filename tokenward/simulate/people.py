"""Honest people: each has one application open, refreshes at its pace, and does what makes honest traffic look odd.

Several tabs that refresh at once, answers that get lost and are asked for again, a background tab after the logout, a
phone that roams, a journey to another city at the speed of an airliner, a server that refreshes for many.
"""

from collections.abc import Callable
from random import Random
from typing import Protocol

from ingest.formats.event import RefreshEvent
from tokenward.simulate.provider import Application, Provider, Requester, Session
from tokenward.simulate.world import CARRIER, CITIES, HOME, HOTEL, Spot, kilometres, roam, server_spot, spot

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE

LOST_ANSWER = 0.004
SECOND_TAB = 0.006
LOGOUT = 0.02
TAB_AFTER_LOGOUT = 0.3
PAUSE = 0.08
"""Chances at one refresh: an answer gets lost, a second tab asks too, the person leaves (and a tab stays), or rests."""

JOURNEYS_A_DAY = 0.05
AIRLINER_KMH = 750
AIRPORT_MS = 150 * MINUTE
"""What a journey takes: the air at this speed, and the airports."""

ROAMS = 0.35
"""Chance that a phone's refresh comes through the carrier, not through the network at home."""

Act = Callable[[int], RefreshEvent | None]


class Stage(Protocol):
    """What people need of the simulation."""

    rng: Random
    provider: Provider

    def later(self, at: int, act: Act) -> None:
        """Let `act` happen at `at`, epoch milliseconds."""
        ...


class Person:
    """One honest person. `held` is the refresh token that the application believes to be live."""

    def __init__(self, stage: Stage, application: Application, number: int) -> None:
        rng = stage.rng
        self.application = application
        self.sub = stage.provider.name()
        self.session: Session | None = None
        self.held = ""
        self.victim = False
        self._stage = stage
        city = rng.choice(CITIES)
        server = application.kind == "server"
        self.home = server_spot(number) if server else spot(rng, city, HOME)
        self._carrier = spot(rng, city, CARRIER) if application.kind == "mobile" else None
        self._device = stage.provider.name() if application.devices else None
        #: What is due next; an act that was put off is left in the queue and finds that it is not the one.
        self._due = 0

    @property
    def who(self) -> Requester:
        """Where the person is, at home."""
        return Requester(self.home, self._device, self.application.user_agent)

    def begin(self, at: int) -> None:
        """Sign in at `at`."""
        self._plan(at)

    def return_at(self, at: int) -> None:
        """Refresh next at `at`, whatever was planned."""
        self._plan(at)

    def tokens(self) -> int:
        """How many tokens a thief could have collected so far."""
        return len(self.session.tokens) if self.session is not None and not self.session.ended else 0

    def is_settled(self, now: int) -> bool:
        """Whether nothing is under way: the application holds the live token and comes with it at its usual pace."""
        session = self.session
        return session is not None and self.held == session.live and now < self._due <= now + self._longest_pace()

    def _plan(self, at: int) -> None:
        self._due = at
        self._stage.later(at, self._turn)

    def _turn(self, at: int) -> RefreshEvent | None:
        if at != self._due:
            return None
        return self._login(at) if self.session is None else self._refresh(self.session, at)

    def _login(self, at: int) -> RefreshEvent:
        self.session, event = self._stage.provider.login(self.application, self.sub, at, self.who)
        self.held = self.session.live
        self._plan(at + self._pace())
        return event

    def _refresh(self, session: Session, at: int) -> RefreshEvent:
        rng = self._stage.rng
        who = self.who._replace(spot=self._where())
        token = self.held
        event = self._stage.provider.refresh(session, token, at, who)
        fate = rng.random()
        if event.outcome == "refused":
            self.session, self.victim = None, False
            self._plan(at + rng.randrange(20 * SECOND, 90 * SECOND))
        elif fate < LOST_ANSWER:
            self._due = at + rng.randrange(SECOND, 5 * SECOND)
            self._stage.later(self._due, lambda again: self._ask_again(session, again, who))
        else:
            self.held = session.live
            if fate < LOST_ANSWER + SECOND_TAB and self.application.kind == "browser":
                self._stage.later(at + rng.randrange(3, 40), lambda then: self._tab(session, token, then, who))
            self._next(session, at)
        return event

    def _ask_again(self, session: Session, at: int, who: Requester) -> RefreshEvent:
        """The answer was lost: the same token once more, from the same place."""
        event = self._stage.provider.refresh(session, self.held, at, who)
        self.held = session.live
        self._plan(at + self._pace())
        return event

    def _tab(self, session: Session, token: str, at: int, who: Requester) -> RefreshEvent:
        return self._stage.provider.refresh(session, token, at, who)

    def _next(self, session: Session, at: int) -> None:
        rng = self._stage.rng
        fate = rng.random()
        journey = JOURNEYS_A_DAY * self.application.ttl_s / 86_400
        if self.victim or self.application.kind == "server":
            self._plan(at + self._pace())
        elif fate < LOGOUT:
            self._leave(session, at + rng.randrange(self.application.ttl_s * SECOND))
        elif fate < LOGOUT + journey:
            self._plan(at + self._travel())
        elif fate < LOGOUT + journey + PAUSE:
            self._plan(at + self._pace() + round(rng.expovariate(1 / (40 * MINUTE))))
        else:
            self._plan(at + self._pace())

    def _leave(self, session: Session, at: int) -> None:
        """Log out at `at`, perhaps with a forgotten tab, and come back some day."""
        self._due = 0
        held = self.held
        self._stage.later(at, lambda then: self._log_out(session, then))
        if self._stage.rng.random() < TAB_AFTER_LOGOUT:
            then = at + self._pace()
            self._stage.later(then, lambda at: self._stage.provider.refresh(session, held, at, self.who))

    def _log_out(self, session: Session, at: int) -> RefreshEvent | None:
        if session.ended or self.victim:
            self._plan(at + self._pace())
            return None
        self.session = None
        self._plan(at + round(self._stage.rng.expovariate(1 / (30 * MINUTE))) + MINUTE)
        return self._stage.provider.logout(session, at, self.who)

    def _where(self) -> Spot:
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

    def _longest_pace(self) -> int:
        return self.application.ttl_s * SECOND

    def _pace(self) -> int:
        """Until the access token is about to end, milliseconds."""
        return round(self._longest_pace() * self._stage.rng.uniform(0.90, 0.99))
