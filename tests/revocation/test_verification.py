"""Verification: whatever is bent in a trail is found, and what is not is left in peace."""

import json
from itertools import chain as one_after_another

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revocation.chain import HASH_BYTES, Chain, Head, Sealed, canonical, hash_of, keys_of
from revocation.verification import MOST_GAPS, RECENT, Line, Verification
from tests.revocation.trails import KEY, chain, event, faults, lines

TRAIL = chain()
HEADS = [TRAIL[-1].head]
PLACES = st.integers(0, len(TRAIL) - 1)


def test_a_trail_that_nobody_bent_has_no_faults() -> None:
    """Several chains in any mixture verify, with their heads."""
    other = chain("worker-1", 4)
    mixed = [record for pair in zip(TRAIL[:4], other, strict=True) for record in pair] + TRAIL[4:]

    assert [] == faults(mixed, [*HEADS, other[-1].head])


@given(PLACES, st.data())
def test_a_changed_byte_is_found(place: int, data: st.DataObject) -> None:
    """Whichever byte of whichever record becomes another: there is a finding at its place, or at its neighbour's."""
    text = bytearray(TRAIL[place].line)
    at = data.draw(st.integers(0, len(text) - 1))
    text[at] = data.draw(st.integers(0, 255).filter(lambda byte: byte != text[at]))
    bent: list[Sealed | bytes] = [*TRAIL[:place], bytes(text), *TRAIL[place + 1 :]]

    found = faults(bent, HEADS)
    assert {"changed", "unreadable", "forged"} & {fault for fault, *_ in found}
    assert place in {offset for _, _, _, offset in found}


def test_one_changed_byte_is_one_finding() -> None:
    """Where the record can still be read, it alone is named, with chain, number and offset."""
    bent = TRAIL[2].line.replace(b"no. 2", b"no. 9")

    assert [("changed", "api-1", 2, 2)] == faults([*TRAIL[:2], bent, *TRAIL[3:]], HEADS)


@pytest.mark.parametrize(
    "text", [b" ", b'{"a":1,"a":1}', b"[" * 100_000, b'{"chain":"","number":0,"previous":"","hash":""}', b""]
)
def test_a_line_that_is_no_record_is_named_by_its_offset(text: bytes) -> None:
    """Nothing makes the verification stumble, and what stands around it verifies."""
    assert [("unreadable", "", None, 2)] == faults([*TRAIL[:2], text, *TRAIL[2:]], HEADS)


@given(st.integers(0, len(TRAIL) - 2), st.integers(1, 3))
def test_removed_records_are_found(place: int, count: int) -> None:
    """The first missing number is told, at the record that stands behind the gap."""
    count = min(count, len(TRAIL) - 1 - place)

    assert [("removed", "api-1", place, place)] == faults([*TRAIL[:place], *TRAIL[place + count :]], HEADS)


def test_two_swapped_records_are_found() -> None:
    """The one that stands too late is named, and nothing else."""
    bent = [*TRAIL[:2], TRAIL[3], TRAIL[2], *TRAIL[4:]]

    assert [("swapped", "api-1", 2, 3)] == faults(bent, HEADS)


def test_swapped_over_others_is_found() -> None:
    """Records that changed places over others are found, each that stands too late once."""
    bent = [TRAIL[0], TRAIL[4], TRAIL[2], TRAIL[3], TRAIL[1], TRAIL[5]]

    assert [("swapped", "api-1", 2, 2), ("swapped", "api-1", 3, 3), ("swapped", "api-1", 1, 4)] == faults(bent, HEADS)


@given(st.integers(1, len(TRAIL)))
def test_a_truncated_tail_is_found(count: int) -> None:
    """The chain ends before its head: the first number that is missing is told, where the chain ends."""
    left = TRAIL[:-count]
    place = len(left)

    assert [("truncated", "api-1", place, place - 1 if left else None)] == faults(left, HEADS)


