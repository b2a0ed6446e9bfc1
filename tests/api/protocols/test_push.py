"""RFC 8935: security events that are pushed; taken once, refused by code, and never an effect of what is not proven."""

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc import jwk, jws

from api.protocols.push import PATH
from revocation.record import Scope
from revocation.secevents import CAEP, OAUTH, RISC, SSF
from tests.api.protocols.callers import TELLING, called, counted, identity, refused, telling, written
from tests.api.running import Running
from tests.revocation.events import (
    AUDIENCE,
    COMPLEX,
    EXAMPLES,
    IDP,
    ISSUED,
    OLD_EXAMPLES,
    PERSON,
    RISKY,
    SESSION,
    STREAM,
    TOKEN,
    USER,
    payload,
)
from tests.servers.issuer import Issuer, SigningKey, issuing, unsigned

Json = dict[str, Any]
AT = ISSUED * 1000 + 250
OTHER_KEY = SigningKey("t1", "RS256", number=1)
ELLIPTIC = SigningKey("e1", "ES256")
"""The transmitter publishes it, but is not trusted to sign events by it."""


@pytest.fixture(scope="module")
def idp() -> Iterator[Issuer]:
    """The transmitter's keys."""
    with issuing(TELLING, ELLIPTIC) as running:
        yield running


@pytest.fixture
def api(idp: Issuer) -> Iterator[Running]:
    """An API of the test's own with a strict transmitter."""
    with receiving(idp) as parts:
        yield parts


@pytest.fixture(scope="module")
def standing(idp: Issuer) -> Iterator[Running]:
    """One that many examples are sent to."""
    with receiving(idp) as parts:
        yield parts


def receiving(idp: Issuer, **more: Any) -> AbstractContextManager[Running]:
    """An API that takes the transmitter's events, at the moment of the specifications' examples."""
    return called(idp, transmitters=[telling(idp.uri, **more)], check_clock=lambda: AT)


def signed(said: Json, key: SigningKey = TELLING, **header: object) -> str:
    """The event as its transmitter sends it, signed by joserfc, which is not what verifies it."""
    pem = key.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    imported: Any = jwk.ECKey.import_key(pem) if key.alg == "ES256" else jwk.RSAKey.import_key(pem)
    protected = {"alg": key.alg, "kid": key.kid, "typ": "secevent+jwt", **header}
    named = {name: value for name, value in protected.items() if value is not None}
    return jws.serialize_compact(named, json.dumps(said).encode(), imported, algorithms=[key.alg])


def push(api: Running, token: str | bytes, **headers: str) -> httpx.Response:
    """One push."""
    sent = {"content-type": "application/secevent+jwt", "accept": "application/json"} | headers
    return api.http.post(PATH, content=token, headers=sent)


def told(answer: httpx.Response) -> tuple[int, str | None]:
    """Status and code of an answer."""
    return answer.status_code, answer.json()["err"] if answer.content else None


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_specifications_examples_are_taken(api: Running, name: str) -> None:
    """202 with an empty body; what follows is in the registry and, with its way and its reason, in the trail."""
    said, expected = EXAMPLES[name]
    answer = push(api, signed(said))
    ordered = expected[1] == "ordered"

    assert (202, b"") == (answer.status_code, answer.content)
    assert ({identity(Scope(expected[2]), expected[4], IDP)} if ordered else set()) == refused(api)
    assert ([(f"ssf:{IDP}", "ssf", "revoke", expected[0])] if ordered else []) == written(api)
    assert 1 == counted(api)["tokenward_ssf_events_total", *expected[:2], IDP]


