"""The parts of access that are pure: words of rights, credentials, buckets, and what callers may be named."""

from base64 import b64encode

import pytest

from api.access.access import Access, Caller, is_loopback
from api.access.buckets import Buckets
from api.access.credentials import Shown, field_of, shown
from api.access.grants import granted, words_of
from api.access.principal import Principal, Verb
from revocation.bearer import Malformed
from revocation.record import Scope
from tests.api.access.calling import caller, key_of

NOW = 1_000_000
ALL = frozenset(Scope)
KEY = key_of("x").encode()


@pytest.mark.parametrize(
    ("words", "verbs", "scopes"),
    [
        ([], set(), set()),
        (["check", "nonsense"], {Verb.CHECK}, set()),
        (["revoke"], {Verb.REVOKE}, ALL),
        (["revoke.family", "revoke.token"], {Verb.REVOKE}, {Scope.FAMILY, Scope.TOKEN}),
        (["revoke", "revoke.family"], {Verb.REVOKE}, ALL),
        (["release"], {Verb.RELEASE}, ALL),
        (["release", "revoke.family"], {Verb.RELEASE, Verb.REVOKE}, {Scope.FAMILY}),
        (["revoke.everything"], set(), set()),
    ],
)
def test_words_grant_rights(words: list[str], verbs: set[Verb], scopes: set[Scope]) -> None:
    """A word for one scope never widens another word's; what nobody knows grants nothing."""
    assert (frozenset(verbs), frozenset(scopes)) == granted(words)


@pytest.mark.parametrize(
    ("claim", "expected"),
    [
        ("openid tokenward.check", ["check"]),
        (["tokenward.read", 7, "read"], ["read"]),
        (None, []),
        ({"tokenward.check": 1}, []),
    ],
)
def test_scopes_are_read_as_issuers_write_them(claim: object, expected: list[str]) -> None:
    """A text with spaces or a list; words that are not ours are left out."""
    assert expected == words_of(claim)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([(b"x-api-key", KEY)], Shown("key", KEY)),
        ([(b"authorization", b"bearer " + KEY)], Shown("key", KEY, "Bearer")),
        ([(b"authorization", b"Bearer a.b.c")], Shown("token", b"a.b.c", "Bearer")),
        ([(b"authorization", b"Basic " + b64encode(b"edge:" + KEY))], Shown("key", KEY, "Basic", "edge")),
    ],
)
def test_a_credential_is_found(headers: list[tuple[bytes, bytes]], expected: Shown) -> None:
    """A key by its header, by Bearer or by Basic; a token by Bearer."""
    field = field_of([(b"host", b"x"), *headers], authorization=True)

    assert field is not None
    assert expected == shown(field)


@pytest.mark.parametrize(
    "headers",
    [
        [(b"x-api-key", KEY), (b"x-api-key", KEY)],
        [(b"x-api-key", KEY), (b"authorization", b"Bearer x")],
        [(b"authorization", b"DPoP x")],
        [(b"authorization", b"Digest x")],
        [(b"authorization", b"Bearer")],
        [(b"authorization", b"Basic " + b64encode(b"nocolon"))],
        [(b"authorization", b"Basic " + b64encode(b"\xff:x"))],
        [(b"authorization", b"Basic %%%")],
    ],
)
def test_what_is_no_one_credential_is_malformed(headers: list[tuple[bytes, bytes]]) -> None:
    """Several, other schemes and broken ones are refused, not chosen from."""
    with pytest.raises(Malformed):
        shown(field_of(headers, authorization=True) or (b"", b""))


def test_the_authorization_of_somebody_else_is_left_alone() -> None:
    """Behind a gateway the header is the gateway's client's."""
    headers = [(b"authorization", b"x y"), (b"x-api-key", KEY)]

    assert (b"x-api-key", KEY) == field_of(headers, authorization=False)


def test_a_bucket_empties_at_once_and_fills_evenly() -> None:
    """Two in a window of a minute: the third waits for half a minute."""
    buckets = Buckets(2, 60)
    taken = [buckets.take("a", at) for at in (NOW, NOW, NOW, NOW + 29_999, NOW + 30_000, NOW + 30_000)]

    assert [(True, 1, 30), (True, 0, 60), (False, 0, 30), (False, 0, 1), (True, 0, 60), (False, 0, 30)] == taken


def test_looking_takes_nothing() -> None:
    """Whether there is one may be asked as often as one likes."""
    buckets = Buckets(1, 60)
    looked = [buckets.has("a", NOW), buckets.has("a", NOW), buckets.take("a", NOW).allowed, buckets.has("a", NOW)]

    assert [True, True, True, False] == looked


def test_buckets_are_bounded() -> None:
    """Of more names than there is room for, the one that came longest ago is forgotten."""
    buckets = Buckets(1, 60, most=2)
    for name in "abc":
        buckets.take(name, NOW)

    assert (2, True, False) == (len(buckets), buckets.has("a", NOW), buckets.has("c", NOW))


def test_a_clock_that_is_put_back_closes_nothing_for_long() -> None:
    """A bucket is full again a window later at the latest, whatever the clock did."""
    buckets = Buckets(1, 60)
    buckets.take("a", NOW + 10_000_000)

    assert [False, True] == [buckets.has("a", NOW), buckets.has("a", NOW + 10_060_000)]


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("::1", True), ("[::1]", True), ("localhost", True), ("0.0.0.0", False), ("::", False)],  # noqa: S104
)
def test_loopback_is_this_machine_alone(host: str, expected: bool) -> None:
    """Every address at once is not loopback."""
    assert expected == is_loopback(host)


@pytest.mark.parametrize("name", ["", "open", "a b", "x" * 65, "a(b)"])
def test_a_callers_name_cannot_be_taken_for_anothers(name: str) -> None:
    """No name is a token holder's, which has a bracket, nor that of open mode."""
    with pytest.raises(ValueError, match="a principal's name has"):
        Caller(name=name)


def test_nobody_shares_a_key() -> None:
    """A key of two callers would make the trail lie."""
    one = caller("a", "check")
    with pytest.raises(ValueError, match="a principal's key is another one's, too"):
        Access(callers=(one, Caller(name="b", keys=one.keys)))


def test_what_a_principal_may_touch() -> None:
    """Its scopes of its issuers; a digest and an address are for principals of all."""
    confined = Principal(name="a", kind="key", scopes=frozenset({Scope.FAMILY, Scope.ORIGIN}), issuers=frozenset({"i"}))
    whole = Principal(name="b", kind="key", scopes=frozenset({Scope.FAMILY, Scope.ORIGIN}), issuers=None)
    asked: list[tuple[Scope, str | None]] = [
        (Scope.FAMILY, "i"),
        (Scope.FAMILY, "j"),
        (Scope.FAMILY, None),
        (Scope.ORIGIN, "i"),
        (Scope.SUBJECT, "i"),
    ]

    assert [True, False, False, False, False] == [confined.may_touch(*one) for one in asked]
    assert [True, True, True, True, False] == [whole.may_touch(*one) for one in asked]