def test_a_chain_that_nobody_knows_is_forged() -> None:
    """Chains that no head names are forged, those that vouch for one another as well."""
    one = chain("x", 2, follows=[Head(chain="y", number=0, hash=chain("y", 1)[0].head.hash)])
    other = chain("y", 1, follows=[one[-1].head])
    found = faults([*TRAIL, *one, *other], HEADS)

    assert {("forged", "x"), ("forged", "y")} == {(fault, name) for fault, name, *_ in found}


def test_a_chain_that_a_known_one_follows_is_known() -> None:
    """After Redis lost the heads of what has ended, the chains that began later still vouch for it."""
    later = chain("api-2", 1, follows=HEADS)

    assert [] == faults([*TRAIL, *later], [later[-1].head])


def test_a_chain_that_began_meanwhile_is_known_by_the_heads_afterwards() -> None:
    """Heads are read before the lines; those read after them count for what began in between."""
    assert [] == faults(TRAIL, [], then=lambda: HEADS)


def test_without_heads_nobody_is_called_forged() -> None:
    """A file far from any Redis is verified as far as it can be."""
    assert [] == faults(TRAIL, [], then=lambda: None)


def test_a_tail_that_was_cut_contradicts_who_came_later() -> None:
    """Though the head in Redis was turned back, the chain that began afterwards knows better."""
    later = chain("api-2", 1, follows=HEADS)

    assert [("truncated", "api-1", 4, 3)] == faults([*TRAIL[:4], *later], [TRAIL[3].head, later[-1].head])


def test_a_chain_made_anew_contradicts_who_came_later() -> None:
    """Without a key, whoever can write topic and Redis makes a whole chain; the one that began afterwards remembers."""
    forged = Chain("api-1").seal([event(9)] * len(TRAIL))
    later = chain("api-2", 1, follows=HEADS)

    assert [("forged", "api-1", 5, 5)] == faults([*forged, *later], [forged[-1].head, later[-1].head])


def test_a_chain_made_anew_does_not_fit_its_head() -> None:
    """A head names its record by its hash."""
    forged = Chain("api-1").seal([event(9)] * len(TRAIL))

    assert [("forged", "api-1", 5, 5)] == faults(forged, HEADS)


def test_one_record_made_anew_is_found() -> None:
    """Its hash fits, but not to the neighbours: the one behind it names another."""
    before = Chain("api-1")
    before.advance(TRAIL[:3])
    (forged,) = before.seal([event(9)])

    assert [("changed", "api-1", 4, 4)] == faults([*TRAIL[:3], forged, *TRAIL[4:]], HEADS)


def test_a_second_record_of_one_number_is_forged() -> None:
    """Two records bear one number: the second one, whatever it says, is named."""
    before = Chain("api-1")
    before.advance(TRAIL[:3])
    (forged,) = before.seal([event(9)])

    assert [("forged", "api-1", 3, 4)] == faults([*TRAIL[:4], forged, *TRAIL[4:]], HEADS)


def test_a_stranger_in_a_gap_is_found() -> None:
    """A forged record that is put where one was taken away later fits to neither neighbour."""
    forged = Chain("api-1").seal([event(9)] * 3)[2]
    bent = [*TRAIL[:2], *TRAIL[3:5], forged, TRAIL[5]]

    assert [("swapped", "api-1", 2, 4), ("changed", "api-1", 2, 4)] == faults(bent, HEADS)


def test_an_identical_record_again_is_harmless() -> None:
    """A broker or a mirror may deliver twice; but a record that comes again long after is told."""
    long = chain(count=RECENT + 3)
    heads = [long[-1].head]

    assert [] == faults([*long[:3], *long[:3], *long[3:]], heads)
    assert [("forged", "api-1", 0, len(long))] == faults([*long, long[0]], heads)


def test_records_beyond_the_head_are_harmless() -> None:
    """A writer that died before it could say how far it was is no forger."""
    assert [] == faults(TRAIL, [TRAIL[2].head])


def test_an_announced_chain_without_records_is_harmless() -> None:
    """A writer that died before its first record was durable cut nothing off."""
    assert [] == faults(TRAIL, [*HEADS, Head(chain="api-2", number=-1)])


