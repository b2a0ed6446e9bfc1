"""The OpenAPI document: it holds every route, and its examples are true."""

import io
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from api.feed.openapi import ACKNOWLEDGEMENT, CHANGES_TEXT, SNAPSHOT_TEXT, STREAM_TEXT
from api.openapi import CLAIMS
from api.problems import PROBLEMS
from revocation.claims import Claims
from revocation.feed import decode_changes, decode_snapshot
from tests.api.running import ISSUER, Running, entry

Json = dict[str, Any]


@pytest.fixture(scope="module")
def document(api: Running) -> Json:
    """The document as it is served."""
    served: Json = api.http.get("/openapi.json").json()
    return served


def contents(document: Json) -> list[tuple[Json, list[object]]]:
    """Every schema of a body in the document, with its examples."""
    bodies = []
    for path in document["paths"].values():
        for operation in path.values():
            for part in [operation.get("requestBody", {}), *operation["responses"].values()]:
                bodies += part.get("content", {}).values()
    shown = [(body["schema"], _examples(body)) for body in bodies if "schema" in body]
    return [(schema, examples) for schema, examples in shown if examples]


def _examples(body: Json) -> list[object]:
    single = [body["example"]] if "example" in body else []
    return single + [named["value"] for named in body.get("examples", {}).values()]


def valid(document: Json, schema: Json, value: object) -> bool:
    """Whether the value is as the schema says; references point into the document."""
    return bool(Draft202012Validator({**schema, "components": document["components"]}).is_valid(value))


def test_every_route_is_in_the_document(document: Json) -> None:
    """The check routes, served raw, stand beside FastAPI's."""
    assert {
        "/v1/check": {"post"},
        "/v1/check/batch": {"post"},
        "/authz": {"get"},
        "/authz/{rest}": {"get"},
        "/authz:{profile}": {"get"},
        "/authz:{profile}/{rest}": {"get"},
        "/v1/revocations": {"get", "post"},
        "/v1/revocations/release": {"post"},
        "/v1/revocations/{scope}/{digest}": {"get", "delete"},
        "/v1/approvals": {"get"},
        "/v1/approvals/{approval}": {"get"},
        "/v1/approvals/{approval}/approve": {"post"},
        "/v1/approvals/{approval}/reject": {"post"},
        "/v1/bulk": {"get", "post"},
        "/v1/bulk/{bulk}": {"get"},
        "/v1/bulk/{bulk}/parts/{part}": {"put"},
        "/v1/bulk/{bulk}/dry-run": {"post"},
        "/v1/bulk/{bulk}/submit": {"post"},
        "/v1/bulk/{bulk}/undo": {"post"},
        "/v1/introspect": {"post"},
        "/oauth2/revoke": {"post"},
        "/v1/global-token-revocation": {"post"},
        "/v1/ssf/events": {"post"},
        "/v1/revocations/changes": {"get"},
        "/v1/revocations/stream": {"get"},
        "/v1/revocations/acknowledgements": {"post"},
        "/v1/revocations/replicas": {"get"},
        "/v1/revocations/entries": {"get"},
        "/healthz": {"get"},
        "/readyz": {"get"},
        "/metrics": {"get"},
    } == {path: set(operations) for path, operations in document["paths"].items()}


def test_every_example_is_as_its_schema_says(document: Json) -> None:
    """No example has drifted from the types; there are some for every question and refusal."""
    pairs = [(schema, example) for schema, examples in contents(document) for example in examples]

    assert [] == [example for schema, example in pairs if not valid(document, schema, example)]
    assert len(pairs) > 15


def test_examples_of_questions_are_answered(api: Running, document: Json) -> None:
    """What the document asks by example, the API answers; what it answers is as the schema says."""
    api.refuse(entry("s1"))
    for path in ("/v1/check", "/v1/check/batch"):
        operation = document["paths"][path]["post"]
        answers = [
            api.http.post(path, json=example["value"]).raise_for_status().json()
            for example in operation["requestBody"]["content"]["application/json"]["examples"].values()
        ]
        schema = operation["responses"]["200"]["content"]["application/json"]["schema"]

        assert [True] * len(answers) == [valid(document, schema, answer) for answer in answers]


def test_a_refusal_is_as_its_schema_says(api: Running, document: Json) -> None:
    """A real deny, and a real page, are valid by the document."""
    api.refuse(entry("s2"))
    paths = document["paths"]
    check = api.http.post("/v1/check", json={"iss": ISSUER, "sid": "s2"}).json()
    page = api.http.get("/v1/revocations/entries").json()
    schemas = [paths["/v1/check"]["post"], paths["/v1/revocations/entries"]["get"]]
    found = [one["responses"]["200"]["content"]["application/json"]["schema"] for one in schemas]

    assert [True, True] == [valid(document, schema, value) for schema, value in zip(found, [check, page], strict=True)]


def test_examples_of_the_feed_are_the_feeds() -> None:
    """What the document shows of the feed is read by the library's own decoders."""
    whole = decode_snapshot(io.BytesIO(SNAPSHOT_TEXT.encode()))
    changes = decode_changes(CHANGES_TEXT.encode(), whole.position)

    assert ["9f1c2a7e:4711", "9f1c2a7e:4712"] == [str(whole.position), str(changes.position)]
    assert list(whole.entries) == [change.entry for change in changes.changes]


def test_the_page_on_the_feed_quotes_the_examples() -> None:
    """`docs/feed.md` shows the very text of the examples."""
    page = (Path(__file__).parents[2] / "docs" / "feed.md").read_text()
    quoted = (CHANGES_TEXT, STREAM_TEXT.rstrip(), msgspec.json.encode(ACKNOWLEDGEMENT).decode())

    assert [] == [text for text in quoted if text not in page]


def test_every_reference_leads_somewhere(document: Json) -> None:
    """No schema is named that the document does not hold, and FastAPI's own error is not promised."""
    text = msgspec.json.encode(document).decode()
    names = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}

    assert set() == names - set(document["components"]["schemas"])
    assert "HTTPValidationError" not in text


def test_every_claim_is_explained(document: Json) -> None:
    """Each member of a question says what it is for."""
    assert set(Claims.__struct_fields__) == set(CLAIMS)
    assert CLAIMS == {
        name: one["description"] for name, one in document["components"]["schemas"]["Claims"]["properties"].items()
    }


def test_problems_have_names_of_their_own() -> None:
    """No two problems share a slug."""
    assert len(PROBLEMS) == len({problem.slug for problem in PROBLEMS})


def test_a_page_for_people_shows_the_document(api: Running) -> None:
    """`/docs` is there."""
    assert "/openapi.json" in api.http.get("/docs").raise_for_status().text
