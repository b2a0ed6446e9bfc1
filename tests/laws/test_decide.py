"""Deciding keeps the split law: any cut of a stream into batches leads to the same alerts and entries."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from detector.batch import RefreshBatch
from detector.verdict import Reason, Segment, Verdicts
from revocation.decide import Decision, Memory, decide
from tests.revocation.verdicts import AT, batch, rules, verdicts

RULES = rules(
    """
    [blast_radius]
    per_minute = 2
    [repeat]
    decisions = 2
    [[allow]]
    until = 2099-01-01T00:00:00Z
    asns = [7]
    reasons = ["travel"]
    """
)
REASONS = (
    Reason.REUSE_THEFT_CONFIRMED,
    Reason.TRAVEL_IMPOSSIBLE,
    Reason.CADENCE_BURST | Reason.SYSTEMIC_VOLUME,
    Reason.REUSE_BENIGN_RETRY,
)
EVENT = st.fixed_dictionaries(
    {
        "step": st.integers(-30_000, 400_000),
        "family": st.integers(0, 4),
        "outcome": st.integers(0, 1),
        "asn": st.sampled_from([0, 7]),
        "score": st.sampled_from([None, 0.0001, 0.3, 0.6, 0.99]),
        "reasons": st.sampled_from(REASONS),
        "incident": st.sampled_from([Segment.NONE, Segment.CLIENT]),
    }
)


def stream(events: list[dict[str, Any]]) -> tuple[RefreshBatch, Verdicts]:
    """The events, and the verdicts on those that have a score."""
    columns = {name: np.array([event[name] for event in events]) for name in ("family", "outcome", "asn")}
    at = AT + np.cumsum([event["step"] for event in events])
    rows = [row for row, event in enumerate(events) if event["score"] is not None]
    told = verdicts(*(events[row]["score"] for row in rows))
    return batch(len(events), at=at, subject=columns["family"] + 20, **columns), replace(
        told,
        row=np.array(rows, np.int64),
        reasons=np.array([events[row]["reasons"] for row in rows], np.uint64),
        incident=np.array([events[row]["incident"] for row in rows], np.uint8),
    )


def part_of(told: Verdicts, first: int, stop: int) -> Verdicts:
    """The verdicts on the rows from `first` to before `stop`."""
    rows = (told.row >= first) & (told.row < stop)
    columns = {name: getattr(told, name)[rows] for name in Verdicts.__dataclass_fields__}
    return replace(told, **columns).moved(-first)


def said(decisions: list[Decision]) -> tuple[list[object], list[object]]:
    """All that was decided, rows left out, which count from a batch's start."""
    alerts = [(a.id, a.kind, a.at, a.level, a.enforcement, a.entries) for d in decisions for a in d.alerts]
    return list(alerts), [revocation for decision in decisions for revocation in decision.revocations]


@given(events=st.lists(EVENT, min_size=1, max_size=30), cuts=st.sets(st.integers(1, 29)))
def test_any_cut_decides_the_same(events: list[dict[str, Any]], cuts: set[int]) -> None:
    """Renewals, incidents, pages, repeat offenders and refreshes after a revocation are told alike."""
    whole, told = stream(events)
    edges = [0, *sorted(cut for cut in cuts if cut < len(events)), len(events)]
    memory = Memory()
    parts = [
        decide(part_of(told, first, stop), whole.take(slice(first, stop)), RULES, AT, memory)
        for first, stop in pairwise(edges)
    ]

    assert said([decide(told, whole, RULES, AT)]) == said(parts)
