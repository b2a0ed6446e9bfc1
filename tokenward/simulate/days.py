"""People with habits: their days have sittings and nights, and they are where their habit takes them.

A day begins and ends at hours of the person's own, local time; between them there are sittings, exponential in length
and distance. In a sitting the application refreshes at its pace; between sittings it is silent. So a session's day is
some 20 to 40 refreshes, as the five minutes of a Keycloak access token make it, not 288.
"""

from typing import Final

from tokenward.simulate.habits import Habit, Where
from tokenward.simulate.people import AIRLINER_KMH, AIRPORT_MS, Person, Stage
from tokenward.simulate.provider import DAY, HOUR, MINUTE, Application, Session
from tokenward.simulate.world import (
    CITIES,
    HOME,
    HOTEL,
    OFFICE,
    City,
    Spot,
    airborne,
    cellular,
    kilometres,
    server_spot,
    shared,
    spot,
    vpn_exit,
)

OPENING_WEEKDAY: Final = 3
"""The first of January 1970 was a Thursday."""
JITTER_H: Final = 1.5
"""People get up and go to bed this much earlier or later than their habit says, at most."""
CELLULAR: Final = 0.35
"""Share of a roamer's time on the carrier's network: assumed."""
TUNNEL: Final = 0.5
"""Share of the time that the VPN is on: assumed."""
STAY_MS: Final = 20 * MINUTE
"""How long a device keeps its address while its owner moves or switches, on average; a sitting begins anew: assumed."""
INFLIGHT: Final = 0.4
"""Share of flights on which the passenger is online: assumed."""


