"""Subjects as RFC 9493 and SSF 1.0 (sections 3.3, 3.5 and 8.1.3.1) word them."""

from typing import Any

import pytest

from revocation.ssf.identity import Identity
from revocation.ssf.subjects import is_subject, matches, subject_of

ISS = "https://idp.example.com/"
USER = {"format": "iss_sub", "iss": ISS, "sub": "145234573"}
SESSION = {"format": "opaque", "id": "sid"}
EMAIL = {"format": "email", "email": "user@example.com"}


@pytest.mark.parametrize(
    ("identity", "shape", "whole", "widen", "expected"),
    [
        (
            Identity(ISS, "145234573", "sid"),
            "complex",
            False,
            False,
            {"format": "complex", "session": SESSION, "user": USER},
        ),
        (
            Identity(ISS, None, "sid"),
            "complex",
            False,
            False,
            {"format": "complex", "session": SESSION, "tenant": {"format": "opaque", "id": ISS}},
        ),
        (Identity(ISS, "145234573"), "complex", False, True, None),
        (Identity(ISS, "145234573", "sid"), "complex", True, False, USER),
        (Identity(ISS, None, "sid"), "complex", True, False, None),
        (Identity(ISS, "145234573", "sid"), "iss_sub", False, False, None),
        (Identity(ISS, "145234573", "sid"), "iss_sub", False, True, USER),
        (Identity(ISS, "145234573", "sid"), "iss_sub", True, False, USER),
        (Identity(ISS, None, "sid"), "iss_sub", False, True, None),
    ],
)
def test_an_identity_is_named_in_the_receivers_shape(
    identity: Identity, shape: Any, whole: bool, widen: bool, expected: Any
) -> None:
    """A session is never told as its person but where that was asked for, and what has no name is not told."""
    assert expected == subject_of(identity, shape, whole=whole, widen=widen)


@pytest.mark.parametrize(
    "subject",
    [
        {"format": "account", "uri": "acct:example.user@service.example.com"},
        EMAIL,
        USER,
        {"format": "opaque", "id": "11112222333344445555"},
        {"format": "phone_number", "phone_number": "+12065550100"},
        {"format": "did", "url": "did:example:123456"},
        {"format": "uri", "uri": "https://user.example.com/"},
        {"format": "jwt_id", "iss": ISS, "jti": "B70BA622-9515-4353-A866-823539EECBC8"},
        {"format": "saml_assertion_id", "issuer": ISS, "assertion_id": "_8e8dc5f69a98cc4c1ff3427e5ce34606fd672f91e6"},
        {"format": "ip-addresses", "ip-addresses": ["10.29.37.75", "2001:0db8:0000:0000:0000:8a2e:0370:7334"]},
        {"format": "aliases", "identifiers": [EMAIL, {"format": "phone_number", "phone_number": "+12065550100"}]},
        {"format": "complex", "user": EMAIL, "tenant": {"format": "iss_sub", "iss": ISS, "sub": "1234"}},
    ],
)
def test_the_examples_of_the_specifications_are_subjects(subject: Any) -> None:
    """RFC 9493, section 3.2, and SSF 1.0, sections 3.3 and 3.5."""
    assert is_subject(subject)


@pytest.mark.parametrize(
    "subject",
    [
        None,
        "user@example.com",
        {},
        {"format": 7},
        {"format": "email"},
        {"format": "email", "email": ""},
        {"format": "email", "email": None},
        EMAIL | {"more": "x"},
        {"format": "carrier-pigeon", "id": "x"},
        {"format": "complex"},
        {"format": "complex", "user": "ann"},
        {"format": "complex", "user": {"format": ["email"]}},
        {"format": "complex", "user": {"format": "complex", "user": EMAIL}},
        {"format": "aliases", "identifiers": []},
        {"format": "aliases", "identifiers": [{"format": "aliases", "identifiers": [EMAIL]}]},
        {"format": "aliases", "identifiers": EMAIL},
        {"format": "ip-addresses", "ip-addresses": [""]},
        {"format": "ip-addresses", "ip-addresses": ["192.0.2.1"], "more": "x"},
    ],
)
def test_what_is_empty_or_undeclared_is_none(subject: Any) -> None:
    """No value is null or empty, no member is undeclared, and nothing is nested that must not be."""
    assert not is_subject(subject)


@pytest.mark.parametrize(
    ("named", "told", "expected"),
    [
        (EMAIL, EMAIL, True),
        (EMAIL, USER, False),
        (USER, {"format": "complex", "session": SESSION, "user": USER}, True),
        (EMAIL, {"format": "complex", "session": SESSION, "user": USER}, False),
        ({"format": "complex", "session": SESSION}, {"format": "complex", "session": SESSION, "user": USER}, True),
        ({"format": "complex", "user": USER}, USER, True),
        ({"format": "complex", "user": USER, "device": SESSION}, {"format": "complex", "user": USER}, True),
        ({"format": "complex", "user": EMAIL}, {"format": "complex", "user": USER}, False),
        ({"format": "complex", "device": SESSION}, {"format": "complex", "user": USER}, False),
    ],
)
def test_subjects_match_by_the_members_that_both_define(named: Any, told: Any, expected: bool) -> None:
    """An absent member is any; but who shares no member at all is somebody else (SSF 1.0, section 8.1.3.1)."""
    assert expected == matches(named, told)
