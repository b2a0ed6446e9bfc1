"""Revoking and releasing over HTTP: who may, what comes of it, and what stands in the trail."""

from typing import Any

import httpx
import pytest

from api.writes.terms import LONGEST_S
from revocation.record import Scope
from tests.api.running import HOUR, ISSUER, KEY, NOW, TYPE, Running, entry
from tests.api.writes.callers import OTHER, shown

WHY = {"reason": "soc.test"}


def post(api: Running, path: str, by: str = "ann", **body: Any) -> httpx.Response:
    """Ask for something."""
    return api.http.post(path, json=WHY | body, headers=shown(by))


def asked(api: Running, sid: str) -> str:
    """What a gateway is answered about a session."""
    told = api.http.post("/v1/check", json={"iss": ISSUER, "sid": sid}, headers=shown("gateway"))
    return str(told.raise_for_status().json()["decision"])


def slug(response: httpx.Response) -> str:
    """The problem's slug."""
    return str(response.json()["type"]).removeprefix(TYPE)


def test_a_session_is_refused_once_the_answer_is_there(acted: Running) -> None:
    """201, where the entry is, and how it stands; checks of this process refuse it from that moment on."""
    created = post(acted, "/v1/revocations", iss=ISSUER, sid="s1")

    assert (201, "deny") == (created.status_code, asked(acted, "s1"))
    assert {
        "scope": "family",
        "state": "revoked",
        "reasons": ["soc.test"],
        "decided_at": NOW,
        "expires_at": NOW + 24 * HOUR,
    } == {name: value for name, value in created.json().items() if name not in {"id", "digest"}}
    read = acted.http.get(created.headers["Location"], headers=shown("ann"))
    assert (created.json(), created.headers["ETag"]) == (read.json(), read.headers["ETag"])


def test_it_is_told_before_and_after(acted: Running) -> None:
    """The trail has the decision in full, with its actor, before it is applied; the topic is told of the change."""
    post(acted, "/v1/revocations", iss=ISSUER, sid="s2", comment="Called in.")
    event = acted.trail.events[-1]

    assert ("ann", "api", "revoke", "soc.test", {"comment": "Called in."}) == (
        event.actor,
        event.via,
        event.action,
        event.reason,
        event.details,
    )
    assert [("ann", acted.told[-1].entry.subject.digest.hex())] == [(e.actor, e.digest) for e in event.entries]


def test_an_expiry_is_never_shortened(acted: Running) -> None:
    """A second, shorter decision answers 200 with the entry as it stands."""
    first = post(acted, "/v1/revocations", iss=ISSUER, sid="s3", ttl_s=7200)
    second = post(acted, "/v1/revocations", iss=ISSUER, sid="s3", ttl_s=3600, state="quarantined")

    assert (201, 200) == (first.status_code, second.status_code)
    assert ("revoked", NOW + 2 * HOUR) == (second.json()["state"], second.json()["expires_at"])


@pytest.mark.parametrize(
    ("asked_s", "state", "stands_s"),
    [(1, "revoked", 600), (1, "quarantined", 1), (None, "quarantined", 900), (LONGEST_S, "revoked", LONGEST_S)],
)
def test_no_revocation_ends_before_a_token_does(acted: Running, asked_s: int | None, state: str, stands_s: int) -> None:
    """However short it is asked for, it stands as long as an access token of the issuer lives."""
    told = post(acted, "/v1/revocations", iss=ISSUER, sid=f"t{asked_s}{state}", state=state, ttl_s=asked_s)

    assert stands_s * 1000 == told.json()["expires_at"] - NOW


def test_a_cut_off_may_be_given(acted: Running) -> None:
    """`not_before` is taken where the scope has one, and is now without."""
    given = post(acted, "/v1/revocations", iss=ISSUER, sub="ann", not_before=NOW - 5)
    usual = post(acted, "/v1/revocations", iss=ISSUER, sub="ben")

    assert (NOW - 5, NOW) == (given.json()["not_before"], usual.json()["not_before"])


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"iss": ISSUER},
        {"sid": "s"},
        {"iss": ISSUER, "sid": "s", "sub": "u"},
        {"iss": ISSUER, "scope": "family"},
        {"iss": ISSUER, "sid": "s", "scope": "subject"},
        {"digest": "00" * 16},
        {"digest": "00", "scope": "family"},
        {"iss": ISSUER, "digest": "00" * 16, "scope": "family"},
        {"ip": "nowhere"},
        {"ip": "203.0.113.0/8"},
        {"ip": "203.0.112.0/23"},
        {"iss": ISSUER, "sid": "s", "reason": ""},
        {"iss": ISSUER, "sid": "s", "reason": "A sentence."},
        {"iss": ISSUER, "sid": "s", "ttl_s": 0},
        {"iss": ISSUER, "sid": "s", "ttl_s": LONGEST_S + 1},
        {"iss": ISSUER, "sid": "s", "nobody": 1},
        {"iss": ISSUER, "sid": "s" * 1025},
    ],
)
def test_who_is_not_named_is_not_refused(acted: Running, body: dict[str, Any]) -> None:
    """Nobody, several, a wrong form or no reason: 400, without an echo of what came in."""
    refused = post(acted, "/v1/revocations", **body)

    assert (400, "bad_request") == (refused.status_code, slug(refused))
    assert "nobody" not in refused.text.replace("nobody knows", "")