class Dweller(Person):
    """A person with a habit. `other` is the second place: the office, or the exit of the VPN."""

    __slots__ = ("_flight_ends", "_habit", "_leaves", "_place", "_until", "offset", "other")

    def __init__(self, stage: Stage, application: Application, number: int, sub: str, habit: Habit) -> None:
        self._habit = habit
        self.offset = 0
        self._until = 0
        self._leaves = 0
        self._place: Spot | None = None
        self._flight_ends = 0
        self.other: Spot | None = None
        super().__init__(stage, application, number, sub)

    @property
    def habit(self) -> str:  # type: ignore[override]  # plain people share one
        """The habit's name."""
        return self._habit.name

    def _settle(self, city: City, number: int) -> None:
        rng = self._stage.rng
        self.home = spot(rng, city, HOME)
        match self._habit.where:
            case Where.SHARED:
                self.home = shared(city, number)
            case Where.SERVER:
                self.home = server_spot(number % 8)
            case Where.COMMUTES:
                self.other = spot(rng, city, OFFICE)
            case Where.TUNNELS:
                self.other = vpn_exit(rng.randrange(8))
            case _:
                pass
        local = round(self.home.city.lon / 15) * HOUR
        self.offset = local - round(rng.uniform(-JITTER_H, JITTER_H) * HOUR)

    def live_with(self, other: "Dweller") -> None:
        """Share the address of somebody in the household."""
        self.home = other.home

    def carry(self, owner: "Dweller") -> None:
        """Be the second application of `owner`, where the owner is."""
        self.home, self.other, self.offset = owner.home, owner.other, owner.offset

    def begin(self, at: int) -> None:
        """Start at some sitting of the first day; a share has signed in long before."""
        rng, habit = self._stage.rng, self._habit
        first = self._awake(at + round(rng.uniform(0, 24 * HOUR / max(habit.sittings, 1))))
        if rng.random() < habit.signed_in:
            asleep = rng.uniform(1, 14 if habit.slumber else 0.6)
            self.session = self._stage.provider.open(self.application, self.sub, first - round(asleep * DAY))
            self.held = 1
            first = self._awake(at + round(rng.uniform(0, 3 * DAY))) if habit.slumber else first
        self._sit(first)

    def _sit(self, at: int) -> None:
        """Begin a sitting at `at`."""
        rng = self._stage.rng
        self._until = at + round(rng.expovariate(1 / (self._habit.minutes * MINUTE)))
        self._leaves = 0
        if self._habit.visitors:
            self.session = None
            self.sub = self._habit.subject(self._stage.provider.name())
        self.plan(at)

    def _next(self, session: Session, at: int) -> None:
        due = at + self._pace()
        if self.victim or due <= self._until:
            self.plan(due)
        elif self._habit.cron:
            self.plan((at // HOUR + 1) * HOUR + self._stage.rng.randrange(2 * MINUTE))
        elif self._stage.rng.random() < self._habit.logout:
            self._leave(session, max(at + 1, self._until))
        else:
            self._come_back(at)

    def _lose(self, at: int) -> None:
        super()._lose(at)
        self._until = max(self._until, at + 10 * MINUTE)

    def _come_back(self, at: int) -> None:
        self._sit(self._back(at))

    def _back(self, at: int) -> int:
        """The beginning of the next sitting after `at`."""
        rng, habit = self._stage.rng, self._habit
        if habit.slumber and rng.random() < habit.slumber:
            return self._awake(at + round(rng.uniform(5, 10) * DAY))
        if habit.journeys and rng.random() < habit.journeys:
            return self._fly(at)
        waking = (habit.sleeps - habit.wakes) * HOUR
        return self._awake(at + MINUTE + round(rng.expovariate(habit.sittings / waking)))

    def _awake(self, at: int) -> int:
        """`at`, or the next morning if that is night."""
        habit = self._habit
        into = (at + self.offset) % DAY
        early, late = habit.wakes * HOUR, habit.sleeps * HOUR
        if early <= into < late:
            return at
        return at + round(early - into) % DAY + round(self._stage.rng.expovariate(1 / (40 * MINUTE)))

    def _fly(self, at: int) -> int:
        """Fly to another city; returns when the next sitting begins: in the air, or at the hotel."""
        rng = self._stage.rng
        old, city = self.city, rng.choice(CITIES)
        flight = kilometres(old, city) * HOUR // AIRLINER_KMH
        leaves = at + AIRPORT_MS // 2
        self.home = spot(rng, city, HOTEL)
        if rng.random() < INFLIGHT and flight > HOUR:
            self.other = airborne(leaves // HOUR * 31 + CITIES.index(city))
            self._flight_ends = leaves + flight
            return leaves + rng.randrange(30 * MINUTE, flight)
        return leaves + flight + AIRPORT_MS // 2

    def _where(self, at: int) -> Spot:
        """Where the person is at `at`; an address is kept for some time, as devices keep theirs."""
        if at >= self._leaves or self._place is None:
            self._place = self._choose(at)
            self._leaves = at + round(self._stage.rng.expovariate(1 / STAY_MS))
        return self._place

    def _choose(self, at: int) -> Spot:
        rng, mobile = self._stage.rng, self.application.kind == "mobile"
        match self._habit.where:
            case Where.ROAMS if mobile and rng.random() < CELLULAR:
                return cellular(rng, self.city)
            case Where.COMMUTES:
                return self._on_the_way(at)
            case Where.TUNNELS if not mobile and self.other is not None and rng.random() < TUNNEL:
                return self.other
            case Where.FLIES if at < self._flight_ends and self.other is not None:
                return self.other
            case _:
                return self.home

    def _on_the_way(self, at: int) -> Spot:
        """At the office on weekdays from nine to half past five, on the road for 40 minutes around it."""
        local = at + self.offset
        into, weekday = local % DAY / HOUR, (local // DAY + OPENING_WEEKDAY) % 7
        if weekday >= 5 or not 8.33 <= into < 18.17 or self.other is None:  # noqa: PLR2004 - Saturday; and hours
            return self.home
        return self.other if 9 <= into < 17.5 else cellular(self._stage.rng, self.city)  # noqa: PLR2004 - hours
