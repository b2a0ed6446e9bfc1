"""Tallies survive the wire, whole and each origin by itself; what is none is set aside with its reason."""

from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.tallies import SCHEMA, OriginKind, Tallies
from ingest.tally_messages import LAYOUT, MOST_ROWS, read_tallies, tally_messages
from tests.ingest.records import record

RANGES: dict[str, tuple[int, int]] = {
    "at": (0, 2**44 - 1),
    "kind": (1, 3),
    "origin": (1, 2**64 - 1),
    "refused": (0, 1),
    "fault": (0, 6),
    "level": (0, 2**63 - 1),
}
WIDEST = {"bool": (0, 1), "uint64": (0, 2**64 - 1)}


def rows() -> st.SearchStrategy[dict[str, int]]:
    """One row with any values that a row may have; few origins, so that they come again."""
    columns = {name: st.integers(*RANGES.get(name, WIDEST.get(dtype, (0, 1)))) for name, (dtype, _) in SCHEMA.items()}
    return st.fixed_dictionaries(columns | {"origin": st.integers(1, 3) | columns["origin"]})


def tallies_of(given: list[dict[str, int]]) -> Tallies:
    """The rows as columns."""
    return Tallies.of(**{name: np.array([row[name] for row in given], SCHEMA[name][0]) for name in SCHEMA})


def rows_of(tallies: Tallies) -> list[tuple[Any, ...]]:
    """The columns as rows."""
    return list(zip(*(getattr(tallies, name).tolist() for name in SCHEMA), strict=True))


def sent(tallies: Tallies) -> list[Any]:
    """The messages as records."""
    return [record(m.value or b"", n) for n, m in enumerate(tally_messages("t", tallies))]


def many(count: int, **columns: int) -> Tallies:
    """So many rows of one origin."""
    return Tallies.of(
        at=np.arange(count), origin=np.full(count, 7), **{n: np.full(count, v) for n, v in columns.items()}
    )


@given(st.lists(rows(), max_size=30))
def test_all_columns_come_back_exactly(given: list[dict[str, int]]) -> None:
    """Whatever the rows hold: all of them come back, of each origin in the order of their times."""
    reading, back = read_tallies(sent(tallies_of(given)))
    in_order = sorted(given, key=lambda row: (row["kind"], row["origin"], row["at"]))

    assert rows_of(tallies_of(in_order)) == rows_of(back)
    assert (len(given), []) == (len(reading.origins), reading.rejects)
    assert [SCHEMA[name][0] for name in SCHEMA] == [getattr(back, name).dtype.name for name in SCHEMA]


def test_each_origin_has_a_message_and_a_key_of_its_own() -> None:
    """Kind and origin make the key; the same number of another kind is another origin."""
    one, other = many(3), many(2, kind=OriginKind.KIN)
    messages = list(tally_messages("t", Tallies.concat([one, other, one])))

    assert [b"010000000000000007", b"030000000000000007"] == [message.key for message in messages]


def test_an_origin_with_many_rows_gets_several_messages() -> None:
    """No message is larger than a broker takes, and nothing is lost."""
    whole = many(2 * MOST_ROWS + 1)
    messages = list(tally_messages("t", whole))

    assert [True] * 3 == [len(message.value or b"") < 400_000 for message in messages]
    assert rows_of(whole) == rows_of(read_tallies(sent(whole))[1])


def test_each_row_knows_its_record() -> None:
    """Where an alert is about a row, its record can be named."""
    records = sent(Tallies.concat([many(2), many(1, kind=OriginKind.NETWORK)]))
    reading, _ = read_tallies(records)

    assert [records[0], records[0], records[1]] == reading.origins


ROW = (next(iter(tally_messages("t", many(1)))).value or b"")[-83:]


def altered(layout: int = LAYOUT, kind: int = 1, origin: int = 7, rows: bytes = ROW) -> bytes:
    """A message with something wrong in it."""
    return msgspec.msgpack.encode((layout, kind, origin, rows))


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "bad_tally"),
        (b"{}", "bad_tally"),
        (altered(layout=LAYOUT ^ 1), "other_layout"),
        (altered(kind=0), "bad_tally"),
        (altered(kind=4), "bad_tally"),
        (altered(origin=0), "bad_tally"),
        (altered(rows=b""), "bad_tally"),
        (altered(rows=ROW[1:]), "bad_tally"),
        (altered(rows=ROW * (MOST_ROWS + 1)), "bad_tally"),
        (altered(rows=b"\xff" * len(ROW)), "bad_tally"),
        (altered(rows=ROW + b"\x02" * len(ROW)), "bad_tally"),
        (altered(rows=ROW[:-8] + b"\xff" * 8), "bad_tally"),
    ],
)
def test_what_is_no_tally_is_set_aside(value: bytes | None, reason: str) -> None:
    """It goes away whole and says why; its neighbours are read."""
    good = sent(many(2))[0]
    bad = record(value, 1)
    reading, tallies = read_tallies([good, bad, good])

    assert [(bad, reason)] == [(one, reject.reason) for one, reject in reading.rejects]
    assert rows_of(many(2)) * 2 == rows_of(tallies)
