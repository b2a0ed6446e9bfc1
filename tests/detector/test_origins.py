"""The origin stage, told by an engine: stuffing, carriers, botnets."""

from dataclasses import replace
from typing import Any, Final

import numpy as np
import pytest

from detector.batch import Fault, Outcome
from detector.config import DetectorConfig
from detector.engine import Engine
from detector.origins import SCHEMA_VERSION, OriginEngine
from detector.tallies import OriginKind, Tallies
from detector.verdict import Level, Reason, Verdicts
from tests.detector.sessions import HOUR, START, Row, batch_of, key

WRONG: Final = {"outcome": Outcome.REFUSED, "fault": Fault.INVALID_GRANT}


def attempts(n: int, *, every: int = 200, **columns: Any) -> list[Row]:
    """Tokens of n sessions come from one address, one after another; `columns` may be functions of the session."""
    everybody = {"issuer": 1, "client": key("client", 1), "agent": key("agent", 1), "asn": 64500}
    return [
        {"at": number * every, "family": key("family", number + 1), "subject": key("subject", number + 1)}
        | {"origin": key("origin", 1)}
        | everybody
        | {name: value(number) if callable(value) else value for name, value in columns.items()}
        for number in range(n)
    ]


def told(rows: list[Row]) -> Tallies:
    """What a worker passes on of the rows."""
    return Engine(DetectorConfig()).judge(batch_of(rows), START).tallies


def verdicts_by_kind(rows: list[Row]) -> dict[OriginKind, tuple[Level, Reason]]:
    """The highest level and the reasons of all verdicts on each kind of origin."""
    tallies = told(rows)
    verdicts = OriginEngine(DetectorConfig()).process(tallies, START)
    kinds = tallies.kind[verdicts.row]
    return {
        kind: (Level(verdicts.level[here].max()), Reason(int(np.bitwise_or.reduce(verdicts.reasons[here]))))
        for kind in OriginKind
        if (here := kinds == kind).any()
    }


def test_a_hundred_and_fifty_foreign_tokens_are_quarantined() -> None:
    """One address tries them within half a minute: the address is stuffing, and so are its network and program."""
    found = verdicts_by_kind(attempts(150, **WRONG))

    assert found[OriginKind.ADDRESS] == (Level.QUARANTINE, Reason.FAILURE_STUFFING | Reason.SPREAD_ORIGIN)
    assert {level for level, _ in found.values()} == {Level.QUARANTINE}
    assert found[OriginKind.NETWORK][1] == found[OriginKind.KIN][1] == Reason.FAILURE_STUFFING


def test_a_carriers_address_is_watched_at_most() -> None:
    """A thousand honest strangers within a minute: an aeroplane's Wi-Fi, a carrier's gateway."""
    assert verdicts_by_kind(attempts(1000, every=60)) == {OriginKind.ADDRESS: (Level.WATCH, Reason.SPREAD_ORIGIN)}


def test_a_carriers_sleepy_phones_are_not_stuffing() -> None:
    """One in ten of a thousand strangers comes with a session that had ended."""
    sleepy = attempts(
        1000,
        every=60,
        outcome=lambda number: Outcome.REFUSED if number % 10 == 0 else Outcome.SUCCESS,
        fault=lambda number: Fault.ENDED if number % 10 == 0 else Fault.NONE,
    )

    assert {reasons for _, reasons in verdicts_by_kind(sleepy).values()} == {Reason.SPREAD_ORIGIN}


def test_a_botnet_is_known_by_its_kin() -> None:
    """Each foreign token comes from an address and a network of its own, all with one program."""
    botnet = attempts(150, origin=lambda number: key("bot", number + 1), asn=lambda number: 65000 + number, **WRONG)

    assert verdicts_by_kind(botnet) == {OriginKind.KIN: (Level.QUARANTINE, Reason.FAILURE_STUFFING)}


def test_a_family_at_home_is_no_stuffing() -> None:
    """The same refusals of sessions that are known at the address are an outage."""
    known = attempts(150, every=1)
    again = [row | WRONG | {"at": row["at"] + 60_000} for row in known]

    assert OriginKind.NETWORK not in verdicts_by_kind(known + again)


def flat(verdicts: Verdicts) -> list[list[float]]:
    """Rows, scores and reasons."""
    return [verdicts.row.tolist(), verdicts.score.tolist(), verdicts.reasons.tolist()]


def test_a_restored_stage_goes_on() -> None:
    """A snapshot between two halves of an attack changes nothing; what it was taken of may go on."""
    tallies = told(attempts(150, **WRONG))
    half, config = len(tallies) // 2, DetectorConfig()
    whole, first = OriginEngine(config), OriginEngine(config)
    everything = whole.process(tallies, START)
    before = first.process(tallies.take(slice(0, half)), START)

    after = OriginEngine.restore(config, first.snapshot()).process(tallies.take(slice(half, len(tallies))), START)

    assert flat(Verdicts.concat([before, after.moved(half)])) == flat(everything)


def test_a_snapshot_of_another_schema_is_refused() -> None:
    """It is not guessed at: tallies are read again instead."""
    snapshot = OriginEngine(DetectorConfig()).snapshot() | {"schema": np.array([SCHEMA_VERSION + 1])}

    with pytest.raises(ValueError, match="start without it"):
        OriginEngine.restore(DetectorConfig(), snapshot)


def test_memory_is_bounded() -> None:
    """Of more addresses than there is room for, those not seen for longest are forgotten, and counted."""
    tallies = told(attempts(100, origin=lambda number: key("origin", number + 1), asn=0, agent=0))
    engine = OriginEngine(DetectorConfig(origins=16))

    engine.process(tallies, START)

    engine.origins.check()
    assert (len(tallies), len(engine.origins) <= 16, engine.origins.evicted + len(engine.origins)) == (100, True, 100)


def test_what_is_not_seen_for_long_is_forgotten_first() -> None:
    """An address under attack stays while others come and go."""
    passing = told(
        attempts(100, every=300, asn=0, agent=0, origin=lambda number: key("origin", 1 + number * (number % 2)))
    )
    verdicts = OriginEngine(DetectorConfig(origins=16)).process(
        replace(passing, refused=passing.contact.astype(np.uint8)), START
    )

    assert verdicts.level.max() == Level.QUARANTINE


def test_another_configuration_holds_from_the_next_tally_on() -> None:
    """State stays; floors and thresholds change."""
    config = DetectorConfig()
    engine = OriginEngine(config)
    engine.configure(replace(config, failure=replace(config.failure, origin_floor=10_000)))

    verdicts = engine.process(told(attempts(150, **WRONG)), START)

    assert int(np.bitwise_or.reduce(verdicts.reasons)) == Reason.SPREAD_ORIGIN


def test_the_clock_never_runs_back() -> None:
    """No tallies are a tick; an earlier one changes nothing."""
    engine = OriginEngine(DetectorConfig())

    told_of = [len(engine.process(Tallies.empty(), now)) for now in (START + HOUR, START)]

    assert (told_of, engine.clock) == ([0, 0], START + HOUR)
