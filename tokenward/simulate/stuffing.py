"""Stuffing: lists of stolen tokens are tried out, from one address, one network, or many machines that are alike.

Of a list most tokens are dead: the provider does not know them any more, their session has ended, or they were used up;
a few work. What a list holds is assumed (`LIST`). A used-up token that is tried ends its session, and a live one that
works is known when the owner returns: the sessions hit so are named in the label.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, NamedTuple

from ingest.formats.event import RefreshEvent
from tokenward.simulate.provider import HOUR, MINUTE, Application, Requester, Session
from tokenward.simulate.thefts import LEAST_TOKENS, PLAIN_BROWSER, SCRIPT, Expect, Kind, Stage, Theft
from tokenward.simulate.world import CITIES, FAR_ASN, FAR_CITIES, HOME, HOSTER, Spot, address, spot

LIST: Final = {"unknown": 0.80, "ended": 0.12, "used": 0.05, "live": 0.03}
"""What becomes of a token of the list: assumed; dead ones prevail wherever tokens live shorter than lists do."""

Places = Callable[[Stage, int], Spot]


class Campaign(NamedTuple):
    """One kind of stuffing: how many tokens are tried, in which time, from where, with what."""

    attempts: int
    lasts_ms: int
    place: Places
    expect: Expect
    story: str
    agent: str = SCRIPT


def _one_address(_: Stage, __: int) -> Spot:
    return Spot(FAR_CITIES[2], "203.0.113.7", FAR_ASN, 20)


def _one_network(stage: Stage, number: int) -> Spot:
    return address(HOSTER, CITIES[0], number % HOSTER.networks, stage.rng.randrange(1, 9))


def _anywhere(_: Stage, number: int) -> Spot:
    """Hijacked home routers: the member of that number always has one address."""
    return address(HOME, CITIES[number % len(CITIES)], 7 * number % HOME.networks, 0xB000 + number)


def _changing(stage: Stage, _: int) -> Spot:
    return spot(stage.rng, stage.rng.choice(CITIES), HOME)


CAMPAIGNS: Final[dict[Kind, Campaign]] = {
    "slow_stuffing": Campaign(
        40, 10 * HOUR, _changing, "alert", "A few foreign tokens an hour are tried from changing addresses."
    ),
    "stuffing_address": Campaign(
        150, 10 * MINUTE, _one_address, "quarantine", "One address tries 150 foreign tokens within ten minutes."
    ),
    "stuffing_network": Campaign(
        500, 40 * MINUTE, _one_network, "quarantine", "Machines of one hoster try 500 foreign tokens."
    ),
    "botnet": Campaign(
        900, 60 * MINUTE, _anywhere, "quarantine", "300 home routers try three foreign tokens each.", PLAIN_BROWSER
    ),
}
BOTS: Final = 300


def begin(stage: Stage, kind: Kind, at: int, applications: Sequence[Application]) -> None:
    """Let a campaign of that kind begin at `at`, against one of the clients that browsers use."""
    campaign = CAMPAIGNS[kind]
    target = stage.rng.choice([application for application in applications if application.kind == "browser"])
    theft = Theft(
        kind=kind,
        at=at,
        iss=target.iss,
        sub="",
        sid="",
        client_id=target.client_id,
        expect=campaign.expect,
        story=campaign.story,
    )
    step = campaign.lasts_ms // campaign.attempts
    for number in range(campaign.attempts):
        then = at + number * step + stage.rng.randrange(step)
        stage.later(then, partial(_try, stage, theft, target, number))


def _try(stage: Stage, theft: Theft, target: Application, number: int, at: int) -> RefreshEvent:
    campaign = CAMPAIGNS[theft.kind]
    thief = Requester(campaign.place(stage, number % BOTS), None, campaign.agent)
    fate = stage.rng.choices(list(LIST), list(LIST.values()))[0]
    session = _foreign(stage, target, fate)
    if session is None:
        stage.label(theft)
        return stage.provider.unknown(target, at, thief)
    if fate == "ended":
        stage.label(theft)
        return stage.provider.refuse(session, session.generation, at, thief, "ended")
    theft.sids.append(session.sid)
    stage.label(theft, session.sid)
    return stage.provider.refresh(session, session.generation - (2 if fate == "used" else 0), at, thief)


def _foreign(stage: Stage, target: Application, fate: str) -> Session | None:
    """A session of which the list holds such a token; None where there is none."""
    if fate == "ended":
        ended = [session for session in stage.provider.past if session.application is target]
        return stage.rng.choice(ended) if ended else None
    for _ in range(50 if fate != "unknown" else 0):
        person = stage.rng.choice(stage.people)
        if person.application is target and person.tokens() >= LEAST_TOKENS and not person.victim:
            return person.session
    return None
