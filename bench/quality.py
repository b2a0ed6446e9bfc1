"""`quality`: the confusion matrix of the simulator: each kind of attack, each honest habit, each storm.

One run judges honest people with attacks among them for some days; four more, of twelve hours each, have a storm and
one hidden attack. Shares come with their 95 % confidence intervals (Wilson). Nothing is tuned within a run; the policy
is the default one, and carriers, VPNs and airlines are listed as vague, as the documentation asks operators to do.
"""

import argparse
import math
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from bench.judge import Count, Judge, Outcome
from bench.report import Figures
from detector.verdict import Level
from tokenward.simulate.habits import HABITS
from tokenward.simulate.run import Span
from tokenward.simulate.storms import STORMS
from tokenward.simulate.stuffing import CAMPAIGNS
from tokenward.simulate.thefts import KINDS
from tokenward.simulate.world import VAGUE_ASNS

START: Final = 1_767_600_000_000
"""A Monday, eight in the morning, UTC."""
STORM_HOURS: Final = 12
STORM_SESSIONS: Final = 5_000
NEEDED: Final[Mapping[str, int]] = {"alert": Level.WATCH, "quarantine": Level.QUARANTINE, "revoke": Level.REVOKE}
SLOW: Final = ("slow_replay", "slow_stuffing", "same_city", "night_theft")
Z: Final = 1.96
"""95 % of a normal distribution lie within so many standard deviations."""


def wilson(hits: int, n: int) -> tuple[float, float]:
    """The 95 % confidence interval of a share (Wilson's score interval, which is right for rare events, too)."""
    if n == 0:
        return 0.0, 1.0
    share, z2 = hits / n, Z * Z
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = Z / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return max(middle - half, 0.0), min(middle + half, 1.0)


def run(arguments: Sequence[str]) -> Figures:
    """Judge, and count."""
    options = _options(arguments)
    vague = frozenset[int]() if options.bare else VAGUE_ASNS
    began = time.perf_counter()
    span = Span(
        seed=options.seed,
        sessions=options.sessions,
        hours=24 * options.days,
        thefts=len(KINDS) * options.each,
        start=START,
        attacks=KINDS,
        habits=True,
    )
    outcome = Judge(span, vague).run()
    storms = {kind: _storm(kind, options, vague) for kind in STORMS} if options.storms else {}
    return {
        "name": "quality",
        "seed": options.seed,
        "events": outcome.events,
        **_totals(outcome, span.end),
        "attacks": _attacks(outcome, span.end),
        "habits": _habits(outcome),
        "causes": _causes(outcome),
        "incidents": dict(outcome.incidents),
        "storms": storms,
        "seconds": round(time.perf_counter() - began, 1),
    }


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench quality", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sessions", type=int, default=10_000, help="applications in use (default 10000)")
    parser.add_argument("--days", type=float, default=3, help="of stream time (default 3)")
    parser.add_argument("--each", type=int, default=6, help="attacks of each kind (default 6)")
    parser.add_argument("--bare", action="store_true", help="no AS number is listed as vague")
    parser.add_argument("--no-storms", dest="storms", action="store_false", help="leave the storms out")
    options = parser.parse_args(arguments)
    if not 0 < options.sessions <= 1_000_000 or not 0.5 <= options.days <= 31 or not 0 <= options.each <= 1000:
        parser.error("up to 1000000 sessions, half a day to 31 days, up to 1000 attacks of each kind")
    return options


def _known(outcome: Outcome, end: int) -> list[Count]:
    """The attacks that could be known before the end."""
    return [count for count in outcome.attacks.values() if count.theft.at < end]


