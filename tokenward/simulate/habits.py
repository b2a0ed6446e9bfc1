"""Habits: what honest people do differently from one another, as a table.

Where the figures come from. Life of access tokens (in `simulation.APPLICATIONS`): Keycloak's default is 5 minutes;
Okta's and Google's are an hour, Microsoft Entra's 60 to 90 minutes, Auth0's 24 hours for an own API. The short one is
used for browsers because it is the hardest: it leaves the most events. Refresh tokens that are not used end: Entra's
after 90 days, a single-page application's after 24 hours; Okta's after 7 days by default; Auth0's after 15 days.
A NAT of a carrier (RFC 6598, RFC 6888) and an aircraft give many people one address. All shares, hours, sittings and
chances are assumed: plausible, and not fitted to anything that the detector is judged on.
"""

from enum import Enum, auto
from typing import Final, NamedTuple


class Where(Enum):
    """Where a habit takes people."""

    HOME = auto()
    COMMUTES = auto()
    ROAMS = auto()
    TUNNELS = auto()
    FLIES = auto()
    SHARED = auto()
    SERVER = auto()


class Habit(NamedTuple):
    """One habit. Hours are local, `sittings` a day, `minutes` the mean length of one."""

    name: str
    share: float
    applications: tuple[str, ...]
    where: Where = Where.HOME
    wakes: float = 7
    sleeps: float = 23.5
    sittings: float = 5
    minutes: float = 35
    #: Chance that a sitting ends with a logout.
    logout: float = 0.08
    #: Share that has signed in before the simulation begins.
    signed_in: float = 0.5
    #: Client of a second application of the same person, and the share of people who have one.
    companion: str | None = None
    companions: float = 0.0
    #: People of the habit who live at one address.
    household: int = 1
    #: Every sitting is somebody else's.
    visitors: bool = False
    #: Refreshes on the hour, day and night.
    cron: bool = False
    #: Chance after a sitting to be silent for 5 to 10 days; and to fly.
    slumber: float = 0.0
    journeys: float = 0.0

    @property
    def prefix(self) -> str:
        """The first two digits of the names of all subjects with the habit: labels need no line for each person."""
        return f"{next(n for n, habit in enumerate(HABITS) if habit.name == self.name):02x}"

    @property
    def companionship(self) -> "Habit":
        """The habit of a person's second application: a server's subject is a person who sits at home in the day."""
        return HABITS[0]._replace(name=self.name) if self.cron else self

    def subject(self, name: str) -> str:
        """A subject with the habit."""
        return self.prefix + name[2:]


HABITS: Final = (
    Habit("ordinary", 0.30, ("shop", "mail"), companion="bank", companions=0.3),
    Habit("commuter", 0.18, ("mail", "bank"), Where.COMMUTES, wakes=6.5, companion="bank", companions=0.3),
    Habit(
        "roamer", 0.15, ("bank",), Where.ROAMS, sittings=12, minutes=8, logout=0.01, companion="mail", companions=0.2
    ),
    Habit("vpn", 0.08, ("shop", "mail"), Where.TUNNELS, companion="bank", companions=0.3),
    Habit("flyer", 0.04, ("mail", "bank"), Where.FLIES, journeys=0.05),
    Habit("household", 0.08, ("shop", "mail", "bank"), household=4),
    Habit("cgnat", 0.08, ("mail", "bank"), Where.SHARED, sittings=8, minutes=15),
    Habit(
        "kiosk",
        0.01,
        ("shop", "mail"),
        wakes=9,
        sleeps=20,
        sittings=40,
        minutes=6,
        logout=0.9,
        signed_in=0,
        visitors=True,
    ),
    Habit(
        "batch",
        0.04,
        ("sync",),
        Where.SERVER,
        wakes=0,
        sleeps=24,
        minutes=1,
        logout=0,
        cron=True,
        companion="mail",
        companions=0.5,
    ),
    Habit("sleeper", 0.04, ("bank",), sittings=6, minutes=10, logout=0, signed_in=0.9, slumber=0.3),
)
"""The shares are of people and add up to one."""


def habit_of(sub: str | None) -> str:
    """The name of a subject's habit in a simulation with habits; "nobody" where an event names no subject."""
    return HABITS[int(sub[:2], 16)].name if sub else "nobody"
