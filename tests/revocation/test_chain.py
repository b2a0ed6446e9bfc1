"""Chains: how records are sealed."""

import json
from hashlib import blake2b

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from revocation.audit import Event
from revocation.chain import ANNOUNCED, MOST_ENTRIES, MOST_FOLLOWED, MOST_TEXT, Chain, Head, key_id
from revocation.feed import public
from tests.revocation.entries import entry
from tests.revocation.trails import KEY, chain, event


def test_anybody_can_check_a_record_with_a_few_lines() -> None:
    """JSON with sorted names and no white space, without `hash`, digested by BLAKE2b-256: nothing of ours is needed."""
    members = json.loads(chain()[3].line)
    own = members.pop("hash")
    text = json.dumps(members, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()

    assert own == blake2b(text, digest_size=32, person=b"tokenward.audit").hexdigest()


@given(st.text(), st.dictionaries(st.text(), st.text(), max_size=3))
def test_every_text_has_one_form(reason: str, details: dict[str, str]) -> None:
    """Whatever somebody writes as a reason, the record is the canonical JSON of what is read of it."""
    (sealed,) = Chain("api-1").seal([Event(at=1, actor="a", via="b", action="c", reason=reason, details=details)])
    again = json.dumps(json.loads(sealed.line), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()

    assert sealed.line == again


def test_records_are_numbered_and_linked() -> None:
    """Each names the hash of the one before; the first names none."""
    records = [json.loads(sealed.line) for sealed in chain(count=3)]

    assert [0, 1, 2] == [record["number"] for record in records]
    assert ["", records[0]["hash"], records[1]["hash"]] == [record["previous"] for record in records]


def test_what_is_sealed_counts_once_it_is_durable() -> None:
    """Sealing again gives the same records until the chain is told to advance."""
    made = Chain("api-1")
    first = made.seal([event(1)])
    again = made.seal([event(1)])
    made.advance(first)
    made.advance([])

    assert (first, 0, 1) == (again, made.head.number, made.seal([event(2)])[0].head.number)
    assert Head(chain="api-2", number=ANNOUNCED) == Chain("api-2").head


def test_the_first_record_names_the_newest_heads() -> None:
    """Of the chains that its writer knows of, the last so many; later records name none."""
    known = [Head(chain=f"c{number}", number=number, hash="00") for number in range(MOST_FOLLOWED + 1)]
    first, second = (json.loads(sealed.line) for sealed in chain(count=2, follows=known))

    assert [f"c{number}" for number in range(1, MOST_FOLLOWED + 1)] == [head["chain"] for head in first["follows"]]
    assert "follows" not in second


def test_a_long_list_of_entries_is_divided() -> None:
    """A bulk stands in as many records as it needs, all under its request, and loses nothing."""
    entries = tuple(public(entry(), number, with_actor=True) for number in range(MOST_ENTRIES + 1))
    records = [
        json.loads(sealed.line)["event"] for sealed in Chain("api-1").seal([event(request="b", entries=entries)])
    ]

    assert [(MOST_ENTRIES, "b"), (1, "b")] == [(len(record["entries"]), record["request"]) for record in records]
    assert json.loads(msgspec.json.encode(public(entry(), with_actor=True))) == records[1]["entries"][0]


def test_no_text_is_too_long_and_none_is_broken() -> None:
    """A reason is cut, and half a surrogate pair becomes `?`: no text stops the trail."""
    (sealed,) = Chain("api-1").seal([Event(at=1, actor="\ud800", via="b", action="c", reason="x" * 2 * MOST_TEXT)])
    record = json.loads(sealed.line)["event"]

    assert ("?", "x" * (MOST_TEXT - 1) + "…") == (record["actor"], record["reason"])


def test_a_key_is_named_but_not_told() -> None:
    """Records sealed with a key say its public name, and have other hashes than those without."""
    keyed, plain = (json.loads(chain(key=key)[0].line) for key in (KEY, b""))

    assert (key_id(KEY), None) == (keyed["keyed"], plain.get("keyed"))
    assert keyed["hash"] != plain["hash"]
