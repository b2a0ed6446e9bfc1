"""Runs the demonstration from start to end, and says how it went."""

import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

from api.server import TURN_SECONDS
from tokenward.demo.show import Show
from tokenward.demo.story import PAST_MS, Story
from tokenward.demo.system import running_system
from tokenward.demo.trail import audited
from tokenward.demo.watch import Watch
from tokenward.simulate.simulation import APPLICATIONS, Simulation
from tokenward.wiring import clock

REALMS = {application.iss: application.realm for application in APPLICATIONS}


def run_demo(show: Show, *, seconds: float, sessions: int, seed: int) -> dict[str, Any]:
    """Show it; returns the summary.

    Raises:
        Failure: the system did not start, or a part of it ended.
    """
    began = time.perf_counter()
    with _ended_politely(), _fair_threads(), show:
        show.say("Starting Kafka, Redis, route, worker, origins and API ...")
        with running_system(REALMS) as system:
            watch = Watch(system.settings, system.address, show.case)
            simulation = Simulation(seed=seed, sessions=sessions, start=clock() - PAST_MS)
            story = Story(system, watch, simulation, seconds)
            story.on_tick = lambda: show.tick(watch, story.sent)
            show.say(
                f"{sessions:,} people, two providers; a gateway asks {system.address.url}/v1/check about their tokens."
            )
            with watch.running():
                story.tell()
            trail = audited(system.settings)
        summary = {**_summary(watch, story.sent, sessions, time.perf_counter() - began), "audit": trail}
    show.end(summary)
    return summary


def succeeded(summary: dict[str, Any]) -> bool:
    """Whether every theft was stopped, no honest person touched, and all of it stands in the audit trail."""
    stopped = summary["thefts"] == summary["stopped"] > 0 and summary["honest_touched"] == 0
    return bool(stopped and summary["audit"]["faults"] == summary["audit"]["differences"] == 0)


def _summary(watch: Watch, sent: int, sessions: int, seconds: float) -> dict[str, Any]:
    cases = [case for case in watch.cases.values() if case.decisive is not None]
    refusals = [case.milliseconds for case in cases if case.milliseconds is not None]
    stopped = sum(case.stopped and case.alert is not None for case in cases)
    return {
        "type": "summary",
        "thefts": len(cases),
        "stopped": stopped,
        "escaped": len(cases) - stopped,
        "honest_sessions": sessions,
        "honest_touched": len(watch.touched),
        "telemetry": sent,
        "checks": watch.asked,
        "refusal_ms": _percentiles(refusals),
        "check_ms": _percentiles([1000 * taken for taken in watch.times]),
        "seconds": round(seconds, 1),
    }


def _percentiles(values: Sequence[float]) -> dict[str, float | None]:
    ordered = sorted(values)
    if not ordered:
        return {"p50": None, "p99": None}
    return {f"p{p}": round(ordered[min(len(ordered) * p // 100, len(ordered) - 1)], 1) for p in (50, 99)}


@contextmanager
def _fair_threads() -> Iterator[None]:
    """Let threads take turns sooner: here one process is route, worker, API and gateway, which are four elsewhere."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(TURN_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


@contextmanager
def _ended_politely() -> Iterator[None]:
    """SIGTERM and SIGHUP end the demonstration as Ctrl-C does, so that everything it started ends too."""
    told = False

    def end(_: int, __: FrameType | None) -> None:
        nonlocal told
        told = True
        raise KeyboardInterrupt

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    except Exception as error:
        if told:
            # What was interrupted made something else of it.
            raise KeyboardInterrupt from error
        raise
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)
