"""SETs as SSF 1.0 (section 4) and CAEP 1.0 (sections 3.1 and 3.8) word them."""

from typing import Any

import msgspec
import pytest

from revocation.record import Scope, Subject, digester
from revocation.seal import Seal
from revocation.ssf.events import (
    RISK_LEVEL_CHANGE,
    SESSION_REVOKED,
    STREAM_UPDATED,
    SUPPORTED,
    VERIFICATION,
    News,
    claims_of,
    wish_claims_of,
)
from revocation.ssf.identity import Identities, Identity, names
from revocation.ssf.receivers import Receiver
from revocation.ssf.streams import Stream, Wish

ISSUER = "https://transmitter.example.com"
PERSON = Identity("https://idp.example.com/", "jane", "sid")
STREAM = Stream(id="s", receiver="ann", aud=("https://ann",), requested=SUPPORTED)
ANN = Receiver(name="ann", audience=("https://ann",))
NEWS = News(id="cause", at=1_615_304_991_643, what="revoked", identity=PERSON, reasons=("reuse.theft_confirmed",))
SUBJECT = {
    "format": "complex",
    "session": {"format": "opaque", "id": "sid"},
    "user": {"format": "iss_sub", "iss": "https://idp.example.com/", "sub": "jane"},
}
NOW = 1_615_305_000_000


def told(news: News = NEWS, stream: Stream = STREAM, receiver: Receiver = ANN) -> Any:
    """The claims for the stream."""
    return claims_of(news, stream, receiver, ISSUER, NOW)


def test_a_revoked_session_is_told_whole() -> None:
    """One event, its subject at the top, its cause as `txn`, times in seconds, a reason for administrators."""
    claims = told()

    assert {
        "iss": ISSUER,
        "aud": "https://ann",
        "iat": 1_615_305_000,
        "jti": claims["jti"],
        "txn": "cause",
        "sub_id": SUBJECT,
        "events": {
            SESSION_REVOKED: {
                "event_timestamp": 1_615_304_991,
                "initiating_entity": "policy",
                "reason_admin": {"en": "Revoked: reuse.theft_confirmed."},
            }
        },
    } == claims


@pytest.mark.parametrize(
    ("changes", "level", "principal", "who"),
    [
        ({"what": "quarantined"}, "HIGH", "SESSION", "policy"),
        ({"what": "released", "by_hand": True}, "LOW", "SESSION", "admin"),
        ({"what": "quarantined", "whole": True}, "HIGH", "USER", "policy"),
    ],
)
def test_a_quarantine_is_a_risk_and_not_an_end(changes: Any, level: str, principal: str, who: str) -> None:
    """Risk rises with a quarantine and falls with a release; nothing is revoked by either."""
    claims = told(msgspec.structs.replace(NEWS, **changes))

    assert {
        RISK_LEVEL_CHANGE: {
            "event_timestamp": 1_615_304_991,
            "initiating_entity": who,
            "current_level": level,
            "principal": principal,
            "risk_reason": "reuse.theft_confirmed",
        }
    } == claims["events"]


def test_the_same_cause_is_the_same_set() -> None:
    """Telling it again gives the same `jti`; another stream, or another cause, another one."""
    others = [
        told(stream=msgspec.structs.replace(STREAM, id="t")),
        told(msgspec.structs.replace(NEWS, id="other")),
    ]

    assert told()["jti"] == told()["jti"]
    assert 3 == len({claims["jti"] for claims in (told(), *others)})


def test_some_receivers_want_the_subject_in_the_event_too() -> None:
    """Where the settings say so, it stands at both places; and an audience of several is an array."""
    stream = msgspec.structs.replace(STREAM, aud=("https://ann", "https://annie"))
    claims = told(msgspec.structs.replace(NEWS, reasons=()), stream, msgspec.structs.replace(ANN, nested_subject=True))

    assert (SUBJECT, ["https://ann", "https://annie"], "Revoked: no reason given.") == (
        claims["events"][SESSION_REVOKED]["subject"],
        claims["aud"],
        claims["events"][SESSION_REVOKED]["reason_admin"]["en"],
    )


@pytest.mark.parametrize(
    ("stream", "receiver", "expected"),
    [
        ({"requested": (RISK_LEVEL_CHANGE,)}, {}, "unasked"),
        ({}, {"issuers": frozenset({"https://other"})}, "unasked"),
        ({}, {"issuers": frozenset({PERSON.iss})}, ""),
        ({}, {"subject": "iss_sub"}, "unsaid"),
        ({"subjects": (SUBJECT,)}, {}, "unasked"),
        ({}, {"default_subjects": "NONE"}, "unasked"),
        ({"subjects": (SUBJECT,)}, {"default_subjects": "NONE"}, ""),
    ],
)
def test_a_receiver_is_told_what_it_may_know_and_wants(stream: Any, receiver: Any, expected: str) -> None:
    """Neither foreign tenants, nor what was not asked for, nor what the shape cannot say."""
    found = told(stream=msgspec.structs.replace(STREAM, **stream), receiver=msgspec.structs.replace(ANN, **receiver))

    assert expected == (found if isinstance(found, str) else "")


@pytest.mark.parametrize(
    ("wish", "uri", "event"),
    [
        (Wish("1", "verification", "VGhpcw"), VERIFICATION, {"state": "VGhpcw"}),
        (Wish("1", "verification"), VERIFICATION, {}),
        (
            Wish("1", "updated", "Passes again.", "enabled"),
            STREAM_UPDATED,
            {"status": "enabled", "reason": "Passes again."},
        ),
    ],
)
def test_a_stream_is_told_of_itself(wish: Wish, uri: str, event: Any) -> None:
    """The subject is the stream, opaque (SSF 1.0, sections 8.1.4.1 and 8.1.5)."""
    claims = wish_claims_of(wish, STREAM, ISSUER, NOW)

    assert ({uri: event}, {"format": "opaque", "id": "s"}) == (claims["events"], claims["sub_id"])


def test_a_stream_that_was_held_says_that_it_goes_on() -> None:
    """It is enabled, without the reason of its pause, and wishes for `stream-updated`."""
    held = msgspec.structs.replace(STREAM, status="paused", reason="x", held=True)

    assert msgspec.structs.replace(
        STREAM, wishes=(Wish("w", "updated", "Deliveries pass again.", "enabled"),)
    ) == held.resumed("w")


def test_an_identity_is_trusted_beside_its_own_digest_only() -> None:
    """A sealed name accuses nobody whose digest it is not; other scopes name nobody."""
    key = b"0123456789abcdef"
    own = {
        scope: Subject(scope, digester(key, scope, PERSON.iss)(value))
        for scope, value in ((Scope.SUBJECT, "jane"), (Scope.FAMILY, "sid"))
    }

    assert [True, True] == [names(PERSON, subject, key) for subject in own.values()]
    assert not names(PERSON, Subject(Scope.FAMILY, own[Scope.SUBJECT].digest), key)
    assert not names(PERSON, Subject(Scope.DEVICE, own[Scope.SUBJECT].digest), key)


def test_an_identity_travels_sealed() -> None:
    """It opens as it was closed; what was not closed here is none."""
    identities = Identities(Seal(b"a key"))

    assert (PERSON, None) == (identities.open(identities.close(PERSON)), identities.open(b"x" * 40))
