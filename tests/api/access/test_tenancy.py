"""A tenant's caller learns nothing of another tenant's sessions, whichever route is asked."""

import pytest
from msgspec.structs import replace

from api.access.principal import Verb
from api.access.rules import RULES
from revocation.record import Revocation, Scope, State, Subject, digester
from tests.api.access.calling import ALL, OPERATORS, OWN, PEOPLE, STRANGE, Protected, Who, token
from tests.api.running import HOUR, ISSUER, KEY, NOW, entry

TENANTS = frozenset({ISSUER, STRANGE, OPERATORS})
KNOWN = [who for who in PEOPLE if who.verbs == ALL]
BY_PATH = {"/v1/check", "/v1/check/batch", "/v1/revocations/entries", "/authz", "/authz/{rest:path}"}
BY_PATH |= {"/authz:{profile}", "/authz:{profile}/{rest:path}", "/v1/revocations", "/v1/revocations/release"}
"""Routes that answer about an issuer's identity, each of which is asked below."""
OF_NOBODY = {"/readyz"}
"""Routes that ask for a verb and say nothing of any identity."""
ELSEWHERE = {"/v1/approvals/{approval}/approve", "/v1/introspect", "/v1/global-token-revocation"}
"""Asked in `tests/api/writes/test_approvals.py` and `tests/api/protocols`; bulks, which ask for no verb, in
`tests/api/bulk/test_bulk.py`."""


@pytest.fixture(scope="module", autouse=True)
def revoked(guarded: Protected) -> None:
    """In each tenant a session of the same name is revoked."""
    for iss in TENANTS:
        subject = Subject(Scope.FAMILY, digester(KEY, Scope.FAMILY, iss)("gone"))
        guarded.api.refuse(
            Revocation(
                id=iss[-8:].rjust(32, "0"),
                subject=subject,
                state=State.REVOKED,
                reasons=("manual",),
                decided_at=NOW,
                expires_at=NOW + HOUR,
            )
        )


def test_every_route_is_about_somebody_or_nobody() -> None:
    """A new route says which tenants it is about: all, or one that a test below asks for, or none."""
    narrow = {rule.path for rule in RULES if isinstance(rule.asks, Verb) and not rule.everywhere}

    assert BY_PATH | OF_NOBODY | ELSEWHERE == narrow


def sees(who: Who, iss: str) -> bool:
    """Whether the caller is to learn of the issuer's sessions."""
    return who.issuers is None or iss in who.issuers


@pytest.mark.parametrize("iss", sorted(TENANTS))
@pytest.mark.parametrize("who", KNOWN, ids=lambda who: who.name)
def test_a_check_answers_for_the_callers_issuers(guarded: Protected, who: Who, iss: str) -> None:
    """Another tenant's revoked session is as if nobody knew it, alone and in a batch."""
    asked = {"iss": iss, "sid": "gone"}
    single = guarded.call(who, "POST", "/v1/check", json=asked).json()["state"]
    batch = guarded.call(who, "POST", "/v1/check/batch", json=[asked, {"sid": "gone"}]).json()["answers"]

    word = "revoked" if sees(who, iss) else "unknown"
    assert (word, [word, "unknown"]) == (single, [answer["state"] for answer in batch])


@pytest.mark.parametrize("iss", sorted(TENANTS))
@pytest.mark.parametrize("who", KNOWN, ids=lambda who: who.name)
def test_an_identity_is_asked_for_within_the_callers_issuers(guarded: Protected, who: Who, iss: str) -> None:
    """Another tenant's identity is refused, and so is the list of all, as a digest tells no issuer."""
    path = "/v1/revocations/entries"
    named = guarded.call(who, "GET", path, params={"iss": iss, "sid": "gone"}).status_code
    listed = guarded.call(who, "GET", path).status_code

    assert (200 if sees(who, iss) else 403, 200 if who.issuers is None else 403) == (named, listed)


@pytest.mark.parametrize("iss", sorted(TENANTS))
@pytest.mark.parametrize("who", KNOWN, ids=lambda who: who.name)
def test_a_caller_decides_about_its_own_issuers(guarded: Protected, who: Who, iss: str) -> None:
    """Nobody revokes or releases another tenant's session, though he may do both to his own."""
    body = {"iss": iss, "sid": "decided", "reason": "test"}
    revoked = guarded.call(who, "POST", "/v1/revocations", json=body).status_code
    released = guarded.call(who, "POST", "/v1/revocations/release", json=body).status_code

    assert ((True, 204) if sees(who, iss) else (False, 403)) == (revoked in {200, 201}, released)


@pytest.mark.parametrize("profile", ["/authz", "/authz:read", "/authz/x", "/authz:read/x"])
def test_a_tenants_gateway_takes_its_own_tokens(guarded: Protected, profile: str) -> None:
    """A good token of another issuer is none to a tenant's gateway, verified or only read."""
    confined = next(who for who in KNOWN if who.name == "a confined key")
    whole = next(who for who in KNOWN if who.name == "a certificate")
    own, other = token(sid="here"), token(iss=OPERATORS, sid="here")
    asked = [(confined, own), (confined, other), (whole, own)]
    answers = [
        guarded.call(who, "GET", profile, headers={"Authorization": f"Bearer {shown}"}).headers["x-token-status"]
        for who, shown in asked
    ]

    assert ["active", "invalid", "active"] == answers


def test_an_address_is_nobodys(guarded: Protected) -> None:
    """A condemned address refuses beside a token of the caller's issuers; alone it is asked for by callers of all."""
    address = "203.0.113.7"
    subject = Subject(Scope.ORIGIN, digester(KEY, Scope.ORIGIN, "")(address))
    guarded.api.refuse(replace(entry("address"), subject=subject))
    confined = next(who for who in KNOWN if who.issuers == OWN)
    asked = [{"ip": address}, {"ip": address, "iss": ISSUER, "sid": "honest"}]

    assert ["unknown", "revoked"] == [
        guarded.call(confined, "POST", "/v1/check", json=one).json()["state"] for one in asked
    ]
