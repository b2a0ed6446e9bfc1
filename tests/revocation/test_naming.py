"""Whom somebody names, and the decision that comes of it."""

import pytest

from revocation.claims import Claims
from revocation.naming import Misnamed, Named, decision_of, subject_of, subjects_of
from revocation.record import Scope, State, Subject, digester
from tests.revocation.entries import ISS, KEY, subject

DIGEST = "0a4f6c1d2e3b5a79887766554433221f"


def origin(value: str) -> Subject:
    """The subject of an address or a network, which belongs to no issuer."""
    return Subject(Scope.ORIGIN, digester(KEY, Scope.ORIGIN, "")(value))


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        (Named(claims=Claims(iss=ISS, sid="ann")), subject()),
        (Named(claims=Claims(iss=ISS, sid="ann"), scope=Scope.FAMILY), subject()),
        (Named(claims=Claims(iss=ISS, sub="ann")), subject("ann", Scope.SUBJECT)),
        (Named(claims=Claims(iss=ISS, jti="ann")), subject("ann", Scope.TOKEN)),
        (Named(claims=Claims(iss=ISS, client_id="ann")), subject("ann", Scope.CLIENT)),
        (Named(claims=Claims(iss=ISS, device="ann")), subject("ann", Scope.DEVICE)),
        (Named(claims=Claims(iss=ISS, kid="ann")), subject("ann", Scope.KEY)),
        (Named(claims=Claims(iss=ISS), scope=Scope.ISSUER), subject("", Scope.ISSUER)),
        (Named(claims=Claims(ip="203.0.113.7")), origin("203.0.113.7")),
        (Named(claims=Claims(ip="2001:DB8::1")), origin("2001:db8::1")),
        (Named(claims=Claims(ip="203.0.113.0/24")), origin("203.0.113.0/24")),
        (Named(claims=Claims(iss=ISS, ip="2001:db8::/48")), origin("2001:db8::/48")),
        (Named(scope=Scope.FAMILY, digest=DIGEST.upper()), Subject(Scope.FAMILY, bytes.fromhex(DIGEST))),
    ],
)
def test_whoever_is_named_is_meant(named: Named, expected: Subject) -> None:
    """One identity of an issuer, an address or network, a whole issuer, or a digest."""
    assert expected == subject_of(named, KEY)


@pytest.mark.parametrize(
    ("named", "fault"),
    [
        (Named(), "one"),
        (Named(claims=Claims(iss=ISS)), "one"),
        (Named(claims=Claims(sid="ann")), "one"),
        (Named(claims=Claims(iss=ISS, sid="ann", sub="ann")), "one"),
        (Named(claims=Claims(iss=ISS, sid="ann", ip="203.0.113.7")), "one"),
        (Named(claims=Claims(iss=ISS, sid="ann"), scope=Scope.ISSUER), "one"),
        (Named(scope=Scope.ISSUER), "one"),
        (Named(digest=DIGEST), "one"),
        (Named(claims=Claims(iss=ISS), scope=Scope.FAMILY, digest=DIGEST), "one"),
        (Named(scope=Scope.FAMILY, digest=DIGEST[:-2]), "digest"),
        (Named(scope=Scope.FAMILY, digest="nobody"), "digest"),
        (Named(claims=Claims(ip="nowhere")), "address"),
        (Named(claims=Claims(ip="203.0.113.7/24")), "address"),
        (Named(claims=Claims(ip="203.0.0.0/16")), "network"),
    ],
)
def test_whoever_is_not_named_is_nobody(named: Named, fault: str) -> None:
    """None, several, or what is not what it is said to be."""
    with pytest.raises(Misnamed) as raised:
        subject_of(named, KEY)

    assert fault == raised.value.fault


def test_an_issuer_is_always_among_what_hits() -> None:
    """What an entry may be about, the whole issuer first; of no issuer, the address and its network alone."""
    whole = subjects_of(Claims(iss=ISS, sid="ann"), KEY)
    alone = subjects_of(Claims(ip="203.0.113.7", sid="ann"), KEY)

    assert [subject("", Scope.ISSUER), subject()] == whole
    assert [origin("203.0.113.7"), origin("203.0.113.0/24")] == alone


@pytest.mark.parametrize(
    ("scope", "asked", "cut"), [(Scope.SUBJECT, None, 1_000), (Scope.SUBJECT, 7, 7), (Scope.FAMILY, 7, 0)]
)
def test_a_cut_off_is_where_the_scope_has_one(scope: Scope, asked: int | None, cut: int) -> None:
    """Now, or as asked; a session has none. The same wish at the same moment is the same decision."""
    about = subject("ann", scope)
    first, second = (decision_of(about, State.REVOKED, 500, "why", "ann", 1_000, asked) for _ in range(2))

    assert (first, cut, 1_500) == (second, first.not_before, first.expires_at)