@pytest.mark.parametrize("name", OLD_EXAMPLES)
def test_older_wires_are_taken_of_whom_the_settings_say_so(idp: Issuer, name: str) -> None:
    """Untyped, too; and refused of everybody else."""
    said, _ = OLD_EXAMPLES[name]
    with receiving(idp, lenient=True) as lenient:
        answers = [
            push(lenient, signed({**said, "jti": typ or "none"}, typ=typ)) for typ in (None, "JWT", "secevent+jwt")
        ]

    assert [202, 202, 202] == [answer.status_code for answer in answers]


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        (signed(payload(iss="https://idp.example.com/")), "invalid_issuer"),
        (signed(payload(iss=None)), "invalid_issuer"),
        (signed(payload(aud="https://elsewhere.example.com")), "invalid_audience"),
        (signed(payload(), OTHER_KEY), "authentication_failed"),
        (signed(payload(), kid="another"), "invalid_key"),
        (signed(payload(), ELLIPTIC), "invalid_key"),
        (unsigned({"alg": "none", "typ": "secevent+jwt", "kid": "t1"}, payload()), "invalid_key"),
        (unsigned({"alg": "HS256", "typ": "secevent+jwt", "kid": "t1"}, payload(), b"x"), "invalid_key"),
        (signed(payload(), typ="at+jwt"), "invalid_request"),
        (signed(payload(), typ="JWT"), "invalid_request"),
        (signed(payload(), typ=None), "invalid_request"),
        (signed(payload(jti="")), "invalid_request"),
        (signed(payload(events={})), "invalid_request"),
        (signed(payload(about={"format": "iss_sub", "iss": "https://other.example/", "sub": "u"})), "access_denied"),
        ("opaque", "invalid_request"),
        ("", "invalid_request"),
        ("a.b.c.d.e", "invalid_key"),
        ("\u00ff", "invalid_request"),
    ],
    ids=range(18),
)
def test_what_is_not_proven_has_no_effect(api: Running, token: str, expected: str) -> None:
    """400 with one of RFC 8935's codes and its language; nothing that came in and nothing of ours is echoed."""
    answer = push(api, token.encode())
    described = answer.json()["description"]

    assert ((400, expected), "application/json", "en", "no-store") == (
        told(answer),
        answer.headers["content-type"],
        answer.headers["content-language"],
        answer.headers["cache-control"],
    )
    assert [] == [word for word in (AUDIENCE, IDP, USER, SESSION, "elsewhere", "t1", "RS256") if word in described]
    assert (set(), []) == (refused(api), written(api))


def test_the_issuers_of_access_tokens_tell_nothing(idp: Issuer) -> None:
    """Keys of an issuer verify its tokens, those of a transmitter its events, and neither the other's."""
    with called(idp, check_clock=lambda: AT) as api:
        assert (400, "invalid_issuer") == told(push(api, signed(payload(iss="https://idp.example.com/realms/acme"))))


def test_a_repeated_event_is_taken_without_effect(api: Running) -> None:
    """RFC 8935, section 2: 202 again, and neither the registry nor the trail hears of it."""
    answers = [push(api, signed(payload())).status_code for _ in range(3)]
    outcomes = counted(api)

    assert ([202, 202, 202], 1) == (answers, len(written(api)))
    assert (1, 2) == tuple(
        outcomes["tokenward_ssf_events_total", "caep.session_revoked", what, IDP] for what in ("ordered", "repeated")
    )


def test_what_was_refused_may_be_sent_again(api: Running) -> None:
    """A corrected event under the same id is news: ids of refused ones are not remembered."""
    wrong = push(api, signed(payload(f"{CAEP}risk-level-change", {"principal": "USER"}, PERSON)))
    right = push(api, signed(payload(f"{CAEP}risk-level-change", RISKY, PERSON)))

    assert [(400, "invalid_request"), (202, None)] == [told(wrong), told(right)]
    assert {identity(Scope.SUBJECT, USER, IDP)} == refused(api)


def test_what_could_not_be_applied_comes_again(api: Running) -> None:
    """While the trail is away nothing is done and the transmitter is told to come again; then it is news still."""
    api.trail.available = False
    away = push(api, signed(payload()))
    before = refused(api)
    api.trail.available = True
    again = push(api, signed(payload()))

    assert ((503, b"", "1"), set()) == ((away.status_code, away.content, away.headers["retry-after"]), before)
    assert (202, {identity(Scope.FAMILY, SESSION, IDP)}) == (again.status_code, refused(api))


