"""The thefts: who was robbed, when it can be known, and what must come of it. Each leaves its ground truth behind.

| kind | what happens | who could know |
|---|---|---|
| replayed_grandparent | a token used up two rotations ago is presented from another country | at once |
| thief_first | the thief uses the live token first, next door; the owner comes with it two minutes later | then |
| impossible_travel | the live token is used on another continent, minutes after the owner used it at home | at once |
| refresh_burst | a script on the victim's own machine refreshes 150 times in seconds | within seconds |
"""

from collections.abc import Callable
from random import Random
from typing import Literal, Protocol

import msgspec

from ingest.formats.event import RefreshEvent
from tokenward.simulate.people import MINUTE, SECOND, Act, Person
from tokenward.simulate.provider import Provider, Requester, Session
from tokenward.simulate.world import Spot, far_spot, near_spot

Kind = Literal["replayed_grandparent", "thief_first", "impossible_travel", "refresh_burst"]

THIEF_LEAD_MS = 2 * MINUTE
"""How long before the owner the thief uses the token: longer than any leeway, shorter than any pace."""
BURST = 150
BURST_PACE_MS = (20, 60)
LEAST_TOKENS = 4
"""A victim's family has rotated at least three times, so that there is a grandparent, and a place it is known from."""
TRIES = 400
PATIENCE_MS = 30 * SECOND
"""Where nobody can be robbed yet, the thief looks again after this."""


class Theft(msgspec.Struct, kw_only=True):
    """Ground truth of one theft. Times are epoch milliseconds; `events` are the ids of what thief and victim left."""

    kind: Kind
    #: The first moment at which it could be known.
    at: int
    iss: str
    sub: str
    sid: str
    client_id: str
    #: The least that must be decided about the family, or about what contains it.
    expect: Literal["quarantine", "revoke"]
    #: What telemetry must say for it to be known at that moment; without it, only the owner's return tells.
    needs: Literal["position"] | None = None
    #: A sentence for people.
    story: str
    #: The access token that a gateway must refuse, and its times in seconds.
    access_jti: str
    iat: int
    auth_time: int
    events: list[str]


class Stage(Protocol):
    """What thieves need of the simulation."""

    rng: Random
    provider: Provider
    people: list[Person]

    def later(self, at: int, act: Act) -> None:
        """Let `act` happen at `at`."""
        ...

    def label(self, theft: Theft) -> None:
        """Note the ground truth; what happens next belongs to it."""
        ...


def plan(stage: Stage, kind: Kind, at: int) -> None:
    """Let a theft of that kind become knowable at `at`, or as soon afterwards as somebody can be robbed."""
    lead = THIEF_LEAD_MS if kind == "thief_first" else 0
    stage.later(at - lead, lambda then: _strike(stage, kind, then, then + lead))


def _strike(stage: Stage, kind: Kind, then: int, decisive: int) -> RefreshEvent | None:
    victim = _victim(stage, kind, then)
    if victim is None or victim.session is None:
        plan(stage, kind, decisive + PATIENCE_MS)
        return None
    victim.victim = True
    return THEFTS[kind](stage, victim, victim.session, then, decisive)


def _victim(stage: Stage, kind: Kind, then: int) -> Person | None:
    """Somebody whose session can be stolen by that kind of theft."""
    for _ in range(TRIES):
        person = stage.rng.choice(stage.people)
        application = person.application
        fits = application.kind == "browser" and application.counters == (
            kind in {"impossible_travel", "refresh_burst"}
        )
        if fits and not person.victim and person.tokens() >= LEAST_TOKENS and person.is_settled(then):
            return person
    return None


def _grandparent(stage: Stage, victim: Person, session: Session, then: int, decisive: int) -> RefreshEvent:
    thief = _thief(stage, far_spot(stage.rng))
    story = f"A token used up long ago is presented from {thief.spot.city.name}; the owner is in {_home(victim)}."
    theft = _theft("replayed_grandparent", "revoke", victim, session, decisive, story)
    event = stage.provider.refresh(session, session.tokens[-3], then, thief)
    return _told(stage, theft, event)


def _thief_first(stage: Stage, victim: Person, session: Session, then: int, decisive: int) -> RefreshEvent:
    thief = _thief(stage, near_spot(stage.rng, victim.home.city))
    event = stage.provider.refresh(session, session.live, then, thief)
    story = f"A thief in {_home(victim)} used the live token two minutes ago; now its owner comes with it."
    victim.return_at(decisive)
    return _told(stage, _theft("thief_first", "revoke", victim, session, decisive, story), event)


def _travel(stage: Stage, victim: Person, session: Session, then: int, decisive: int) -> RefreshEvent:
    thief = _thief(stage, far_spot(stage.rng))
    event = stage.provider.refresh(session, session.live, then, thief)
    story = f"The live token is used in {thief.spot.city.name}; minutes ago its owner was in {_home(victim)}."
    theft = _theft("impossible_travel", "quarantine", victim, session, decisive, story)
    theft.needs = "position"
    return _told(stage, theft, event)


def _burst(stage: Stage, victim: Person, session: Session, then: int, decisive: int) -> RefreshEvent:
    story = f"A script on the victim's machine refreshes {BURST} times within seconds."
    theft = _theft("refresh_burst", "quarantine", victim, session, decisive, story)
    left = BURST

    def again(at: int) -> RefreshEvent | None:
        nonlocal left
        left -= 1
        if session.ended:
            return None
        if left:
            stage.later(at + stage.rng.randrange(*BURST_PACE_MS), again)
        event = stage.provider.refresh(session, session.live, at, victim.who)
        theft.access_jti, theft.iat = session.access_jti, session.issued_at // 1000
        return _told(stage, theft, event)

    return again(then) or stage.provider.logout(session, then, victim.who)


THEFTS: dict[Kind, Callable[[Stage, Person, Session, int, int], RefreshEvent]] = {
    "replayed_grandparent": _grandparent,
    "thief_first": _thief_first,
    "impossible_travel": _travel,
    "refresh_burst": _burst,
}


def _thief(stage: Stage, spot: Spot) -> Requester:
    return Requester(spot, stage.provider.name(), "python-requests/2.32")


def _home(victim: Person) -> str:
    return victim.home.city.name


def _theft(
    kind: Kind, expect: Literal["quarantine", "revoke"], victim: Person, session: Session, at: int, story: str
) -> Theft:
    return Theft(
        kind=kind,
        at=at,
        iss=session.application.iss,
        sub=victim.sub,
        sid=session.sid,
        client_id=session.application.client_id,
        expect=expect,
        story=story,
        access_jti=session.access_jti,
        iat=session.issued_at // 1000,
        auth_time=session.login_at // 1000,
        events=[],
    )


def _told(stage: Stage, theft: Theft, event: RefreshEvent) -> RefreshEvent:
    stage.label(theft)
    return event
