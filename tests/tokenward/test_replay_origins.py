"""Replay judges origins, too, whatever the batches."""

from typing import Any

import pytest

from ingest.columns import Columns
from ingest.formats import FORMATS
from revocation.policy import Policy, Rules
from tests.telemetry import ISS, ISSUER, ISSUERS, KEY, Session, Stranger
from tokenward.lines import Line
from tokenward.replay import Replay

START = 1_767_323_045_678
RULES = Rules.of(Policy(), [ISSUER], KEY)


def replayed(values: list[bytes], batch_size: int) -> list[dict[str, Any]]:
    """All that is decided."""
    replay = Replay(FORMATS["native"], ISSUERS, Columns(KEY), RULES, batch_size=batch_size)
    return list(replay.decisions(Line("a", number, value) for number, value in enumerate(values, 1)))


def attack() -> list[bytes]:
    """Honest people, a theft, and between them somebody who tries 150 foreign tokens from one address."""
    stranger, thief = Stranger(START), Session(START, step_ms=1_000)
    return [*thief.refreshes(4), *stranger.tries(100), thief.theft(), *stranger.tries(50), *thief.refreshes(2)]


@pytest.fixture(scope="module")
def values() -> list[bytes]:
    """The same attack for all tests."""
    return attack()


def test_an_address_is_told_of_once_and_by_its_name(values: list[bytes]) -> None:
    """One quarantine about the address, which names it and nobody else's session."""
    (decided,) = [one for one in replayed(values, 10_000) if one.get("origin") and one["level"] == "quarantine"]

    assert ("origin", "address", Stranger.ip, ISS) == tuple(decided[name] for name in ("scope", "origin", "ip", "iss"))
    assert {"sub", "sid", "client_id", "events", "asn"}.isdisjoint(decided)
    assert "failure.stuffing" in decided["reasons"]


@pytest.mark.parametrize("batch_size", [1, 7])
def test_any_batches_decide_the_same_in_the_same_order(values: list[bytes], batch_size: int) -> None:
    """Both stages' decisions stand in the order of the stream."""
    whole = replayed(values, 10_000)

    assert whole == replayed(values, batch_size)
    assert sorted(one["at"] for one in whole if one.get("origin")) == [one["at"] for one in whole if one.get("origin")]
