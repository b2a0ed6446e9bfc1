"""Measure: every signal's turn at one batch, in the order in which they need one another."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector import pace, servers, systemic
from detector.batch import Outcome, RefreshBatch
from detector.config import DetectorConfig
from detector.fusion import Evidence
from detector.runs import Runs
from detector.signals import cadence, failure, novelty, reuse, spread, travel
from detector.signals.cadence import Cadence
from detector.signals.failure import Failure
from detector.signals.novelty import Novelty
from detector.signals.reuse import Reuse
from detector.signals.spread import Met, Spread
from detector.signals.travel import Travel
from detector.signals.triage import Finding
from detector.state import State
from detector.systemic import Signs, Systemic
from detector.table import Keyed
from detector.tallies import Tallies, tally

ONE = 1 << pace.POINT
STIRRING_NATS = 5
"""A burst that surprises by so much is a sign of the volume that a population may show."""


class Groups(NamedTuple):
    """The batch's events by each kind of key."""

    families: Runs
    subjects: Runs
    pairs: Runs
    clients: Runs

    @classmethod
    def of(cls, batch: RefreshBatch) -> "Groups":
        """Group it."""
        return cls(Runs(batch.family), Runs(batch.subject), Runs(spread.pair_keys(batch)), Runs(batch.client))


def measure(state: State, batch: RefreshBatch, groups: Groups, config: DetectorConfig) -> tuple[Evidence, Tallies]:
    """What the signals say of `batch`, and what they pass on about its origins; there must be room in the tables."""
    families = Keyed.look_up(state.families, groups.families, batch.at)
    subjects = Keyed.look_up(state.subjects, groups.subjects, batch.at)
    pairs = Keyed.look_up(state.pairs, groups.pairs, batch.at)
    clients = Keyed.look_up(state.clients, groups.clients, batch.at)
    reused = reuse.measure(families, batch, config.reuse)
    served = servers.measure(clients, subjects, batch, reused.fresh, config.travel)
    travelled = travel.measure(subjects, batch, reused.fresh, served, config.travel)
    paced = cadence.measure(families, subjects, batch, reused.fresh, config.cadence)
    met = spread.meet(pairs, len(batch), reused.fresh)
    strangers = spread.measure(families, met, config.spread)
    failed = failure.measure(families, batch, reused.fresh, config.failure)
    taught = (travelled.grade < travel.IMPOSSIBLE) & (reused.finding < Finding.THEFT_SUSPECTED)
    new = novelty.measure(families, subjects, batch, reused.fresh, taught)
    evidence = _evidence(batch, reused, travelled, paced, strangers, failed, new)
    accepted = batch.outcome == Outcome.SUCCESS
    signs = _signs(accepted, reused, travelled, paced, strangers, failed, met, new)
    population = systemic.measure(families, state.segments, batch, signs, evidence.awake(), config.systemic)
    evidence.held, evidence.incident = population.held, population.incident
    evidence.measured |= _of_population(population)
    return evidence, tally(batch, met, failed.unexplained, population.held)


def _signs(
    accepted: NDArray[np.bool_],
    reused: Reuse,
    travelled: Travel,
    paced: Cadence,
    strangers: Spread,
    failed: Failure,
    met: Met,
    new: Novelty,
) -> Signs:
    """What a whole population may show at once."""
    suspected = (reused.finding >= Finding.THEFT_SUSPECTED) & reused.at_home
    moved = (travelled.grade >= travel.VAGUE) & ~new.hands
    refused = failed.refused & ~met.contact
    arrived = moved & (travelled.grade >= travel.IMPOSSIBLE) & accepted
    stirring = (paced.surprise >= STIRRING_NATS << pace.POINT) & ~new.hands
    loud = (np.maximum(np.maximum(paced.surprise, failed.surprise), strangers.surprise) >= ONE) & ~new.hands
    shown = np.stack([suspected, arrived, stirring | refused], axis=1)
    return Signs(shown, np.stack([suspected, moved, loud | failed.refused], axis=1))


def _evidence(
    batch: RefreshBatch,
    reused: Reuse,
    travelled: Travel,
    paced: Cadence,
    strangers: Spread,
    failed: Failure,
    new: Novelty,
) -> Evidence:
    return Evidence(
        n=len(batch),
        grades={
            "reuse": reused.finding.astype(np.int64),
            "travel": travelled.grade,
            "cadence": paced.surprise >> pace.POINT,
            "failure": failed.surprise >> pace.POINT,
            "spread": strangers.surprise >> pace.POINT,
            "novelty": new.grade,
        },
        measured={
            "reuse_depth": (reused.depth, 1),
            "reuse_age_s": (reused.age_ms, 1000),
            "travel_km": (travelled.km, 1),
            "travel_kmh": (travelled.kmh, 1),
            "cadence_family": (paced.family, ONE),
            "cadence_subject": (paced.subject, ONE),
            "cadence_usual": (paced.expected, ONE),
            "cadence_surprise": (paced.surprise, ONE),
            "failure_count": (failed.level, ONE),
            "failure_surprise": (failed.surprise, ONE),
            "spread_count": (strangers.level, ONE),
            "spread_surprise": (strangers.surprise, ONE),
            "novelty_subject": (new.subject, 1),
            "novelty_family": (new.family, 1),
        },
        revived=reused.revived,
    )


def _of_population(population: Systemic) -> dict[str, tuple[NDArray[np.int64], float]]:
    return {
        "systemic_families": (population.families, ONE),
        "systemic_share": (population.share, 1000),
        "client_families": (population.client_families, ONE),
    }
