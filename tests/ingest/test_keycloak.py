"""Keycloak's events: the traps seen on a live 26.4, each as a test."""

import json
from typing import Any

import pytest
from hypothesis import given

from ingest.columns import FAULTS
from ingest.formats import REASONS, RefreshEvent, Reject, keycloak
from revocation.issuers import Issuer, Issuers
from tests.builders import HOME, ISS, ISSUERS, REALM_ID, keycloak_records, logout, refresh, refreshes, replay
from tests.ingest.examples import JWT, decoded, dumped, hostile, reason

REFRESHED: dict[str, Any] = {
    "id": "e-1",
    "time": 1_767_322_800_000,
    "type": "REFRESH_TOKEN",
    "realmId": REALM_ID,
    "realmName": "acme",
    "clientId": "spa",
    "userId": "u-1",
    "sessionId": "s-1",
    "ipAddress": "203.0.113.7",
    "error": None,
    "details": {
        "token_id": "onrtrt:a-1",
        "grant_type": "refresh_token",
        "access_token_expiration_time": "300",
        "updated_refresh_token_id": "r-2",
        "refresh_token_id": "r-1",
    },
}
REFUSED: dict[str, Any] = REFRESHED | {
    "type": "REFRESH_TOKEN_ERROR",
    "userId": None,
    "error": "invalid_token",
    "details": {"reason": "Stale token", "refresh_token_id": "r-1", "refresh_token_sub": "u-1"},
}


def one(members: dict[str, Any]) -> RefreshEvent:
    """The one event of a record."""
    events = keycloak.decode(dumped(members), ISSUERS)
    assert len(events) == 1
    return events[0]


def test_a_refresh_is_read_whole() -> None:
    """Token, successor, access token and its end come out of `details`; the realm becomes the issuer."""
    expected = RefreshEvent(
        at=1_767_322_800_000,
        iss=ISS,
        outcome="success",
        id="e-1",
        sub="u-1",
        sid="s-1",
        client_id="spa",
        token="r-1",  # noqa: S106 - its id
        successor="r-2",
        access_jti="onrtrt:a-1",
        access_exp=1_767_323_100_000,
        ip="203.0.113.7",
    )

    assert expected == one(REFRESHED)


def test_an_error_names_its_user_in_the_details() -> None:
    """`userId` is null on errors; `refresh_token_sub` is not."""
    event = one(REFUSED)

    assert ("u-1", "refused", "r-1", None) == (event.sub, event.outcome, event.token, event.successor)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("Maximum allowed refresh token reuse exceeded", "reuse"),
        ("Stale token", "stale"),
        ("Session doesn't have required client", "ended"),
        ("Session not active", "ended"),
        ("Token is not active", "expired"),
        ("Invalid refresh token", "invalid_grant"),
        ("A reason of tomorrow", "invalid_token"),
    ],
)
def test_reasons_become_faults(text: str, error: str) -> None:
    """Each reason that Keycloak gives is a word of ours; another keeps Keycloak's own."""
    event = one(REFUSED | {"details": {"reason": text}})

    assert (error, text in keycloak.FAULTS) == (event.error, event.error in FAULTS)


def test_token_stuffing_has_only_an_address() -> None:
    """A foreign token names no user, no session and no id; the event counts all the same."""
    event = one(REFUSED | {"sessionId": None, "details": {"reason": "Invalid refresh token"}})

    assert (None, None, None, "203.0.113.7", "invalid_grant") == (
        event.sub,
        event.sid,
        event.token,
        event.ip,
        event.error,
    )


@pytest.mark.parametrize("kind", ["LOGIN", "CODE_TO_TOKEN"])
def test_a_logins_refresh_token_is_one_issued(kind: str) -> None:
    """What a login names was not presented: it is the family's first successor."""
    event = one(REFRESHED | {"type": kind, "details": {"refresh_token_id": "r-1"}})

    assert ("login", None, "r-1") == (event.type, event.token, event.successor)


@pytest.mark.parametrize(
    ("kind", "details", "expected"),
    [
        ("LOGOUT", None, ["logout"]),
        ("REVOKE_GRANT", {"revoked_client": "spa"}, ["revoked"]),
        ("REVOKE_GRANT", {"token_id": "onrtrt:a-1"}, []),  # one access token: the session lives on
        ("UPDATE_PASSWORD", None, []),
        ("CLIENT_LOGIN", {}, []),
    ],
)
def test_types_say_what_happened(kind: str, details: dict[str, str] | None, expected: list[str]) -> None:
    """The end of a session counts; what says nothing about a family is passed over."""
    events = keycloak.decode(dumped(REFRESHED | {"type": kind, "details": details}), ISSUERS)

    assert expected == [event.type for event in events]


