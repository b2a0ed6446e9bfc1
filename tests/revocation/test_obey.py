"""What follows from a security event: the specifications' examples, older wires, and what must not follow."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revocation.identifiers import FORMATS
from revocation.obey import IDLE, OBEYABLE, Reading, reading_of
from revocation.secevents import CAEP, OAUTH, RISC, SSF, SetRefused, Transmitter, secevent_of
from tests.revocation.events import (
    AUDIENCE,
    CHANGED,
    COMPLEX,
    EXAMPLES,
    HAPPENED,
    IDP,
    ISSUED,
    NOW,
    OLD_EXAMPLES,
    PERSON,
    REVOKED,
    RISKY,
    SESSION,
    STREAM,
    USER,
    payload,
    transmitter,
)
from tests.servers.issuer import unsigned

Json = dict[str, Any]
OTHER = "https://idp.example.com/other"


def readings(said: Json, by: Transmitter | None = None) -> list[Reading]:
    """What follows from each event of a payload."""
    by = by or transmitter()
    return [reading_of(event, by) for event in secevent_of(said, by, NOW).occurrences]


def told(said: Json, by: Transmitter | None = None) -> tuple[str, ...]:
    """The first event in short: type, outcome, and scope, state and identity of what is ordered."""
    reading = readings(said, by)[0]
    order = reading.order
    named = () if order is None else (order.target.scope.value, order.state.slug, order.target.value)
    return (reading.event, reading.outcome, *named)


def code(said: Json, by: Transmitter | None = None) -> str:
    """Why it is refused."""
    with pytest.raises(SetRefused) as refused:
        readings(said, by)
    return refused.value.code


@pytest.mark.parametrize("name", EXAMPLES)
def test_what_follows_from_the_specifications_examples(name: str) -> None:
    """Each says what its specification means it to, for a strict transmitter and a lenient one alike."""
    said, expected = EXAMPLES[name]

    assert [expected, expected] == [told(said, transmitter(lenient=lenient)) for lenient in (False, True)]


@pytest.mark.parametrize("name", OLD_EXAMPLES)
def test_older_wires_are_read_where_the_settings_say_so(name: str) -> None:
    """What providers still send has its effect once their transmitter is called lenient."""
    said, expected = OLD_EXAMPLES[name]

    assert expected == told(said, transmitter(lenient=True))


@pytest.mark.parametrize(
    "name", sorted(OLD_EXAMPLES.keys() - {"okta: both subjects", "sgnl: stream-updated among CAEP's"})
)
def test_older_wires_are_refused_otherwise(name: str) -> None:
    """Nobody else may leave out what SSF 1.0 demands."""
    assert "invalid_request" == code(OLD_EXAMPLES[name][0])


def test_an_event_counts_from_when_it_happened() -> None:
    """Its own time goes before the token's, `toe` before `iat`, and none lies in the future."""
    bare = {name: value for name, value in REVOKED.items() if name != "event_timestamp"}
    said = [
        payload(),
        payload(body=bare, toe=ISSUED - 9),
        payload(body=bare),
        payload(body=bare, toe=ISSUED + 10**9),
        payload(body={**REVOKED, "event_timestamp": HAPPENED * 1000}),
    ]
    moments = [reading.order.at for one in said if (reading := readings(one)[0]).order is not None]

    assert [HAPPENED * 1000, (ISSUED - 9) * 1000, ISSUED * 1000, NOW, NOW] == moments


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"iss": OTHER}, "invalid_issuer"),
        ({"aud": "https://sp.example.com/"}, "invalid_audience"),
        ({"aud": ["x", 1]}, "invalid_audience"),
        ({"aud": None}, "invalid_audience"),
        ({"jti": None}, "invalid_request"),
        ({"jti": ""}, "invalid_request"),
        ({"jti": "j" * 257}, "invalid_request"),
        ({"jti": 1}, "invalid_request"),
        ({"sub": USER}, "invalid_request"),
        ({"exp": ISSUED + 300}, "invalid_request"),
        ({"iat": None}, "invalid_request"),
        ({"iat": "x"}, "invalid_request"),
        ({"iat": True}, "invalid_request"),
        ({"iat": -1}, "invalid_request"),
        ({"iat": float("inf")}, "invalid_request"),
        ({"iat": ISSUED + 301}, "invalid_request"),
        ({"toe": "x"}, "invalid_request"),
        ({"events": None}, "invalid_request"),
        ({"events": {}}, "invalid_request"),
        ({"events": [f"{CAEP}session-revoked"]}, "invalid_request"),
        ({"events": {f"{CAEP}session-revoked": "x"}}, "invalid_request"),
        ({"events": {f"{CAEP}session-revoked": {}, f"{CAEP}token-claims-change": {}}}, "invalid_request"),
        ({"events": {f"{CAEP}session-revoked": {"event_timestamp": []}}}, "invalid_request"),
        ({"events": {f"{CAEP}credential-change": {"change_type": "update"}}}, "invalid_request"),
        ({"events": {f"{CAEP}credential-change": {**CHANGED, "change_type": "x"}}}, "invalid_request"),
        ({"events": {f"{CAEP}credential-change": {**CHANGED, "change_type": 1}}}, "invalid_request"),
        ({"events": {f"{CAEP}risk-level-change": {"current_level": "HIGH"}}}, "invalid_request"),
        ({"events": {f"{CAEP}risk-level-change": {**RISKY, "current_level": "high"}}}, "invalid_request"),
        ({"sub_id": None}, "invalid_request"),
        ({"sub_id": "x"}, "invalid_request"),
        ({"sub_id": {"sub": USER}}, "invalid_request"),
        ({"sub_id": {"format": "iss_sub", "iss": IDP}}, "invalid_request"),
        ({"sub_id": {"format": "iss_sub", "iss": IDP, "sub": ""}}, "invalid_request"),
        ({"sub_id": {"format": "iss_sub", "iss": IDP, "sub": "x" * 1025}}, "invalid_request"),
        ({"sub_id": {"format": "complex"}}, "invalid_request"),
        ({"sub_id": {"format": "complex", "user": USER}}, "invalid_request"),
        ({"sub_id": {"format": "complex"} | {f"m{number}": PERSON for number in range(17)}}, "invalid_request"),
        ({"sub_id": {"format": "aliases"}}, "invalid_request"),
        ({"sub_id": {"format": "aliases", "identifiers": []}}, "invalid_request"),
        ({"sub_id": {"format": "aliases", "identifiers": [{"format": "aliases"}]}}, "invalid_request"),
        ({"sub_id": {"format": "iss_sub", "iss": OTHER, "sub": USER}}, "access_denied"),
        ({"sub_id": {**COMPLEX, "user": {"format": "iss_sub", "iss": OTHER, "sub": USER}}}, "access_denied"),
        ({"sub_id": {"format": "jwt_id", "iss": OTHER, "jti": "t1"}}, "access_denied"),
    ],
    ids=str,
)
def test_what_is_no_event_for_us_is_refused(change: Json, expected: str) -> None:
    """By the code that RFC 8935 has for it; identities of another issuer are not this transmitter's to name."""
    assert expected == code(payload(**{"about": None, "sub_id": COMPLEX, **change}))