def _totals(outcome: Outcome, end: int) -> dict[str, Any]:
    """The figures that decide."""
    n = outcome.session_days.total()
    touched = len(set().union(*(_of(levels) for levels in outcome.touched.values())))
    replays = [count for count in _known(outcome, end) if count.theft.expect == "revoke"]
    slow = [count for count in _known(outcome, end) if count.theft.kind in SLOW]
    low, high = wilson(touched, n)
    return {
        "honest_session_days": n,
        "honest_touched": touched,
        "touched_per_100000": round(touched / max(n, 1) * 1e5, 2),
        "touched_per_100000_ci": [round(low * 1e5, 2), round(high * 1e5, 2)],
        "honest_touched_after_two_hours": len(outcome.learnt),
        "collateral": len(outcome.collateral),
        "thefts_with_replay": len(replays),
        "thefts_with_replay_stopped": sum(count.level >= Level.QUARANTINE for count in replays),
        "slow": len(slow),
        "slow_alerted": sum(count.level >= Level.WATCH for count in slow),
    }


def _of(levels: Mapping[int, set[tuple[str, int]]]) -> set[tuple[str, int]]:
    """Session-days with something worse than watching."""
    return levels.get(Level.QUARANTINE, set()) | levels.get(Level.REVOKE, set())


def _attacks(outcome: Outcome, end: int) -> dict[str, dict[str, Any]]:
    table: dict[str, dict[str, Any]] = {}
    for kind in KINDS:
        counts = [count for count in _known(outcome, end) if count.theft.kind == kind]
        fine = sum(count.level >= NEEDED[count.theft.expect] for count in counts)
        hit = [count.sessions.get(sid, 0) for count in counts for sid in count.theft.sids]
        table[kind] = {
            "attacks": len(counts),
            **{name: sum(count.level >= level for count in counts) for name, level in _LEVELS.items()},
            "as_expected": fine,
            "ci": [round(bound, 3) for bound in wilson(fine, len(counts))],
        }
        if kind in CAMPAIGNS:
            table[kind] |= {"sessions_hit": len(hit), "stopped": sum(level >= Level.QUARANTINE for level in hit)}
    return table


_LEVELS: Final = {"alerted": Level.WATCH, "quarantined": Level.QUARANTINE, "revoked": Level.REVOKE}


def _habits(outcome: Outcome) -> dict[str, dict[str, Any]]:
    table = {}
    for name in [habit.name for habit in HABITS]:
        n, touched = outcome.session_days[name], len(_of(outcome.touched.get(name, {})))
        table[name] = {
            "session_days": n,
            "watched": outcome.at(Level.WATCH, name),
            "quarantined": outcome.at(Level.QUARANTINE, name),
            "revoked": outcome.at(Level.REVOKE, name),
            "touched_per_100000_ci": [round(bound * 1e5, 1) for bound in wilson(touched, n)],
        }
    return table


def _causes(outcome: Outcome) -> dict[str, dict[str, Any]]:
    """Why honest people were touched, the most frequent first."""
    worse = [(cause, count) for cause, count in outcome.causes.most_common() if cause[1] > Level.WATCH]
    return {
        f"{habit}: {', '.join(reasons)}": {"level": Level(level).slug, "decisions": count}
        for (habit, level, reasons), count in worse[:20]
    }


def _storm(kind: Any, options: argparse.Namespace, vague: frozenset[int]) -> dict[str, Any]:
    sessions = min(options.sessions, STORM_SESSIONS)
    span = Span(
        seed=options.seed, sessions=sessions, hours=STORM_HOURS, thefts=0, start=START, storms=(kind,), habits=True
    )
    outcome = Judge(span, vague).run()
    hidden = [count.level for count in outcome.attacks.values()]
    return {
        "events": outcome.events,
        "session_days": outcome.session_days.total(),
        "revoked_honest": outcome.at(Level.REVOKE),
        "quarantined_honest": outcome.at(Level.QUARANTINE),
        "incidents": outcome.incidents.total(),
        "segments": dict(outcome.incidents),
        "attack": "none" if not hidden else "stopped" if min(hidden) >= Level.QUARANTINE else "missed",
        "causes": _causes(outcome),
    }
