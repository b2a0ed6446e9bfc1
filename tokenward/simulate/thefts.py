"""The thefts: who was robbed, when it can be known, and what must come of it. Each leaves its ground truth behind.

`ATTACKS` says of every kind what happens and who could know; here are the thefts of one session each. Attacks on many
sessions at once are in `tokenward.simulate.stuffing`.
"""

from collections.abc import Callable, Sequence
from random import Random
from typing import Final, Literal, NamedTuple, Protocol, get_args

import msgspec

from ingest.formats.event import RefreshEvent
from tokenward.simulate.people import Act, Person
from tokenward.simulate.provider import DAY, HOUR, MINUTE, SECOND, Provider, Requester, Session
from tokenward.simulate.world import HOME, Spot, far_spot, near_spot, spot

Kind = Literal[
    "replayed_grandparent",
    "thief_first",
    "impossible_travel",
    "refresh_burst",
    "slow_replay",
    "same_city",
    "night_theft",
    "slow_stuffing",
    "stuffing_address",
    "stuffing_network",
    "botnet",
]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
CLASSIC: Final[tuple[Kind, ...]] = KINDS[:4]
"""What is simulated unless asked otherwise, and what the demonstration shows."""

Expect = Literal["alert", "quarantine", "revoke"]

THIEF_LEAD_MS: Final = 2 * MINUTE
"""How long before the owner the thief uses the token: longer than any leeway, shorter than any pace."""
BURST: Final = 150
BURST_PACE_MS: Final = (20, 60)
LEAST_TOKENS: Final = 4
"""A victim's family has rotated at least three times, so that there is a grandparent, and a place it is known from."""
TRIES: Final = 400
PATIENCE_MS: Final = 30 * SECOND
"""Where nobody can be robbed yet, the thief looks again after this."""
NIGHT_MS: Final = 4 * HOUR
"""Who does not come back for so long sleeps."""
SCRIPT: Final = "python-requests/2.32"
PLAIN_BROWSER: Final = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/138.0"


class Theft(msgspec.Struct, kw_only=True):
    """Ground truth of one attack. Times are epoch milliseconds; `events` are the ids of what thief and victim left."""

    kind: Kind
    #: The first moment at which it could be known.
    at: int
    iss: str
    #: Whose session it was; empty where many were attacked.
    sub: str
    sid: str
    client_id: str
    #: The least that must be decided about the family, or about what contains it.
    expect: Expect
    #: What telemetry must say for it to be known at that moment; without it, only the owner's return tells.
    needs: Literal["position"] | None = None
    #: A sentence for people.
    story: str
    #: The access token that a gateway must refuse, and its times in seconds.
    access_jti: str = ""
    iat: int = 0
    auth_time: int = 0
    events: list[str] = msgspec.field(default_factory=list)
    #: Sessions of which a used-up or live token was presented, where many were attacked.
    sids: list[str] = msgspec.field(default_factory=list)


class Stage(Protocol):
    """What thieves need of the simulation."""

    rng: Random
    provider: Provider
    people: Sequence[Person]

    def later(self, at: int, act: Act) -> None:
        """Let `act` happen at `at`."""
        ...

    def label(self, theft: Theft, sid: str | None = None) -> None:
        """Note the ground truth: what happens now belongs to it, and so does what the session `sid` will do."""
        ...


class Heist(NamedTuple):
    """A theft in progress: at `at` the thief strikes; at `decisive` it is known where nothing else says so."""

    stage: Stage
    victim: Person
    session: Session
    at: int
    decisive: int

    @property
    def home(self) -> str:
        """The victim's city."""
        return self.victim.city.name

    def present(self, theft: Theft, who: Requester, at: int, back: int = 0) -> RefreshEvent:
        """Present the live token, or the one so many rotations back."""
        self.stage.label(theft, self.session.sid)
        return self.stage.provider.refresh(self.session, self.session.generation - back, at, who)

    def theft(self, kind: Kind, expect: Expect, story: str, at: int | None = None) -> Theft:
        """The ground truth."""
        session = self.session
        return Theft(
            kind=kind,
            at=self.decisive if at is None else at,
            iss=session.application.iss,
            sub=self.victim.sub,
            sid=session.sid,
            client_id=session.application.client_id,
            expect=expect,
            story=story,
            access_jti=session.access(),
            iat=session.rotated_at // 1000,
            auth_time=session.login_at // 1000,
        )


Fits = Callable[[Person], bool]
"""Whether somebody is worth robbing."""


def _browses(person: Person) -> bool:
    return person.application.kind == "browser"


def _is_counted(person: Person) -> bool:
    return _browses(person) and person.application.counters


def _is_not_counted(person: Person) -> bool:
    return _browses(person) and not person.application.counters


class Plot(NamedTuple):
    """How a kind of theft of one session is done."""

    strike: Callable[[Heist], RefreshEvent]
    #: Whose: by whether the provider counts tokens.
    fits: Fits = _browses
    #: The victim is active, and its application is at its pace; else it is asleep.
    awake: bool = True
    #: How long before the moment of truth the thief strikes.
    lead_ms: int = 0
    patience_ms: int = PATIENCE_MS


def plan(stage: Stage, kind: Kind, at: int, fits: Fits | None = None) -> None:
    """Let a theft of that kind become knowable at `at`, or as soon afterwards as somebody who `fits` can be robbed."""
    plot = PLOTS[kind]
    fits = fits or plot.fits
    stage.later(at - plot.lead_ms, lambda then: _strike(stage, kind, then, fits))