@pytest.mark.parametrize(
    "members",
    [
        {"operationType": "CREATE", "resourceType": "USER", "time": 1_767_322_800_000, "realmId": "r"},
        {"type": "UPDATE_EMAIL", "time": "a time of tomorrow", "details": [1]},
    ],
)
def test_what_need_not_be_read_is_never_rejected(members: dict[str, Any]) -> None:
    """Admin events, and types that do not matter whatever their shape."""
    assert decoded("keycloak", dumped(members)) == []


@pytest.mark.parametrize("seconds", ["", "soon", "-5", "9" * 50, None, 10**17])
def test_an_absurd_life_of_the_access_token_is_not_known(seconds: object) -> None:
    """The event counts without it."""
    event = one(REFRESHED | {"details": REFRESHED["details"] | {"access_token_expiration_time": seconds}})

    assert event.access_exp is None


@pytest.mark.parametrize(
    ("slug", "members"),
    [
        ("missing_field", {k: v for k, v in REFRESHED.items() if k != "type"}),
        ("missing_field", {k: v for k, v in REFRESHED.items() if k != "time"}),
        ("missing_field", REFRESHED | {"realmId": None, "realmName": ""}),
        ("missing_field", REFRESHED | {"userId": None, "sessionId": None, "ipAddress": None}),
        ("bad_value", REFRESHED | {"time": 1_767_322_800}),
        ("bad_value", REFRESHED | {"sessionId": 7}),
        ("value_too_long", REFRESHED | {"details": {"refresh_token_id": "x" * 257}}),
        ("token_in_clear", REFRESHED | {"details": {"refresh_token_id": JWT}}),
        ("token_in_clear", REFRESHED | {"sessionId": JWT}),
    ],
)
def test_bad_records_are_rejected(slug: str, members: dict[str, Any]) -> None:
    """The same reasons as the native format's, for members by their Keycloak names."""
    assert slug == reason("keycloak", dumped(members), ISSUERS)


def test_an_unmapped_realm_is_rejected_by_name() -> None:
    """Nobody configured it: the reject says so, and carries the realm for `doctor` but not in its sentence."""
    outcome = decoded("keycloak", dumped(REFRESHED), Issuers())

    assert isinstance(outcome, Reject)
    assert ("unmapped_tenant", "acme", False) == (outcome.reason, outcome.tenant, "acme" in outcome.sentence)


@pytest.mark.parametrize("tenant", [REALM_ID, "acme"])
def test_a_realm_is_mapped_by_its_id_or_its_name(tenant: str) -> None:
    """Whichever of the two the settings name."""
    issuers = Issuers({"https://other": Issuer(iss="https://other", format="keycloak", tenant=tenant)})

    assert ["https://other"] == [event.iss for event in keycloak.decode(dumped(REFRESHED), issuers)]


def test_a_plain_file_needs_no_configuration() -> None:
    """With the fallback a realm is an issuer of its own."""
    events = keycloak.decode(dumped(REFRESHED), Issuers(fallback=True))

    assert [f"keycloak:{REALM_ID}"] == [event.iss for event in events]


def test_a_story_told_by_keycloak_is_the_same_story() -> None:
    """From events to Keycloak's records and back nothing that Keycloak tells is lost."""
    events = refreshes(spot=HOME).then(replay(), refresh(), logout(), refresh()).events()

    assert events == [event for record in keycloak_records(events) for event in keycloak.decode(record, ISSUERS)]


@given(value=hostile)
def test_arbitrary_bytes_raise_nothing_but_rejects(value: bytes) -> None:
    """Whatever the bytes: events, none, or a reject with a reason of the closed set and nothing behind it."""
    outcome = decoded("keycloak", value, Issuers(fallback=True))

    if isinstance(outcome, Reject):
        assert outcome.reason in REASONS
        assert outcome.__context__ is None


@pytest.mark.parametrize("name", [name for name in REFRESHED if name not in {"time", "type"}])
def test_no_reject_repeats_what_was_in_the_record(name: str) -> None:
    """A token in any member, or in any of the details, is not in the sentence."""
    members = REFRESHED | {name: JWT if name != "details" else {"token_id": JWT}}

    outcome = decoded("keycloak", dumped(members), Issuers())

    assert isinstance(outcome, Reject)
    assert JWT not in outcome.sentence + json.dumps(vars(outcome))