def test_a_body_that_is_too_large_is_not_read(acted: Running) -> None:
    """413 as soon as it is more than 64 KiB."""
    refused = post(acted, "/v1/revocations", iss=ISSUER, sid="s", comment="x" * 70_000)

    assert (413, "too_large") == (refused.status_code, slug(refused))


def test_an_address_may_be_any_width_that_gateways_look_up(acted: Running) -> None:
    """An address, and a network of 24 bits, are two entries."""
    told = [post(acted, "/v1/revocations", ip=ip) for ip in ("203.0.113.7", "203.0.113.0/24", "2001:db8::/48")]

    assert [201] * 3 == [one.status_code for one in told]
    assert {"origin"} == {one.json()["scope"] for one in told}


@pytest.mark.parametrize(
    ("by", "body"),
    [
        ("other", {"iss": ISSUER, "sid": "x"}),
        ("acme", {"iss": OTHER, "sid": "x"}),
        ("acme", {"iss": ISSUER, "kid": "k"}),
        ("acme", {"ip": "203.0.113.7"}),
        ("acme", {"scope": "family", "digest": "00" * 16}),
        ("gateway", {"iss": ISSUER, "sid": "x"}),
    ],
)
def test_who_may_not_is_refused(acted: Running, by: str, body: dict[str, Any]) -> None:
    """Another tenant's identity, a scope that one does not have, an address, a digest: 403, and nothing is told."""
    before = len(acted.told)
    refused = post(acted, "/v1/revocations", by, **body)

    assert (403, "forbidden", before) == (refused.status_code, slug(refused), len(acted.told))


def test_a_refused_attempt_stands_in_the_trail(acted: Running) -> None:
    """Who tried, what, and on whose identity."""
    post(acted, "/v1/revocations", "other", iss=ISSUER, sid="x")
    event = acted.trail.events[-1]

    assert ("other", "refused", {"verb": "revoke", "scopes": "family", "iss": ISSUER}) == (
        event.actor,
        event.action,
        event.details,
    )


def test_without_the_trail_nothing_is_done(acted: Running) -> None:
    """503, the registry as it was."""
    acted.trail.available = False
    try:
        refused = post(acted, "/v1/revocations", iss=ISSUER, sid="s4")
    finally:
        acted.trail.available = True

    assert (503, "trail_unavailable", "allow") == (refused.status_code, slug(refused), asked(acted, "s4"))


def test_who_was_refused_passes_again(acted: Running) -> None:
    """Released by identity: 204, said again 204; somebody whom nobody refuses: 404."""
    post(acted, "/v1/revocations", iss=ISSUER, sid="s5")
    told = [post(acted, "/v1/revocations/release", iss=ISSUER, sid=sid).status_code for sid in ("s5", "s5", "s6")]

    assert ([204, 204, 404], "allow") == (told, asked(acted, "s5"))


def test_the_trail_has_the_tombstone(acted: Running) -> None:
    """What a release leaves in the registry stands in the trail, by the one who released."""
    post(acted, "/v1/revocations", iss=ISSUER, sid="s7")
    post(acted, "/v1/revocations/release", iss=ISSUER, sid="s7", by="bob")

    assert [("released", "bob", NOW)] == [
        (one.state, one.actor, one.released_at) for one in acted.trail.events[-1].entries
    ]


def test_a_decision_after_a_release_of_the_same_moment_counts(acted: Running) -> None:
    """Who is revoked again in the very millisecond of his release is refused."""
    paths = ("/v1/revocations", "/v1/revocations/release", "/v1/revocations")
    told = [post(acted, path, iss=ISSUER, sid="s8") for path in paths][-1]

    assert (201, "revoked", "deny") == (told.status_code, told.json()["state"], asked(acted, "s8"))


def test_an_entry_is_released_as_it_was_shown(acted: Running) -> None:
    """With `If-Match` only as long as nobody has changed it; by digest only by callers of all issuers."""
    created = post(acted, "/v1/revocations", iss=ISSUER, sid="s9", state="quarantined")
    place, old = created.headers["Location"], created.headers["ETag"]
    new = post(acted, "/v1/revocations", iss=ISSUER, sid="s9").headers["ETag"]

    def delete(by: str, **headers: str) -> tuple[int, str]:
        told = acted.http.delete(place, params=WHY, headers=shown(by) | headers)
        return told.status_code, slug(told) if told.content else ""

    assert (412, "changed") == delete("ann", **{"If-Match": old})
    assert (403, "forbidden") == delete("acme", **{"If-Match": new})
    assert (204, "") == delete("ann", **{"If-Match": new})
    assert (404, "no_entry") == (
        (read := acted.http.get(place, headers=shown("ann"))).status_code,
        slug(read),
    )


def test_releasing_needs_a_reason_too(acted: Running) -> None:
    """400 without one."""
    (change,) = acted.registry.apply([entry("s10", Scope.FAMILY)], NOW)
    place = f"/v1/revocations/family/{change.entry.subject.digest.hex()}"

    assert 400 == acted.http.delete(place, headers=shown("ann")).status_code


def test_the_key_never_leaves(acted: Running) -> None:
    """No event of the trail holds an identity in the clear, or the digest key."""
    post(acted, "/v1/revocations", iss=ISSUER, sub="person-in-the-clear")

    assert not any(KEY.hex() in repr(event) or "person-in-the-clear" in repr(event) for event in acted.trail.events)