def test_what_has_been_deleted_by_age_is_not_missing() -> None:
    """Where a partition has lost its oldest records, chains may begin in the middle; they are counted."""
    verification = Verification(HEADS)
    found = [*one_after_another.from_iterable(map(verification.read, lines(TRAIL[2:], shortened=True)))]

    assert ([], 1, 4) == ([*found, *verification.end(())], verification.shortened, verification.records)


def test_what_was_deleted_by_age_may_still_be_named() -> None:
    """An old chain names one that is gone altogether by now; only where nothing has been deleted was that one cut."""
    later = chain("api-2", 1, follows=HEADS)

    def found(*, shortened: bool) -> list[str]:
        verification = Verification([later[0].head])
        read = map(verification.read, lines(later, shortened=shortened))
        return [finding.fault for finding in [*one_after_another.from_iterable(read), *verification.end()]]

    assert (["truncated"], []) == (found(shortened=False), found(shortened=True))


def test_with_a_key_nobody_else_can_seal() -> None:
    """Records without a key, and with another one, are forged for whoever has the key; its own verify."""
    keys = keys_of([KEY])
    sealed, plain, strange = (chain(key=key, count=1) for key in (KEY, b"", b"another key of the same length.."))
    head = [sealed[0].head]

    assert [] == faults(sealed, head, keys)
    assert [("forged", "api-1", 0, 0), ("truncated", "api-1", 0, None)] == faults(plain, head, keys)
    assert [("forged", "api-1", 0, 0), ("truncated", "api-1", 0, None)] == faults(strange, head, keys)


def test_a_key_that_is_not_there_is_said() -> None:
    """Who lacks the key cannot verify what was sealed with it."""
    sealed = chain(key=KEY, count=1)

    assert [("forged", "api-1", 0, 0), ("truncated", "api-1", 0, None)] == faults(sealed, [sealed[0].head])


def test_hashes_are_right_but_the_form_is_not() -> None:
    """The same members in another order are another text than the one that was written."""
    members = json.loads(TRAIL[0].line)
    bent = json.dumps(dict(reversed(members.items())), separators=(",", ":")).encode()

    assert ("changed", "api-1", 0, 0) == faults([bent, *TRAIL[1:]], HEADS)[0]


def test_gaps_are_bounded() -> None:
    """However many records are taken away, so many gaps are remembered; the others are told at once."""
    long = chain(count=4 * MOST_GAPS)
    found = faults(long[::2], [long[-2].head])

    assert list(range(1, 4 * MOST_GAPS - 1, 2)) == sorted(number or 0 for _, _, number, _ in found)


def test_chains_are_bounded() -> None:
    """However many chains somebody makes up, so many are followed; each further one is a finding."""
    verification = Verification(HEADS, most_chains=1)
    made = [*TRAIL, *chain("x", 1, follows=[Head(chain="y", number=0)])]
    found = [*one_after_another.from_iterable(map(verification.read, lines(made)))]

    assert [("forged", "x")] == [(finding.fault, finding.chain) for finding in found]
    assert [HEADS[0]] == verification.heads


def test_later_versions_may_say_more() -> None:
    """A record with members that this version does not know verifies by its hash."""
    members = {"type": "tokenward.audit.v1", "chain": "z", "number": 0, "previous": "", "event": {}, "new": [1]}
    own = hash_of(canonical(members))
    line = canonical({**members, "hash": own})

    assert 2 * HASH_BYTES == len(own)
    assert [] == [*Verification().read(Line(line))]


@pytest.mark.parametrize("text", [b"\xff", b"1e999", b"NaN", b"\\ud800", b"[" * 100_000])
def test_no_text_in_a_record_makes_it_stumble(text: bytes) -> None:
    """What cannot be read where nothing of the chain stands is a changed byte, or a line that is no record."""
    bent = TRAIL[2].line.replace(b"no. 2", text)

    assert {2} == {offset for *_, offset in faults([*TRAIL[:2], bent, *TRAIL[3:]], HEADS)} - {3}
