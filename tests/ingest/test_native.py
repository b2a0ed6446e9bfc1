"""The native format: what is read, what is rejected and why, and that a reject never repeats the record."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from jsonschema import Draft202012Validator

from ingest.formats import REASONS, RefreshEvent, Reject, native
from ingest.formats.wire import MAX_BYTES
from revocation.issuers import Issuers
from tests.ingest.examples import BAD, BASE, GOOD, JWT, decoded, dumped, events, hostile, reason

SCHEMA = json.loads((Path(__file__).parents[2] / "docs/schemas/refresh-event.v1.json").read_text())
VALIDATOR = Draft202012Validator(SCHEMA)


def test_the_smallest_record_is_an_event() -> None:
    """A time, an issuer, an outcome and one identity are enough; the rest is not known."""
    outcome = decoded("native", dumped(BASE))

    assert [RefreshEvent(at=1_767_322_800_000, iss="https://idp.example.com", outcome="success", sub="ann")] == outcome


def test_text_times_become_milliseconds() -> None:
    """RFC 3339 text is read for both times, whatever its offset."""
    members = BASE | {"at": "2026-01-02T04:04:05.678+01:00", "access_exp": "2026-01-02T03:09:05Z"}

    outcome = decoded("native", dumped(members))

    assert isinstance(outcome, list)
    assert [(1_767_323_045_678, 1_767_323_345_000)] == [(event.at, event.access_exp) for event in outcome]


def test_an_expiry_in_seconds_becomes_milliseconds() -> None:
    """`access_exp` may be what the access token's `exp` is."""
    outcome = decoded("native", dumped(BASE | {"access_exp": 1_767_323_345}))

    assert isinstance(outcome, list)
    assert [1_767_323_345_000] == [event.access_exp for event in outcome]


@pytest.mark.parametrize("members", GOOD)
def test_good_records_are_read_and_fit_the_schema(members: dict[str, Any]) -> None:
    """What the decoder takes, the published schema allows."""
    value = dumped(members)

    assert ("", True) == (reason("native", value), VALIDATOR.is_valid(json.loads(value)))


@pytest.mark.parametrize(("slug", "members"), BAD)
def test_bad_records_are_rejected_and_do_not_fit_the_schema(slug: str, members: dict[str, Any]) -> None:
    """What the decoder rejects, the published schema forbids."""
    value = dumped(members)

    # "yesterday" is text for a schema too, but no time for its pattern.
    assert (slug, False) == (reason("native", value), VALIDATOR.is_valid(json.loads(value)))


def test_the_schema_is_one_and_its_examples_are_events() -> None:
    """The schema obeys 2020-12, and the examples in it decode."""
    Draft202012Validator.check_schema(SCHEMA)

    assert ["", ""] == [reason("native", dumped(example)) for example in SCHEMA["examples"]]


@pytest.mark.parametrize(
    ("slug", "value"),
    [
        ("bad_json", b""),
        ("bad_json", b"{"),
        ("bad_json", b"[]"),
        ("bad_json", b"null"),
        ("bad_json", dumped(BASE) + b"{}"),
        ("bad_json", b"\xef\xbb\xbf" + dumped(BASE)),
        ("bad_json", dumped(BASE | {"sub": "?"}).replace(b"?", b"\xff")),
        ("bad_json", dumped(BASE | {"sub": "?"}).replace(b"?", b"\\ud800")),
        ("bad_json", dumped(BASE | {"x": "?"}).replace(b'"?"', b"[" * 30_000)),
        ("too_large", dumped(BASE | {"x": "x" * MAX_BYTES})),
        ("bad_value", dumped(BASE | {"lat": "?"}).replace(b'"?"', b"1e400")),
        ("bad_value", dumped(BASE | {"at": "?"}).replace(b'"?"', b"9" * 5000)),
        ("token_in_clear", dumped(BASE | {"sid": "?"}).replace(b"?", b"\\u0065" + JWT[1:].encode())),
    ],
)
def test_records_that_no_encoder_writes_are_rejected(slug: str, value: bytes) -> None:
    """Broken, hostile and oversized bytes have their reason too; an escape hides no token."""
    assert slug == reason("native", value)


@given(value=hostile)
def test_arbitrary_bytes_raise_nothing_but_rejects(value: bytes) -> None:
    """Whatever the bytes: events, or a reject with a reason of the closed set, and no other error behind it."""
    outcome = decoded("native", value)

    if isinstance(outcome, Reject):
        assert outcome.reason in REASONS
        assert outcome.__context__ is None
        assert outcome.__cause__ is None


@given(event=events)
def test_what_is_encoded_decodes_equal(event: RefreshEvent) -> None:
    """An event survives the way to Kafka and back, and fits the schema."""
    value = native.encode(event)

    assert [event] == native.decode(value, Issuers())
    assert VALIDATOR.is_valid(json.loads(value))


@pytest.mark.parametrize("name", [name for name in RefreshEvent.__struct_fields__ if name not in {"lat", "lon"}])
@pytest.mark.parametrize("secret", [JWT, "s3cr3t" * 200])
def test_no_reject_repeats_what_was_in_the_record(name: str, secret: str) -> None:
    """A secret in any member is not in the sentence, nor in anything that the reject carries."""
    outcome = decoded("native", dumped(BASE | {name: secret}))

    assert isinstance(outcome, Reject)
    assert "s3cr3t" not in repr(vars(outcome)) + repr(outcome) + outcome.sentence
    assert JWT not in repr(vars(outcome)) + repr(outcome) + outcome.sentence


def test_the_sentence_names_the_member() -> None:
    """Whoever sends it learns where to look."""
    outcome = decoded("native", dumped(BASE | {"lon": 181}))

    assert isinstance(outcome, Reject)
    assert outcome.sentence == "The member lon has a value that it cannot have."
