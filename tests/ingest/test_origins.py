"""The stage of origins on a real broker: what workers tell of an origin is judged whole, once, over restarts."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from detector.tallies import OriginKind
from ingest.tally_messages import read_tallies
from revocation.memory import MemoryRegistry
from revocation.record import Revocation, State
from tests.rig import Names, Steps, clock, past
from tests.telemetry import ISS, Stranger, origin_of

pytestmark = pytest.mark.kafka

HOUR = 3_600_000
SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "schemas" / "alert.v1.json").read_text())


@pytest.fixture
def names(kafka_bootstrap: str) -> Names:
    """Topics that nobody else knows."""
    names = Names(kafka_bootstrap)
    names.create()
    return names


@pytest.fixture
def registry() -> MemoryRegistry:
    """An empty registry."""
    return MemoryRegistry("e")


@contextmanager
def working(names: Names, registry: MemoryRegistry, **given: Any) -> Iterator[Steps]:
    """A worker that is stepped by hand, and closed afterwards."""
    worker = names.worker(registry, **given)
    try:
        yield Steps(worker.step)
    finally:
        worker.close()


@contextmanager
def judging(names: Names, registry: MemoryRegistry, **given: Any) -> Iterator[Steps]:
    """A stage of origins that is stepped by hand, and closed afterwards."""
    stage = names.origins(registry, **given)
    try:
        yield Steps(stage.step)
    finally:
        stage.close()


def found(registry: MemoryRegistry, *strangers: Stranger) -> list[Revocation | None]:
    """The entry of each address."""
    return registry.find([origin_of(stranger.ip) for stranger in strangers], clock())


def tell(names: Names, registry: MemoryRegistry, values: list[bytes]) -> None:
    """The worker reads these, and passes on what they say of origins."""
    names.tell(*values, partition=0)
    with working(names, registry) as worker:
        worker.until_total("events", len(values))


def test_an_address_that_tries_foreign_tokens_is_refused(names: Names, registry: MemoryRegistry) -> None:
    """The worker tells, the stage judges: one entry, one alert that says what kind of origin it is and what to do."""
    thief = Stranger(past())
    tell(names, registry, thief.tries(150))
    with judging(names, registry) as stage:
        stage.until(lambda: names.alerted() != [] and stage.reports[-1].behind == 0, "no alert")

        (entry,) = found(registry, thief)
        assert entry is not None
        assert State.QUARANTINED is entry.state
    alerts = [json.loads(record.value or b"") for record in names.read(names.alerts)]
    for alert in alerts:
        jsonschema.validate(alert, SCHEMA, format_checker=jsonschema.FormatChecker())
    (alert,) = (alert["data"] for alert in alerts if alert["data"]["origin"] == "address")
    assert ("origin", entry.subject.digest.hex(), "enforced", ISS) == (
        alert["scope"],
        alert["digest"],
        alert["enforcement"],
        alert["iss"],
    )
    assert "failure.stuffing" in alert["reasons"]
    assert {"subject", "family", "client_id"}.isdisjoint(alert)
    assert any("were refused" in sentence for sentence in alert["evidence"])
    assert 0 == names.unread(names.tallies)


def test_tallies_wait_for_a_commit_and_go_once(names: Names, registry: MemoryRegistry) -> None:
    """Rows go out together with the offsets that they stand for: not before, and when the worker ends."""
    names.tell(*Stranger(past()).tries(3), partition=0)
    with working(names, registry, commit_ms=HOUR) as worker:
        worker.until_total("events", 3)
        waiting = names.read(names.tallies)
    with working(names, registry, commit_ms=0) as again:
        again.until_total("replayed", 3)

    assert ([], 0) == (waiting, again.total("tallies"))
    assert 0 == names.unread(names.telemetry)
    _, tallies = read_tallies(names.read(names.tallies))
    assert [OriginKind.ADDRESS] * 3 == tallies.kind.tolist()


def test_a_restart_remembers_and_repeats_nothing(names: Names, registry: MemoryRegistry) -> None:
    """Half the evidence before, half after: the new process condemns by both, and tells nothing twice."""
    first, second = Stranger(past(), ip="198.51.100.61"), Stranger(past(), ip="198.51.100.62")
    tell(names, registry, [*first.tries(150), *second.tries(15)])
    with judging(names, registry) as stage:
        stage.until(lambda: names.alerted() != [] and names.unread(names.tallies) == 0, "the first was not told")
    told = names.alerted()
    tell(names, registry, second.tries(150))
    with judging(names, registry) as stage:
        stage.until(lambda: found(registry, second) != [None], "the second was not found")
        stage.until(lambda: names.unread(names.tallies) == 0, "not settled")

        assert stage.total("replayed") > 0
    assert [True, True] == [entry is not None for entry in found(registry, first, second)]
    assert len(set(names.alerted())) == len(names.alerted()) > len(told)


def test_what_is_no_tally_goes_to_the_dead_letters(names: Names, registry: MemoryRegistry) -> None:
    """It is set aside with its reason, and the rest is judged."""
    thief = Stranger(past())
    names.tell(b"garbage", topic=names.tallies, partition=0)
    tell(names, registry, thief.tries(150))
    with judging(names, registry) as stage:
        stage.until(lambda: names.unread(names.tallies) == 0, "not read")

    assert [(b"garbage", "bad_tally")] == names.letters()
    assert [None] != found(registry, thief)
