"""The benches of the stream report what the contract promises, and do what they say."""

import json
import subprocess
import sys
from typing import Any

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.kafka, pytest.mark.redis]


def bench(name: str, *options: str) -> dict[str, Any]:
    """The figures of a bench."""
    command = [sys.executable, "-m", "bench", name, "--json", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    if done.returncode != 0 or not done.stdout.strip():
        pytest.fail(done.stderr[-2_000:])
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


@pytest.mark.usefixtures("kafka_bootstrap")
def test_the_worker_is_compared_with_a_bare_consumer() -> None:
    """One JSON object with the members of the contract; the theft was told, and each quarter-hour its session went on.

    Ten minutes of the traffic are left after the theft: one such window, or two, by where the hour stands.
    """
    figures = bench("worker", "--records", "12000", "--sessions", "100", "--rounds", "1", "--theft-every", "9973")

    assert {"name", "value", "unit", "reference", "reference_name", "ratio", "cpu_ratio"} <= set(figures)
    assert (True, True, True) == (figures["value"] > 0, figures["ratio"] > 0, figures["alerts"] in {2, 3})


@pytest.mark.usefixtures("kafka_bootstrap")
def test_every_theft_is_denied() -> None:
    """The time from a record to a refusal is measured on the real programs."""
    figures = bench("deny", "--thefts", "3")

    assert (3, True) == (figures["thefts"], 0 < figures["p50_ms"] <= figures["value"])
