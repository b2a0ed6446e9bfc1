"""Tallies: which events the origin stage is told of, and what."""

from typing import Any

import numpy as np
import pytest

from detector.batch import Fault, Outcome
from detector.signals.spread import Met
from detector.tallies import BUSY, OriginKind, Tallies, tally
from detector.verdict import Reason
from tests.detector.sessions import START, Row, batch_of

FULL: Row = {
    "origin": 11,
    "origin_low": 12,
    "asn": 64500,
    "client": 7,
    "agent": 8,
    "issuer": 9,
    "subject": 1,
    "family": 2,
}


def told(rows: list[Row], **known: Any) -> Tallies:
    """The tallies of the rows; each was refused if it says so, and of its pair is known what `known` says."""
    batch = batch_of(rows)
    n = len(rows)
    met = Met(
        np.array(known.get("contact", [False] * n)),
        np.array(known.get("stranger", [False] * n)),
        np.array(known.get("level", [0] * n), np.int64),
    )
    return tally(batch, met, batch.outcome != 0, np.array(known.get("held", [0] * n), np.uint64))


@pytest.mark.parametrize(
    ("known", "refused", "is_told"),
    [
        ({"contact": [True]}, False, True),
        ({"stranger": [True]}, True, True),
        ({"stranger": [True]}, False, False),
        ({"level": [BUSY + 1]}, False, True),
        ({"level": [BUSY]}, False, False),
        ({}, True, False),
        ({}, False, False),
    ],
    ids=["a contact", "a refused stranger", "a stranger", "busy", "not busy", "refused at home", "everyday"],
)
def test_what_is_told(known: dict[str, list[int]], *, refused: bool, is_told: bool) -> None:
    """Contacts, refused strangers and busy pairs are told; nine in ten events are not."""
    rows = [FULL | {"outcome": Outcome.REFUSED if refused else Outcome.SUCCESS}]

    assert (len(told(rows, **known)) > 0) == is_told


def test_each_kind_of_origin_has_a_row() -> None:
    """The address, its network, and the program at its client."""
    rows = told([FULL], contact=[True])

    assert rows.kind.tolist() == list(OriginKind)
    assert rows.origin.tolist()[:2] == [11, 64500]


@pytest.mark.parametrize(
    ("missing", "kinds"),
    [
        ({"asn": 0}, ["address", "kin"]),
        ({"agent": 0}, ["address", "network"]),
        ({"client": 0}, ["address", "network"]),
        ({"origin": 0}, []),
    ],
    ids=str,
)
def test_what_an_event_lacks_has_no_row(missing: Row, kinds: list[str]) -> None:
    """An unknown network or program is no origin; without an address nothing is told."""
    rows = told([FULL | missing], contact=[True])

    assert [OriginKind(kind).slug for kind in rows.kind] == kinds


def test_kin_is_one_client_with_one_program() -> None:
    """Another client or another user agent is other kin; another address or issuer is not."""
    others = ({"agent": 80}, {"client": 70}, {"origin": 5}, {"subject": 5})
    rows = told([FULL, *(FULL | other for other in others)], contact=[True] * 5)

    kin = rows.take(rows.kind == OriginKind.KIN).origin.tolist()

    assert [key == kin[0] for key in kin] == [True, False, False, True, True]


def test_rows_stand_in_the_order_of_their_events() -> None:
    """All of one event, then all of the next; events that are not told leave no gap."""
    rows = told([FULL | {"at": at} for at in (5, 6, 7)], contact=[True, False, True])

    assert (rows.at - START).tolist() == [5, 5, 5, 7, 7, 7]


def test_each_row_says_who_and_what() -> None:
    """Whose session, from which address, how it was refused, and what is known of the pair."""
    event = FULL | {"outcome": Outcome.REFUSED, "fault": Fault.STALE, "subject_low": 3, "family_low": 4}
    row = told([event], contact=[True], stranger=[True], level=[5]).take(slice(1, 2))

    said = {name: getattr(row, name).tolist()[0] for name in row.SCHEMA}

    assert said == {
        "at": START, "kind": OriginKind.NETWORK, "origin": 64500, "issuer": 9, "client": 7, "address": 11,
        "address_low": 12, "subject": 1, "subject_low": 3, "family": 2, "family_low": 4, "refused": 1,
        "fault": Fault.STALE, "contact": True, "stranger": True, "held": False, "level": 5,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("held", "is_held"),
    [(Reason.SYSTEMIC_VOLUME, True), (Reason.SYSTEMIC_REUSE, False), (Reason.SYSTEMIC_TRAVEL, False)],
)
def test_a_population_that_fails_says_nothing_of_an_origin(held: Reason, *, is_held: bool) -> None:
    """Only the cause that refusals may have is passed on."""
    assert told([FULL], contact=[True], held=[held]).held.tolist() == [is_held] * 3
