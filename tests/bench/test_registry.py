"""The benches of registry and replica run, and report what they promise."""

import pytest

from bench import registry, replica

COMPARED = {"name", "value", "unit", "reference", "reference_name", "ratio"}


def test_replica_reports_its_figures() -> None:
    """A small run prints a check's time, its reference, what an entry takes, and how soon a snapshot is applied."""
    figures = replica.run(["--entries", "1000"])

    more = {"fastest_ns", "refused_ns", "entries", "bytes_per_entry", "snapshot_seconds", "bare_read_seconds"}
    assert set() == (COMPARED | more) - set(figures)
    assert (1000, True) == (figures["entries"], float(str(figures["ratio"])) > 1)


@pytest.mark.redis
def test_registry_reports_its_figures() -> None:
    """A small run prints decisions a second, their reference, one decision alone and an empty delta."""
    figures = registry.run(["--entries", "1000"])

    assert set() == (COMPARED | {"entries", "one_decision_ms", "empty_delta_ms"}) - set(figures)


@pytest.mark.parametrize("bench", [registry, replica])
def test_sizes_are_bounded(bench: object) -> None:
    """A size that would take the machine down is wrong use."""
    with pytest.raises(SystemExit):
        bench.run(["--entries", "999999999"])  # type: ignore[attr-defined]
