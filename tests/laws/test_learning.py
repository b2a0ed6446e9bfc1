"""Never learn from what is flagged: what an attack shows is as suspicious after thirty hours as in its third."""

from collections.abc import Callable
from typing import Final

import pytest

from detector.batch import Fault, Outcome
from detector.engine import Engine
from detector.origins import OriginEngine
from detector.verdict import CHANNELS
from tests.detector.sessions import HOUR, LISTENING, START, Row, batch_of, key

HOURS: Final = 30
EVENTS: Final = 100
"""Of each hour's attack."""
OWN: Final = {"family": key("family", 1), "subject": key("subject", 1), "origin": key("origin", 1)}
REFUSED: Final = {"outcome": Outcome.REFUSED, "fault": Fault.INVALID_GRANT}


def burst(_: int, __: int) -> Row:
    """One family is refreshed."""
    return OWN


def refused(_: int, __: int) -> Row:
    """One family is refused."""
    return OWN | REFUSED


def wandering(hour: int, number: int) -> Row:
    """One family comes from an address that it never met."""
    return OWN | {"origin": key("origin", 1 + hour * EVENTS + number)}


def stuffing(hour: int, number: int) -> Row:
    """One address brings a token of a family that it never met, in vain."""
    return OWN | {"family": key("family", 1 + hour * EVENTS + number)} | REFUSED


def reaching(hour: int, number: int) -> Row:
    """One address brings a token of a family that it never met."""
    return OWN | {"family": key("family", 1 + hour * EVENTS + number)}


def to_and_fro(_: int, number: int) -> Row:
    """A subject is in Berlin and in New York by turns, every half second."""
    here = {"lat": 5252, "lon": 1340} if number % 2 else {"lat": 4071, "lon": -7400}
    return OWN | here | {"accuracy": 20, "network": key("network", 1 + number % 2)}


def hands_of_a_thief(_: int, number: int) -> Row:
    """A device that is never seen but with a grandparent of the live token, now and then, and the owner's."""
    thief = {"device": key("device", 2), **REFUSED, "fault": Fault.STALE, "token": 5}
    return OWN | (thief if number % 2 else {"device": key("device", 1)})


ATTACKS: Final[dict[str, Callable[[int, int], Row]]] = {
    "cadence": burst,
    "failure": refused,
    "spread": wandering,
    "travel": to_and_fro,
    "novelty": hands_of_a_thief,
    "origin failure": stuffing,
    "origin spread": reaching,
}
"""Signal -> what its attack does, of (hour, number); reuse, effectiveness and the model learn nothing of what is usual.

Populations are left out: a record of a whole segment does creep up to what is held for many hours, since its evidence
is no attack on anybody.
"""


@pytest.mark.parametrize("signal", ATTACKS)
def test_an_attack_never_becomes_usual(signal: str) -> None:
    """The highest grade of each hour from the third on is never below that of the third."""
    engine, origins = Engine(LISTENING), OriginEngine(LISTENING)
    peaks = []
    for hour in range(HOURS):
        rows = [{"at": hour * HOUR + number * 500} | ATTACKS[signal](hour, number) for number in range(EVENTS)]
        judgement = engine.judge(batch_of(rows), START)
        of_origins = origins.process(judgement.tallies, START)
        verdicts = of_origins if signal.startswith("origin") else judgement.verdicts
        peaks.append(int(verdicts.grades[:, CHANNELS.index(signal.removeprefix("origin "))].max(initial=0)))

    assert peaks[2] > 0
    assert min(peaks[2:]) >= peaks[2]