def test_without_the_transmitters_keys_it_comes_again() -> None:
    """Whether it is genuine cannot be told now."""
    with issuing(TELLING) as idp:
        idp.status = 500
        with receiving(idp) as api:
            assert 503 == push(api, signed(payload())).status_code


def test_a_release_outlasts_a_replay(api: Running) -> None:
    """Even where nobody remembers the id: what happened before a release does not come back."""
    push(api, signed(payload(jti="first")))
    subject = next(iter(api.registry.snapshot().entries)).subject
    api.registry.release([subject], AT + 1, "ann")
    push(api, signed(payload(jti="second")))

    assert set() == refused(api)


def test_a_transmitter_ends_what_the_settings_say(idp: Issuer) -> None:
    """A tenant's every session only where it is mapped and the scope is given; the trail has the attempt, too."""
    tenant = payload(about={"format": "complex", "tenant": COMPLEX["tenant"]})
    given = [frozenset({Scope.SUBJECT}), frozenset({Scope.ISSUER})]
    seen = []
    for scopes in given:
        with receiving(idp, scopes=scopes, tenants={"123456789": IDP}) as api:
            seen.append((told(push(api, signed(tenant))), refused(api), [action for _, _, action, _ in written(api)]))

    assert [
        ((400, "access_denied"), set(), ["refused"]),
        ((202, None), {identity(Scope.ISSUER, "", IDP)}, ["revoke"]),
    ] == seen


def test_a_transmitter_shows_itself_as_it_was_told_to(idp: Issuer) -> None:
    """SSF 1.0, section 6.1.1: an `Authorization` that was agreed upon is asked for besides the signature."""
    with receiving(idp, authorization="Bearer agreed") as api:
        sent = [{}, {"authorization": "Bearer other"}, {"authorization": "Bearer agreed"}]
        answers = [told(push(api, signed(payload()), **headers)) for headers in sent]

    assert [(400, "authentication_failed"), (400, "authentication_failed"), (202, None)] == answers


def test_a_wrong_state_is_told(idp: Issuer) -> None:
    """SSF 1.0, section 8.1.4: `invalid_state` where it is not what was asked for."""
    with receiving(idp, verification_state="asked") as api:
        events = [payload(f"{SSF}verification", {"state": state}, STREAM, jti=state) for state in ("asked", "other")]
        answers = [told(push(api, signed(event))) for event in events]

    assert [(202, None), (400, "invalid_state")] == answers


def test_a_push_is_a_bounded_post(api: Running) -> None:
    """Another method, type or size is refused before anything is read."""
    answers = [
        api.http.get(PATH),
        push(api, b"x", **{"content-type": "application/jwt"}),
        push(api, b"x" * 20_000),
    ]

    assert [401, 415, 413] == [answer.status_code for answer in answers]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    said=st.dictionaries(
        st.sampled_from(["iss", "aud", "jti", "iat", "sub_id", "events", "sub", "x"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
            lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
            max_leaves=5,
        ),
        max_size=5,
    ),
    uri=st.sampled_from([f"{CAEP}session-revoked", f"{RISC}account-disabled", f"{OAUTH}token-revoked"]),
    by=st.sampled_from([TELLING, OTHER_KEY]),
)
def test_malformed_events_have_no_effect(standing: Running, said: Json, uri: str, by: SigningKey) -> None:
    """Never a 500, never an effect of what is malformed, or of anything that is signed by another key."""
    before = refused(standing)
    answer = push(standing, signed({**payload(uri, about=TOKEN), **said}, by))

    assert answer.status_code in ({202, 400} if by is TELLING else {400})
    assert answer.status_code == 202 or before == refused(standing)
