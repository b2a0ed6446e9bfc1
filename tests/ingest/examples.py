"""Records for the tests of all formats: good ones, bad ones by reason, and hostile ones by the thousand."""

import json
from typing import Any, Final

from hypothesis import strategies as st

from ingest.formats import FORMATS, RefreshEvent, Reject
from ingest.formats.event import EARLIEST, LATEST
from revocation.issuers import Issuers

BASE: Final[dict[str, Any]] = {
    "at": 1_767_322_800_000,
    "iss": "https://idp.example.com",
    "outcome": "success",
    "sub": "ann",
}
JWT: Final = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJl"

GOOD: Final[list[dict[str, Any]]] = [
    BASE,
    BASE | {"at": "2026-01-02T03:04:05.678Z"},
    BASE | {"at": "2026-01-02T04:04:05+01:00", "access_exp": "2026-01-02T03:09:05Z"},
    BASE | {"access_exp": 1_767_323_100},
    BASE | {"access_exp": 1_767_323_100_000},
    BASE | {"sub": None, "ip": "2001:db8::1"},
    BASE | {"sub": "", "sid": "s"},
    BASE | {"type": "logout", "error": None, "token": "x" * 256, "user_agent": "x" * 1024},
    BASE | {"generation": 7, "latest_generation": 9, "asn": 4_294_967_295, "country": "DE"},
    BASE | {"lat": 90, "lon": -180.0, "accuracy_km": 0.5},
    BASE | {"a_member_of_tomorrow": {"deep": [1, 2, 3]}, "token": "eyJ is no token"},
]
"""Records in the native format that are events."""

BAD: Final[list[tuple[str, dict[str, Any]]]] = [
    *[("missing_field", {k: v for k, v in BASE.items() if k != name}) for name in BASE],
    ("missing_field", BASE | {"iss": ""}),
    ("missing_field", BASE | {"sub": ""}),
    ("bad_value", BASE | {"at": -1}),
    ("bad_value", BASE | {"at": EARLIEST - 1}),
    ("bad_value", BASE | {"at": LATEST + 1}),
    ("bad_value", BASE | {"at": 1_767_322_800_000.5}),
    ("bad_value", BASE | {"at": "yesterday"}),
    ("bad_value", BASE | {"at": "2026-01-02T03:04:05"}),
    ("bad_value", BASE | {"at": True}),
    ("bad_value", BASE | {"outcome": "maybe"}),
    ("bad_value", BASE | {"type": "refreshed"}),
    ("bad_value", BASE | {"sub": 7}),
    ("bad_value", BASE | {"lat": 90.01}),
    ("bad_value", BASE | {"lon": -180.01}),
    ("bad_value", BASE | {"accuracy_km": -1}),
    ("bad_value", BASE | {"asn": 2**32}),
    ("bad_value", BASE | {"generation": -1}),
    ("bad_value", BASE | {"country": "Germany"}),
    ("bad_value", BASE | {"access_exp": 99_999_999_999}),
    ("bad_value", BASE | {"access_exp": 0}),
    ("token_in_clear", BASE | {"token": JWT}),
    ("token_in_clear", BASE | {"sid": f"Bearer {JWT}"}),
    ("token_in_clear", BASE | {"access_jti": JWT * 20}),
    ("value_too_long", BASE | {"token": "x" * 257}),
    ("value_too_long", BASE | {"user_agent": "x" * 1025}),
]
"""Records in the native format that are none, by the reason why."""


def decoded(format_name: str, value: bytes, issuers: Issuers | None = None) -> list[RefreshEvent] | Reject:
    """The events of a record, or the reject."""
    try:
        return FORMATS[format_name](value, issuers or Issuers())
    except Reject as reject:
        return reject


def reason(format_name: str, value: bytes, issuers: Issuers | None = None) -> str:
    """The reason of a record's reject; empty where it has none."""
    outcome = decoded(format_name, value, issuers)
    return outcome.reason if isinstance(outcome, Reject) else ""


def dumped(members: dict[str, Any]) -> bytes:
    """The record of `members`."""
    return json.dumps(members).encode()


_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    _text,
    st.sampled_from([JWT, "x" * 300, "2026-01-02T03:04:05Z"]),
)
_names = st.sampled_from(
    [*RefreshEvent.__struct_fields__, "time", "realmId", "details", "refresh_token_id", "reason", "clientId", "userId"]
)
_types = st.sampled_from(["refresh", "REFRESH_TOKEN", "REFRESH_TOKEN_ERROR", "LOGIN"])
_members = st.dictionaries(_names, st.one_of(_scalars, st.dictionaries(_names, _scalars, max_size=4)), max_size=8)

hostile = st.one_of(
    st.binary(max_size=200),
    st.tuples(_members, _types).map(
        lambda made: dumped(BASE | {"time": BASE["at"], "realmId": "r", "type": made[1]} | made[0])
    ),
)
"""Bytes that may be anything, many of them nearly a record."""


def _optional(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


_moments = st.integers(EARLIEST, LATEST)
_degrees = st.floats(-90, 90)
_ids = ("error", "id", "sid", "client_id", "token", "successor", "access_jti", "ip", "device_id", "user_agent")
events = st.builds(
    RefreshEvent,
    at=_moments,
    iss=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12),
    outcome=st.sampled_from(["success", "refused"]),
    type=st.sampled_from(["refresh", "login", "logout", "revoked"]),
    sub=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12),
    access_exp=_optional(_moments),
    generation=_optional(st.integers(0, 2**31 - 1)),
    latest_generation=_optional(st.integers(0, 2**31 - 1)),
    asn=_optional(st.integers(0, 2**32 - 1)),
    country=_optional(st.sampled_from(["DE", "au"])),
    lat=_optional(_degrees),
    lon=_optional(_degrees),
    accuracy_km=_optional(st.floats(0, 1000)),
    **{name: _optional(_text) for name in _ids},
)
"""Events of every kind."""
