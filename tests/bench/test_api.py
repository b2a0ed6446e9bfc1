"""The API's bench reports what the contract promises."""

import asyncio
import json
import subprocess
import sys

import pytest

from bench.load import own
from tests.api.running import running


@pytest.mark.slow
def test_the_bench_reports_its_figure_beside_the_reference() -> None:
    """One JSON object with the members of the contract, on the server that we run."""
    command = [sys.executable, "-m", "bench", "api", "--json", "--entries", "300", "--rounds", "1", "--seconds", "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr[-2_000:]
    figures = json.loads(done.stdout)

    assert {"name", "value", "unit", "reference", "reference_name", "ratio"} <= set(figures)
    assert figures["value"] > 0 < figures["ratio"]


def test_our_own_load_is_answered() -> None:
    """Where there is no wrk, the small generator counts real answers."""
    with running() as api:
        load = asyncio.run(own(api.address.port, "/v1/check", [b"{}", b'{"sid":"x"}'], 0.2))

    assert load.per_second > 0


def test_a_refusal_is_no_answer() -> None:
    """A server that refuses has no figure."""
    with running() as api, pytest.raises(RuntimeError, match="did not answer 200"):
        asyncio.run(own(api.address.port, "/v1/check", [b"nonsense"], 0.2))
