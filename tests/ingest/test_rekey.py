"""Pseudonyms and keys: nobody is named, and a subject's events stay together."""

from typing import Any

import msgspec
import pytest

from ingest.columns import Columns
from ingest.formats.event import RefreshEvent
from ingest.formats.native import encode
from ingest.pseudonyms import Pseudonyms
from ingest.rekey import Rekey
from revocation.record import Scope, digester, unmask
from tests.telemetry import ISS, KEY

NAMES: dict[str, str] = {
    "sub": "ann",
    "sid": "session-of-ann",
    "access_jti": "access-7",
    "token": "refresh-7",
    "successor": "refresh-8",
    "device_id": "phone-of-ann",
    "user_agent": "Mozilla/5.0 (Ann's phone)",
}


def event(**given: Any) -> RefreshEvent:
    """A native event."""
    return RefreshEvent(**{"at": 1_767_323_045_678, "iss": ISS, "outcome": "success", "client_id": "spa", **given})


def masked(one: RefreshEvent) -> RefreshEvent:
    """A copy of the event with pseudonyms in it."""
    copy = msgspec.structs.replace(one)
    Pseudonyms(KEY).put(copy)
    return copy


def test_nobody_is_named() -> None:
    """Of all that could tell who it was, only keyed digests are left."""
    value = encode(masked(event(**NAMES, ip="203.0.113.7"))).decode()

    assert [] == [name for name in NAMES.values() if name in value]
    assert [True, True, True] == [word in value for word in (ISS, "spa", "203.0.113.7")]


def test_pseudonyms_are_what_the_registry_matches() -> None:
    """Subject, session and access token become the digests of their scopes."""
    out = masked(event(**NAMES))

    for member, scope in (("sub", Scope.SUBJECT), ("sid", Scope.FAMILY), ("access_jti", Scope.TOKEN)):
        assert digester(KEY, scope, ISS)(NAMES[member]) == unmask(getattr(out, member))


@pytest.mark.parametrize("given", [NAMES, {**NAMES, "device_id": None}], ids=["device", "agent"])
def test_the_detector_sees_the_same_either_way(given: dict[str, str | None]) -> None:
    """Columns of identities are the same, whether the route put pseudonyms or the identifiers came themselves."""
    plain, veiled = (Columns(KEY).batch([one]) for one in (event(**given), masked(event(**given))))

    assert {
        name: getattr(plain, name).tolist()
        for name in ("subject", "subject_low", "family", "access", "device", "client")
    } == {
        name: getattr(veiled, name).tolist()
        for name in ("subject", "subject_low", "family", "access", "device", "client")
    }


def test_a_pseudonym_is_not_masked_again() -> None:
    """What another house has masked under the same key stays as it is."""
    once = masked(event(**NAMES))

    assert once == masked(once)


def test_what_is_absent_stays_absent() -> None:
    """An event without identifiers gets none."""
    assert event(ip="203.0.113.7") == masked(event(ip="203.0.113.7"))


def test_an_event_without_an_id_is_named_by_its_content() -> None:
    """The same content has the same id, another has another, and an id that came is kept."""
    ids = []
    for one in (event(sub="ann"), event(sub="ann"), event(sub="bob"), event(sub="ann", id="given")):
        Pseudonyms(KEY).name(one)
        ids.append(one.id)

    assert ids[0] == ids[1] != ids[2]
    assert "given" == ids[3]


def test_keys_keep_a_subject_together() -> None:
    """The key is the subject, whatever the session."""
    rekey = Rekey(Pseudonyms(KEY))
    keys = {rekey.key(event(sub="ann", sid=sid)) for sid in ("1", "2", None)}

    assert {(digester(KEY, Scope.SUBJECT, ISS)("ann").hex().encode(), "subject")} == keys


def test_a_session_is_followed_to_its_subject() -> None:
    """An event that names only a session seen before gets that session's subject, as key and as member."""
    rekey = Rekey(Pseudonyms(KEY))
    first = masked(event(sub="ann", sid="1"))
    known, _ = rekey.key(first)
    later = masked(event(sid="1", outcome="refused"))

    assert (known, "recalled") == rekey.key(later)
    assert first.sub == later.sub


def test_a_session_never_seen_is_its_own_key() -> None:
    """Without a subject the session keeps its events together."""
    rekey = Rekey(Pseudonyms(KEY))

    assert (digester(KEY, Scope.FAMILY, ISS)("1").hex().encode(), "session") == rekey.key(event(sid="1"))


def test_without_anybody_the_address_is_the_key() -> None:
    """An event that names neither subject nor session is keyed by where it came from."""
    assert (b"203.0.113.7", "address") == Rekey(Pseudonyms(KEY)).key(event(ip="203.0.113.7"))


def test_the_memory_of_sessions_is_bounded() -> None:
    """The session seen least recently is forgotten, one that was asked for is not."""
    rekey = Rekey(Pseudonyms(KEY), most_sessions=2)
    for step in (event(sub="ann", sid="1"), event(sub="bob", sid="2"), event(sid="1"), event(sub="cid", sid="3")):
        rekey.key(step)

    assert ["recalled", "session", "recalled"] == [rekey.key(event(sid=sid))[1] for sid in ("1", "2", "3")]
