"""`reuse`: the truth tables of refresh token rotation, every leeway against delays around it, through the engine.

What a story must come to is written down here from the literature (RFC 9700, section 4.14.2; the providers' own texts
on grace periods), not computed by the detector's rules.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

from bench.report import Figures
from detector.batch import Fault, Kind, Outcome, RefreshBatch
from detector.config import DetectorConfig, ReuseConfig
from detector.engine import Engine
from detector.verdict import slugs

LEEWAYS_S: Final = (0, 5, 10, 30, 60)
AROUND_S: Final = (-1, 0, 1)
START_MS: Final = 1_770_000_000_000
HOME, ABROAD = 1 << 40, 2 << 40
PHONE, LAPTOP = 1 << 50, 2 << 50
BENIGN, TABS, STALE = "reuse.benign_retry", "reuse.concurrent_client", "reuse.stale_after_logout"
SUSPECTED, CONFIRMED = "reuse.theft_suspected", "reuse.theft_confirmed"

Event = dict[str, Any]


class Story(NamedTuple):
    """What happens until the token comes again, how it comes, and what that is: within the leeway, and after it."""

    before: tuple[Event, ...]
    again: Event
    within: str | None
    after: str | None


def _rotate(token: int, successor: int, **where: int) -> Event:
    return {"token": token, "successor": successor} | where


def _refused(token: int, fault: Fault = Fault.REUSE, **where: int) -> Event:
    return {"token": token, "outcome": Outcome.REFUSED, "fault": fault} | where


LOGIN: Final[Event] = {"kind": Kind.LOGIN, "successor": 1}
LOGOUT: Final[Event] = {"kind": Kind.LOGOUT}
ONE = (LOGIN, _rotate(1, 2))
TWO = (*ONE, _rotate(2, 3))
SPLIT = (*ONE, _rotate(1, 12), _rotate(2, 30))
"""The provider's grace period gave out two successors for token 1; one of them was used."""
BARE = tuple(event | {"device": 0} for event in (*ONE, _rotate(2, 3, network=ABROAD)))

STORIES: Final = {
    "the live token": Story(TWO, _rotate(3, 4), None, None),
    "parent, its answer was lost, refused": Story(TWO, _refused(2), BENIGN, BENIGN),
    "parent, its answer was lost, accepted": Story(TWO, _rotate(2, 13), BENIGN, BENIGN),
    "parent, several tabs, refused": Story(SPLIT, _refused(1), TABS, SUSPECTED),
    "parent, several tabs, accepted": Story(SPLIT, _rotate(1, 44), TABS, SUSPECTED),
    "parent from another network": Story(TWO, _refused(2, network=ABROAD), SUSPECTED, SUSPECTED),
    "parent from another device": Story(TWO, _refused(2, device=LAPTOP), SUSPECTED, SUSPECTED),
    "parent from elsewhere, its successor used": Story(
        SPLIT, _refused(1, device=LAPTOP, network=ABROAD), CONFIRMED, CONFIRMED
    ),
    "grandparent, refused": Story(TWO, _refused(1), CONFIRMED, CONFIRMED),
    "grandparent, accepted": Story(TWO, _rotate(1, 44), CONFIRMED, CONFIRMED),
    "grandparent, the provider says stale": Story(TWO, _refused(1, Fault.STALE), CONFIRMED, CONFIRMED),
    "older than all that is known, stale": Story(TWO, _refused(99, Fault.STALE), CONFIRMED, CONFIRMED),
    "a token that nobody knows": Story(TWO, _refused(99, Fault.INVALID_GRANT), None, None),
    "the live token after the logout": Story((*TWO, LOGOUT), _refused(3, Fault.OTHER), STALE, STALE),
    "a dead descendant: grandparent after the logout": Story((*TWO, LOGOUT), _refused(1, Fault.STALE), STALE, STALE),
    "the provider says that the session is over": Story(TWO, _refused(2, Fault.ENDED), STALE, STALE),
    "thief first, the owner returns": Story(BARE, _refused(2, device=0), SUSPECTED, CONFIRMED),
    "thief first and went on": Story(
        (*BARE, _rotate(3, 4, network=ABROAD, device=0)), _refused(2, device=0), CONFIRMED, CONFIRMED
    ),
    "a provider that does not rotate": Story((LOGIN, _rotate(1, 1)), _rotate(1, 1), None, None),
}


def cases() -> Iterator[tuple[str, Story, int, int]]:
    """Name, story, leeway and delay in seconds."""
    for name, story in STORIES.items():
        for leeway in LEEWAYS_S:
            yield from ((name, story, leeway, leeway + more) for more in AROUND_S if leeway + more >= 0)


def outcome(story: Story, leeway_s: int, late_s: int) -> str | None:
    """What the engine calls the last event; the first use of its token was `late_s` before."""
    first = next((n for n, event in enumerate(story.before) if event.get("token") == story.again["token"]), 0)
    usual = {"family": 9, "subject": 8, "network": HOME, "device": PHONE}
    rows = [
        {"at": START_MS + n, "event": n + 1} | usual | event for n, event in enumerate((*story.before, story.again))
    ]
    rows[-1]["at"] = START_MS + first + late_s * 1000
    names = {name for row in rows for name in row}
    batch = RefreshBatch.of(**{name: [row.get(name, 0) for row in rows] for name in names})
    config = replace(DetectorConfig(), reuse=ReuseConfig(leeway_ms=leeway_s * 1000))
    verdicts = Engine(config).process(batch, START_MS)
    said = {int(row): int(bits) for row, bits in zip(verdicts.row, verdicts.reasons, strict=True)}
    named = [slug for slug in slugs(said.get(len(rows) - 1, 0)) if slug.startswith("reuse.")]
    return named[0] if named else None


def run(arguments: Sequence[str]) -> Figures:
    """Tell every story."""
    argparse.ArgumentParser(prog="python -m bench reuse", description=__doc__).parse_args(arguments)
    told = list(cases())
    wrong = []
    for name, story, leeway, late in told:
        due, said = story.within if late <= leeway else story.after, outcome(story, leeway, late)
        if due != said:
            wrong.append(f"{name}, leeway {leeway} s, {late} s late: {said} instead of {due}")
    return {"name": "reuse", "cases": len(told), "exact": len(told) - len(wrong)} | ({"wrong": wrong} if wrong else {})