def test_only_what_the_settings_name_is_obeyed() -> None:
    """Another event is known, has no effect, and is not refused."""
    by = transmitter(obeyed=frozenset({"caep.session_revoked"}))
    said = [payload(), payload(f"{CAEP}credential-change", CHANGED, PERSON)]

    assert ["ordered", "not_obeyed"] == [readings(one, by)[0].outcome for one in said]


@pytest.mark.parametrize(
    ("about", "more", "expected"),
    [
        ({"format": "opaque", "id": "o1"}, {}, None),
        ({"format": "opaque", "id": "o1"}, {"opaque": "session"}, ("family", IDP, "o1")),
        ({"format": "opaque", "id": "o1"}, {"opaque": "user"}, ("subject", IDP, "o1")),
        ({"format": "email", "email": "a@b.example"}, {"emails": True}, ("subject", IDP, "a@b.example")),
        ({"format": "uri", "uri": "urn:x"}, {}, None),
        ({"format": "aliases", "identifiers": [{"format": "email", "email": "a@b.example"}, PERSON]}, {}, USER),
        ({"format": "aliases", "identifiers": [{"format": "x"}, PERSON]}, {}, USER),
        ({"format": "aliases", "identifiers": [{"format": "x"}]}, {}, None),
        ({"format": "aliases", "identifiers": [{"format": "uri", "uri": "urn:x"}]}, {}, None),
        ({"format": "complex", "user": {"format": "opaque", "id": "u1"}}, {}, ("subject", IDP, "u1")),
        ({"format": "complex", "user": {"format": "aliases", "identifiers": [PERSON]}}, {}, USER),
        ({"format": "complex", "user": {"format": "uri", "uri": "urn:x"}}, {}, None),
        ({"format": "complex", "device": {"format": "opaque", "id": "d1"}}, {}, ("device", IDP, "d1")),
        ({"format": "complex", "device": {"format": "opaque", "id": "d1"}, "user": PERSON}, {}, USER),
        ({"format": "complex", "application": {"format": "opaque", "id": "c1"}}, {}, ("client", IDP, "c1")),
        ({"format": "complex", "tenant": {"format": "opaque", "id": "t1"}}, {}, None),
        (
            {"format": "complex", "tenant": {"format": "opaque", "id": "t1"}},
            {"tenants": {"t1": IDP}},
            ("issuer", IDP, ""),
        ),
        ({"format": "complex", "tenant": {"format": "email", "email": "a@b.example"}}, {"tenants": {"t1": IDP}}, None),
        ({"format": "complex", "session": {"format": "x"}, "user": PERSON}, {}, USER),
        ({"format": "complex", "session": {"format": "x"}, "user": PERSON}, {"critical": frozenset({"session"})}, None),
        ({"format": "complex", "group": {"format": "opaque", "id": "g"}, "user": PERSON}, {}, USER),
        (
            {"format": "complex", "group": {"format": "opaque", "id": "g"}, "user": PERSON},
            {"critical": frozenset({"group"})},
            None,
        ),
        (COMPLEX, {"critical": frozenset({"tenant", "user"})}, ("family", IDP, SESSION)),
    ],
    ids=itertools.count(),
)
def test_whom_a_subject_names(about: Json, more: Json, expected: object) -> None:
    """What a gateway can match, of the narrowest kind; None: nobody."""
    order = readings(payload(about=about), transmitter(**more))[0].order
    target = None if order is None else (order.target.scope.value, order.target.iss, order.target.value)

    assert (("subject", IDP, USER) if expected == USER else expected) == target


