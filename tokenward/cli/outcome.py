"""How the outcome of a fit is shown."""

from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from tokenward.cli.common import print_line
from tokenward.fitting import Outcome


def as_json(outcome: Outcome) -> dict[str, Any]:
    """All of it, one object."""
    return {
        "version": outcome.odds.version,
        "prior": outcome.odds.prior,
        "sessions": outcome.sessions,
        "stolen": outcome.stolen,
        "judgements": outcome.judgements,
        "expected_calibration_error": outcome.after.expected_calibration_error,
        "reliability": msgspec.to_builtins(outcome.after.bins),
        "expected_calibration_error_before": outcome.before.expected_calibration_error,
        "reliability_before": msgspec.to_builtins(outcome.before.bins),
        "ladders": {
            change.channel: [{"grade": grade, "before": old, "now": new} for grade, old, new in change.steps]
            for change in outcome.changes
        },
    }


def print_outcome(outcome: Outcome) -> None:
    """Two tables and two sentences."""
    print_line(
        f"Table {outcome.odds.version}, fitted on three quarters of {outcome.sessions:,} sessions ({outcome.stolen:,} "
        f"stolen) and {outcome.judgements} judgements; prior {outcome.odds.prior / 1000:.2f} nats."
    )
    before, after = (r.expected_calibration_error for r in (outcome.before, outcome.after))
    print_line(f"Expected calibration error on the fourth quarter: {after:.5f} (table before: {before:.5f}).")
    reliability = Table("score from", "mean score", "was theft", "stolen", "honest", box=None, pad_edge=False)
    for bin_ in outcome.after.bins:
        reliability.add_row(
            f"{bin_.begins:g}", f"{bin_.mean_score:.4f}", f"{bin_.observed:.4f}", str(bin_.stolen), str(bin_.honest)
        )
    ladders = Table("signal", "grade from", "before, nats", "now, nats", box=None, pad_edge=False)
    for change in outcome.changes:
        for grade, old, new in change.steps:
            ladders.add_row(change.channel, str(grade), f"{old / 1000:.2f}", f"{new / 1000:.2f}")
    console = Console()
    console.print(reliability)
    console.print(ladders)