def _strike(stage: Stage, kind: Kind, then: int, fits: Fits) -> RefreshEvent | None:
    plot = PLOTS[kind]
    decisive = then + plot.lead_ms
    victim = _victim(stage, plot, then, fits)
    if victim is None or victim.session is None:
        plan(stage, kind, decisive + plot.patience_ms, fits)
        return None
    victim.victim = True
    return plot.strike(Heist(stage, victim, victim.session, then, decisive))


def _victim(stage: Stage, plot: Plot, then: int, fits: Fits) -> Person | None:
    """Somebody whose session can be stolen by that kind of theft."""
    for _ in range(TRIES):
        person = stage.rng.choice(stage.people)
        ready = person.is_settled(then) if plot.awake else _sleeps(person, then)
        if ready and fits(person) and not person.victim and person.tokens() >= LEAST_TOKENS:
            return person
    return None


def _sleeps(person: Person, then: int) -> bool:
    rests = then + NIGHT_MS < person.due < then + DAY // 2
    return rests and person.holds_live()


def _grandparent(heist: Heist) -> RefreshEvent:
    thief = _thief(far_spot(heist.stage.rng))
    story = f"A token used up long ago is presented from {thief.spot.city.name}; the owner is in {heist.home}."
    return heist.present(heist.theft("replayed_grandparent", "revoke", story), thief, heist.at, back=2)


def _slow_replay(heist: Heist) -> RefreshEvent:
    thief = _thief(near_spot(heist.stage.rng, heist.victim.city), PLAIN_BROWSER)
    story = f"Once a day a used-up token is presented in {heist.home}, where its owner lives."
    return heist.present(heist.theft("slow_replay", "revoke", story), thief, heist.at, back=2)


def _thief_first(heist: Heist) -> RefreshEvent:
    thief = _thief(near_spot(heist.stage.rng, heist.victim.city))
    story = f"A thief in {heist.home} used the live token two minutes ago; now its owner comes with it."
    heist.victim.plan(heist.decisive)
    return heist.present(heist.theft("thief_first", "revoke", story), thief, heist.at)


def _same_city(heist: Heist) -> RefreshEvent:
    victim = heist.victim
    place = spot(heist.stage.rng, victim.city, HOME)._replace(asn=victim.home.asn)
    story = f"A customer of the same provider in {heist.home} uses the live token; later its owner comes with it."
    victim.plan(heist.at + victim.application.ttl_s * SECOND)
    theft = heist.theft("same_city", "revoke", story, at=victim.due)
    return heist.present(theft, _thief(place, PLAIN_BROWSER), heist.at)


def _night_theft(heist: Heist) -> RefreshEvent:
    """Refreshes at the natural pace while the owner sleeps, and stops before the owner returns."""
    victim = heist.victim
    thief = _thief(spot(heist.stage.rng, victim.city, HOME), PLAIN_BROWSER)
    story = f"A thief in {heist.home} uses the live token while its owner sleeps, until the owner returns."
    theft = heist.theft("night_theft", "revoke", story, at=victim.due)
    pace = victim.application.ttl_s * 950

    def again(at: int) -> RefreshEvent | None:
        if heist.session.ended:
            return None
        if at < theft.at - 2 * pace:
            heist.stage.later(at + pace, again)
        return heist.present(theft, thief, at)

    heist.stage.later(heist.at + pace, again)
    return heist.present(theft, thief, heist.at)


def _travel(heist: Heist) -> RefreshEvent:
    thief = _thief(far_spot(heist.stage.rng))
    story = f"The live token is used in {thief.spot.city.name}; minutes ago its owner was in {heist.home}."
    theft = heist.theft("impossible_travel", "quarantine", story)
    theft.needs = "position"
    return heist.present(theft, thief, heist.at)


def _burst(heist: Heist) -> RefreshEvent:
    story = f"A script on the victim's machine refreshes {BURST} times within seconds."
    theft, owner, session = heist.theft("refresh_burst", "quarantine", story), heist.victim.who(), heist.session
    left = BURST - 1

    def again(at: int) -> RefreshEvent | None:
        nonlocal left
        left -= 1
        if session.ended:
            return None
        if left:
            heist.stage.later(at + heist.stage.rng.randrange(*BURST_PACE_MS), again)
        event = heist.present(theft, owner, at)
        theft.access_jti, theft.iat = session.access(), session.rotated_at // 1000
        return event

    heist.stage.later(heist.at + BURST_PACE_MS[1], again)
    return heist.present(theft, owner, heist.at)


PLOTS: Final[dict[Kind, Plot]] = {
    "replayed_grandparent": Plot(_grandparent, _is_not_counted),
    "thief_first": Plot(_thief_first, _is_not_counted, lead_ms=THIEF_LEAD_MS),
    "impossible_travel": Plot(_travel, _is_counted),
    "refresh_burst": Plot(_burst, _is_counted),
    "slow_replay": Plot(_slow_replay),
    "same_city": Plot(_same_city),
    "night_theft": Plot(_night_theft, awake=False, patience_ms=10 * MINUTE),
}


def _thief(place: Spot, agent: str = SCRIPT) -> Requester:
    return Requester(place, None, agent)
