"""Explains an alert in plain sentences and in numbers: what was seen, what it weighed, what would have changed it.

Weights are natural logarithms of odds, nats: a sign of 2.3 nats makes theft ten times as likely. Where the table of
odds that decided is still in force, what-ifs are weighed by it exactly; else by subtraction, and that is said.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec
import numpy as np

from detector.bounds import STEP
from detector.config import Thresholds
from detector.odds import GROUPS, Odds
from detector.verdict import CHANNELS
from ingest.advice import ADVICE, OTHERWISE, SEEN, evidence
from tokenward.told import Told

USUAL: Final = "cadence_usual"
LEVELS: Final = ("watch", "quarantine", "revoke")
WORDS: Final = {"watch": "watched", "quarantine": "quarantined", "revoke": "revoked", "nothing": "not flagged at all"}
SIGNS: Final = {
    "reuse": "the used-up token",
    "travel": "the impossible journey",
    "cadence": "the burst of refreshes",
    "failure": "the refused refreshes",
    "spread": "the many addresses",
    "novelty": "what was new or changed",
    "model": "the unusual combination",
}
"""What a channel is called in a sentence."""
BY_RULE: Final = "effectiveness.refreshed"
DONE: Final = {
    "enforced": "It was enforced: gateways refuse the session",
    "shadow": "Nothing was enforced: the policy is in shadow mode",
    "unenforceable": "It could not be enforced: no gateway sees an identity that could be refused",
    "allowed": "Nothing was enforced: an allow-list of the policy spares it",
    "muted": "Nothing was enforced: a person let the same pass before",
    "none": "Nothing was to be enforced",
}


class Signal(msgspec.Struct, frozen=True):
    """One sign that weighed something."""

    channel: str
    grade: int
    nats: float
    #: Of all that the signs weighed.
    share: float
    #: How many times as likely it makes theft.
    times: float


class WhatIf(msgspec.Struct, frozen=True):
    """The decision without one sign."""

    without: str
    score: float
    level: str


class Need(msgspec.Struct, frozen=True):
    """One more sign that would have led to the next level."""

    channel: str
    grade: int
    nats: float


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """All that is explained; `--json` prints it."""

    id: str
    kind: str
    at: str
    level: str
    score: float
    whom: str
    cause: str
    reasons: list[str]
    seen: list[str]
    usual: list[str]
    #: Log-odds before any sign, nats; and one session in so many is stolen.
    prior: float
    one_in: int
    signals: list[Signal]
    thresholds: dict[str, float]
    odds: str
    config: str
    #: Whether the table in force is the one that decided: else what-ifs are subtractions.
    exact: bool
    without: list[WhatIf]
    next_level: str
    missing_nats: float
    needs: list[Need]
    excused: list[str]
    done: str
    advice: list[str]


def explained(told: Told, odds: Odds) -> Explanation:
    """An alert explained; `odds` is the table in force now."""
    thresholds = {**{level: getattr(Thresholds(), level) for level in LEVELS}, **told.thresholds}
    exact = odds.version == told.odds
    total = sum(told.weights.values())
    prior = odds.prior / 1000 if exact or BY_RULE in told.reasons else _logit(told.score) - total
    next_level, missing = _missing(prior + total, thresholds)
    channels = sorted((channel for channel in told.weights if told.weights[channel]), key=lambda c: -told.weights[c])
    return Explanation(
        id=told.id,
        kind=told.kind,
        at=told.at,
        level=told.level,
        score=told.score,
        whom=_whom(told),
        cause=told.cause,
        reasons=told.reasons,
        seen=evidence({name: value for name, value in told.measurements.items() if name != USUAL}),
        usual=[SEEN[USUAL].format(told.measurements[USUAL])] if told.measurements.get(USUAL) else [],
        prior=round(prior, 3),
        one_in=round(1 + math.exp(min(-prior, 40))),
        signals=[_signal(channel, told, total) for channel in channels],
        thresholds=thresholds,
        odds=told.odds,
        config=told.config,
        exact=exact,
        without=[_without(channel, told, odds if exact else None, prior, thresholds) for channel in channels],
        next_level=next_level,
        missing_nats=round(missing, 3),
        needs=list(_needs(missing, told, odds)) if next_level and told.kind == "decision" else [],
        excused=told.excused,
        done=DONE.get(told.enforcement, told.enforcement) + (f" until {told.expires_at}." if told.expires_at else "."),
        advice=told.advice or list(dict.fromkeys(ADVICE.get(reason, OTHERWISE) for reason in told.reasons)),
    )


def sentences(of: Explanation) -> Iterator[str]:
    """The explanation for a person, a line each."""
    came = WORDS.get(of.level, of.level)
    yield f"{of.kind.capitalize()} {of.id}, {of.at}: {of.whom} is {came}, score {of.score:.6g}."
    if of.cause:
        yield f"Most likely cause: {of.cause.replace('_', ' ')}. Reasons: {', '.join(of.reasons)}."
    yield from _titled("What was seen", of.seen)
    yield from _titled("What is usual", of.usual)
    yield from _titled("What it weighed", _weighing(of) if of.kind == "decision" else [])
    yield from _titled("What would have changed it", _changing(of) if of.kind == "decision" else [])
    yield from _titled("What was done", [of.done, *(f"Excused by the policy: {reason}." for reason in of.excused)])
    yield from _titled("What to do", of.advice)


def _titled(title: str, lines: list[str]) -> Iterator[str]:
    if lines:
        yield ""
        yield f"{title}:"
        yield from (f"  {line}" for line in lines)


def _weighing(of: Explanation) -> list[str]:
    rule = ["By rule, whatever the signs weigh: a session that was over was refreshed all the same."]
    limits = [f"from {of.thresholds[level]:g} on {WORDS[level]}" for level in LEVELS]
    return [
        *(rule if BY_RULE in of.reasons else []),
        f"Before any sign, about one session in {of.one_in:,} is stolen: {of.prior:.2f} nats.",
        *(
            f"{SIGNS[s.channel].capitalize()} (grade {s.grade}) adds {s.nats:.2f} nats, {s.share:.0%} of the evidence: "
            f"it makes theft {s.times:,.0f} times as likely."
            for s in of.signals
        ),
        f"Together a probability of {of.score:.6g}; a session is {', '.join(limits)}.",
        f"Table of odds {of.odds or 'unknown'}, configuration {of.config or 'unknown'}.",
    ]


def _changing(of: Explanation) -> list[str]:
    caveat = "The table of odds has changed since: what follows only subtracts, and compares with the table of now."
    lines = [
        f"Without {SIGNS[w.without]} the score were {w.score:.6g}: {WORDS[w.level]}."
        for w in of.without
        if BY_RULE not in of.reasons
    ]
    if of.needs:
        signs = ", or ".join(f"{SIGNS[n.channel]} of grade {n.grade} ({n.nats:.2f})" for n in of.needs)
        lines.append(f"{of.missing_nats:.2f} nats more and it were {WORDS[of.next_level]}: {signs}.")
    return lines if of.exact or not lines else [caveat, *lines]


def _signal(channel: str, told: Told, total: float) -> Signal:
    nats = told.weights[channel]
    return Signal(channel, told.grades.get(channel, 0), nats, round(nats / total, 4), round(math.exp(min(nats, 40)), 1))


def _without(channel: str, told: Told, odds: Odds | None, prior: float, thresholds: Mapping[str, float]) -> WhatIf:
    """A sign of the same group, silent so far, may take the place of the one that is missing."""
    if odds is None:
        score = 1 / (1 + math.exp(-(prior + sum(told.weights.values()) - told.weights[channel])))
    else:
        heard = {c: told.grades.get(c, 0) for c in _heard(told) if c != channel}
        grades = np.array([[heard.get(c, 0) for c in CHANNELS]], np.int64)
        score = float(odds.score(odds.weigh(grades))[0])
    level = next((level for level in reversed(LEVELS) if score >= thresholds[level]), "nothing")
    return WhatIf(channel, round(score, 6), level)


def _heard(told: Told) -> set[str]:
    """The channels that weighed something, and those of their groups that only were weaker: what is held is neither."""
    return {c for group in GROUPS if any(told.weights.get(c) for c in group) for c in group}


def _missing(total: float, thresholds: Mapping[str, float]) -> tuple[str, float]:
    """The next level and the nats to it; nothing above the last."""
    for level in LEVELS:
        lacking = _logit(thresholds[level]) - total
        if lacking > STEP / 1000:
            return level, lacking
    return "", 0.0


def _needs(missing: float, told: Told, odds: Odds) -> Iterator[Need]:
    """Of each channel whose group was silent, the smallest grade that weighs enough."""
    for channel, ladder in odds.ladders.items():
        if channel not in _heard(told):
            enough = ((e, w / 1000) for e, w in zip(ladder.edges, ladder.weights, strict=True) if w / 1000 >= missing)
            for edge, nats in list(enough)[:1]:
                yield Need(channel, edge, nats)


def _logit(score: float) -> float:
    bounded = min(max(score, 1e-7), 1 - 1e-7)
    return math.log(bounded / (1 - bounded))


def _whom(told: Told) -> str:
    who = told.sub or told.sid or told.digest
    if told.kind != "decision":
        return f"a whole {told.segment or 'client'}" + (f" ({told.client_id})" if told.client_id else "")
    return f"the {told.scope}{f' of {who}' if who else ''}" + (f" at client {told.client_id}" if told.client_id else "")
