"""The engine: evidence that comes together, snapshots, configuration."""

from dataclasses import replace

import numpy as np
import pytest

from detector.batch import SCHEMA, Fault, Outcome, RefreshBatch
from detector.config import CadenceConfig, DetectorConfig, ReuseConfig, Thresholds, TravelConfig
from detector.engine import Engine
from detector.fusion import FINDINGS
from detector.globe import HALF_ROUND_KM, distance_km
from detector.signals.triage import Finding
from detector.state import SCHEMA_VERSION
from detector.verdict import CHANNELS, Level, Reason, Verdicts, slugs
from detector.weights import ODDS

START = 1_770_000_000_000


def stolen() -> RefreshBatch:
    """A parent replayed from across the world a minute after it was used: suspicious twice."""
    return RefreshBatch.of(
        at=[START, START + 60_000],
        family=[1, 1],
        subject=[2, 2],
        network=[3 << 40, 4 << 40],
        lat=[5252, 3568],
        lon=[1340, 13969],
        accuracy=[20, 20],
        token=[10, 10],
        successor=[11, 0],
        outcome=[Outcome.SUCCESS, Outcome.REFUSED],
        fault=[Fault.NONE, Fault.REUSE],
    )


def test_two_independent_signals_revoke_together() -> None:
    """Neither a suspected reuse nor impossible travel revokes alone; both at once do."""
    verdicts = Engine(DetectorConfig()).process(stolen(), START)

    assert [slugs(int(bits)) for bits in verdicts.reasons] == [["reuse.theft_suspected", "travel.impossible"]]
    assert verdicts.level.tolist() == [Level.REVOKE]
    assert verdicts.score.tolist() == [0.999975]


def test_thresholds_can_be_changed_without_losing_what_is_known() -> None:
    """A new configuration holds from the next event on; the state stays."""
    engine = Engine(DetectorConfig())
    engine.process(stolen().take(slice(0, 1)), START)
    engine.configure(replace(engine.config, thresholds=Thresholds(quarantine=0.999, revoke=0.9999999)))

    verdicts = engine.process(stolen().take(slice(1, 2)), START)

    assert verdicts.level.tolist() == [Level.QUARANTINE]


def test_a_snapshot_of_another_schema_is_refused() -> None:
    """An older snapshot is not guessed at; the stream is replayed instead."""
    snapshot = Engine(DetectorConfig()).snapshot() | {"schema": np.array([SCHEMA_VERSION + 1])}

    with pytest.raises(ValueError, match="start without it"):
        Engine.restore(DetectorConfig(), None, snapshot)


def test_a_snapshot_stays_what_it_is() -> None:
    """The engine goes on, the snapshot does not change under its holder."""
    engine = Engine(DetectorConfig())
    engine.process(stolen().take(slice(0, 1)), START)
    snapshot = engine.snapshot()
    before = {name: array.tobytes() for name, array in snapshot.items()}

    engine.process(stolen().take(slice(1, 2)), START)

    assert before == {name: array.tobytes() for name, array in snapshot.items()}


def test_a_tracked_family_costs_less_than_300_bytes() -> None:
    """Families are the table that grows with the sessions alive."""
    assert Engine(DetectorConfig()).state.families.bytes_per_row <= 300


def test_every_finding_has_a_reason_and_every_channel_a_ladder() -> None:
    """No outcome is silent, no channel is weightless by oversight."""
    assert set(FINDINGS) == set(Finding) - {Finding.NONE}
    assert set(ODDS.ladders) == set(CHANNELS)


def test_reasons_have_names() -> None:
    """The slugs are those of the contracts."""
    assert slugs(Reason.REUSE_THEFT_CONFIRMED | Reason.TRAVEL_IMPOSSIBLE) == [
        "reuse.theft_confirmed",
        "travel.impossible",
    ]
    assert Level.QUARANTINE.slug == "quarantine"


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: ReuseConfig(leeway_ms=60_001), "0 to 60 s"),
        (lambda: ReuseConfig(client_leeway_ms={1: -1}), "0 to 60 s"),
        (lambda: TravelConfig(floor_km=-1), "0 or more"),
        (lambda: TravelConfig(flight_kmh=0), "above 0"),
        (lambda: TravelConfig(slack_ms=-1), "0 or more"),
        (lambda: CadenceConfig(family_floor=0), "above 0"),
        (lambda: CadenceConfig(watch_nats=60), "watch_nats <= burst_nats"),
        (lambda: Thresholds(quarantine=0.99), "quarantine <= revoke"),
        (lambda: DetectorConfig(subjects=3), "at least 4"),
    ],
)
def test_an_impossible_configuration_is_refused(make: type, sentence: str) -> None:
    """One sentence says what is wrong."""
    with pytest.raises(ValueError, match=sentence):
        make()


def test_a_configuration_has_a_hash_of_its_own() -> None:
    """Equal configurations have equal hashes, others do not; the order of clients does not matter."""
    one = DetectorConfig(reuse=ReuseConfig(client_leeway_ms={1: 5, 2: 6}))
    same = DetectorConfig(reuse=ReuseConfig(client_leeway_ms={2: 6, 1: 5}))

    assert one.hash == same.hash
    assert len({one.hash, DetectorConfig().hash, DetectorConfig(families=5).hash}) == 3


def test_columns_that_do_not_fit_are_refused() -> None:
    """Columns of different lengths or of other names are no batch."""
    with pytest.raises(ValueError, match="one length"):
        RefreshBatch.of(at=[1, 2], family=[1])
    with pytest.raises(ValueError, match="colour"):
        RefreshBatch.of(colour=[1])


def test_batches_are_joined_and_taken_apart() -> None:
    """Concatenating parts gives the whole, and every column is there with its dtype."""
    batch = stolen()

    joined = RefreshBatch.concat([batch.take(slice(0, 1)), RefreshBatch.empty(), batch.take(np.array([1]))])

    assert {n: getattr(joined, n).tolist() for n in SCHEMA} == {n: getattr(batch, n).tolist() for n in SCHEMA}
    assert {n: getattr(joined, n).dtype.name for n in SCHEMA} == {n: dtype for n, (dtype, _) in SCHEMA.items()}
    assert len(Verdicts.concat([])) == 0


@pytest.mark.parametrize(
    ("a", "b", "km"),
    [
        ((5252, 1340), (5252, 1340), 0),
        ((5252, 1340), (4886, 235), 878),
        ((4071, -7400), (-3387, 15121), 15989),
        ((0, 17999), (0, -17999), 2),
        ((9000, 0), (-9000, 0), HALF_ROUND_KM),
        ((0, 0), (0, 18000), HALF_ROUND_KM),
    ],
)
def test_distances_are_great_circles(a: tuple[int, int], b: tuple[int, int], km: int) -> None:
    """Known distances, to a kilometre (haversine with the mean radius)."""
    one, other = (np.array([[lat], [lon]], np.int32) for lat, lon in (a, b))

    assert distance_km(*one, *other).tolist() == pytest.approx([km], abs=1)