@pytest.mark.parametrize(
    ("token", "alg", "expected"),
    [
        (unsigned({}, {"iss": IDP, "jti": "t1"}), "plain", ("token", IDP, "t1")),
        (unsigned({}, {"iss": IDP, "jti": "t1"}), "hash_base64_sha512_sha512", None),
        (unsigned({}, {"iss": IDP}), "plain", None),
        (unsigned({}, {"iss": IDP, "jti": ""}), "plain", None),
        (unsigned({}, b"[1]"), "plain", None),
        (unsigned({}, b"{"), "plain", None),
        ("opaque", "plain", None),
        ("a.\u00e9.c", "plain", None),
    ],
)
def test_a_token_in_full_is_known_by_its_id(token: str, alg: str, expected: object) -> None:
    """OAuth's `token-revoked` may hold a JWT; a prefix, a digest or an opaque token matches nothing here."""
    subject = {"subject_type": "oauth_token", "token_type": "access_token", "token_identifier_alg": alg, "token": token}
    said = payload(f"{OAUTH}token-revoked", {"subject": subject}, None)
    order = readings(said, transmitter(lenient=True))[0].order

    assert expected == (None if order is None else (order.target.scope.value, order.target.iss, order.target.value))


@pytest.mark.parametrize(
    ("state", "asked", "expected"),
    [("s1", "s1", "told"), (None, "s1", "told"), ("s1", None, "told"), ("s2", "s1", None), (7, "s1", None)],
)
def test_a_verification_says_the_state_that_was_asked_for(
    state: object, asked: str | None, expected: str | None
) -> None:
    """SSF 1.0, section 8.1.4: a wrong one is `invalid_state`; an unsolicited event has none."""
    said = payload(f"{SSF}verification", {} if state is None else {"state": state}, STREAM)
    by = transmitter(verification_state=asked)

    assert (expected or "invalid_state") == (readings(said, by)[0].outcome if expected else code(said, by))


def test_what_a_stream_says_of_itself_may_be_logged() -> None:
    """It is short and printable, or left out."""
    bodies: list[Json] = [{"status": "paused", "reason": "x\ny"}, {"status": "p" * 300, "reason": 1}]
    said = [readings(payload(f"{SSF}stream-updated", body, STREAM))[0].said for body in bodies]

    assert [{"status": "paused"}, {"status": "p" * 200}] == said


def test_kinds_of_events_have_names_of_their_own() -> None:
    """No two share a slug, which is a label, a setting and a reason."""
    slugs = [*(kind.slug for kind in OBEYABLE.values()), *IDLE.values()]

    assert len(slugs) == len(set(slugs))


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from([IDP, USER, "HIGH"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text(max_size=8) | st.sampled_from(["format", "user", "session", "iss", "sub", "id"]), inner, max_size=4
        )
    ),
    max_leaves=8,
)
SUBJECTS = ANYTHING | st.fixed_dictionaries(
    {"format": st.sampled_from([*FORMATS, "complex", "aliases"])},
    optional=dict.fromkeys(
        ["iss", "sub", "id", "user", "session", "device", "tenant", "email", "identifiers"], ANYTHING
    ),
)
BODIES = ANYTHING | st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(
        ["change_type", "credential_type", "principal", "current_level", "event_timestamp", "subject"], ANYTHING
    ),
)


@given(
    uri=st.sampled_from([*OBEYABLE, *IDLE, f"{SSF}verification", f"{RISC}verification", "x"]),
    body=BODIES,
    about=SUBJECTS,
    more=st.dictionaries(st.sampled_from(["iat", "toe", "aud", "jti", "sub", "exp"]), ANYTHING, max_size=2),
    lenient=st.booleans(),
)
def test_whatever_is_said_is_read_or_refused(uri: str, body: object, about: object, more: Json, lenient: bool) -> None:
    """No payload makes reading fail otherwise, and what is ordered is of those whom the transmitter may name."""
    said = {**payload(about=None), "sub_id": about, "events": {uri: body}, **more}
    by = transmitter(lenient=lenient, opaque="session", emails=True, tenants={"t": IDP})
    try:
        orders = [reading.order for reading in readings(said, by)]
    except SetRefused:
        return

    assert set() == {order.target.iss for order in orders if order is not None} - {IDP}
    assert [] == [order for order in orders if order is not None and not 0 <= order.at <= NOW]
    assert AUDIENCE in by.audiences
