"""The bench of rollovers reports what it promises."""

import json
import subprocess
import sys

import pytest


@pytest.mark.slow
def test_the_bench_reports_each_case() -> None:
    """One JSON object, with refusals, fetches and waits of every case."""
    quick = ["--per-second", "100", "--before", "0.5", "--after", "1.2", "--least", "0.3"]
    command = [sys.executable, "-m", "bench", "rollover", "--json", *quick]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2_000:]
    figures = json.loads(done.stdout)

    assert {"name", "value", "unit", "reference", "reference_name", "ratio", "cases"} <= set(figures)
    assert {"ahead": 0, "unannounced": 0, "flooded": 0} == {
        case: seen["refused"] for case, seen in figures["cases"].items()
    }
