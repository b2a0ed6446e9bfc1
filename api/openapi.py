"""The OpenAPI document: FastAPI's own, and the check routes, which FastAPI does not serve."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from fastapi import FastAPI

from api import schemas
from api.crowdsec.wire import Decision
from api.examples import BATCH_ANSWER, BATCH_QUESTION, CHECK_ANSWERS, CHECK_QUESTIONS
from api.feed.asked import Acknowledgement
from api.problems import (
    BAD_REQUEST,
    BUSY,
    MEDIA_TYPE,
    METHOD_NOT_ALLOWED,
    NOT_READY,
    TOO_LARGE,
    UNSUPPORTED_MEDIA_TYPE,
    Problem,
)
from api.schemas import BATCH_TOKENS, BatchAnswer, BatchQuestion, CheckAnswer
from revocation.claims import Claims

Json = dict[str, Any]

SUMMARY = "Is this token's session stolen? Asked by gateways, answered from memory."
DESCRIPTION = """\
Every route but `/healthz` asks who calls, by a key, a token or a certificate, and what that caller may. Errors are
problem+json (RFC 9457); the member `type` is stable. Members that do not apply are absent. Times are epoch
milliseconds, but the claims of a token are as its JWT has them."""

#: What each claim is for; `msgspec` knows the types only.
CLAIMS = {
    "iss": "The token's issuer, exactly; without it only `ip` is looked at.",
    "sub": "Whose token it is.",
    "sid": "The session, or whatever else the issuer calls a token family.",
    "jti": "The token's own id.",
    "iat": "When it was issued, seconds since the epoch.",
    "auth_time": "When the person signed in, seconds since the epoch; a quarantine ends with a later one.",
    "client_id": "The client (`azp` with some issuers).",
    "device": "A device id, or the thumbprint in `cnf.jkt`.",
    "kid": "The key that signed it.",
    "ip": "The address that the request comes from.",
}

_REFUSED = (BAD_REQUEST, METHOD_NOT_ALLOWED, TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, NOT_READY, BUSY)


def refusals(*problems: Problem) -> dict[int | str, Json]:
    """The `responses` of a route: these problems by status, each with its example."""
    by_status: dict[int | str, Json] = {}
    for problem in problems:
        response = by_status.setdefault(problem.status.value, {"description": problem.title})
        shape = response.setdefault("content", {}).setdefault(MEDIA_TYPE, {"schema": reference("Problem")})
        example = {"summary": problem.title, "value": msgspec.json.decode(problem.body())}
        shape.setdefault("examples", {})[problem.slug] = example
    return by_status


def documented(app: FastAPI, *others: Json) -> Callable[[], Json]:
    """What `app.openapi` shall be: FastAPI's document with the `others` in it, made once."""
    made: list[Json] = []
    generate = app.openapi

    def openapi() -> Json:
        if not made:
            document = generate()
            for path in document["paths"].values():
                for operation in path.values():
                    # FastAPI's own error shape is never answered here; a problem may have that status.
                    if "application/json" in operation["responses"].get("422", {}).get("content", {}):
                        del operation["responses"]["422"]
            document["paths"] = _merged(*others, document["paths"])
            document.setdefault("components", {}).setdefault("schemas", {}).update(_schemas())
            for unused in ("HTTPValidationError", "ValidationError"):
                document["components"]["schemas"].pop(unused, None)
            made.append(document)
        return made[0]

    return openapi


def check_paths() -> Json:
    """The check routes, which FastAPI does not serve."""
    return {
        "/v1/check": {
            "post": {
                "tags": ["check"],
                "operationId": "check",
                "summary": "May this token pass?",
                "description": "The more claims, the more is looked up. At most 16 KiB.",
                "requestBody": body_of(reference("Claims"), CHECK_QUESTIONS),
                "responses": {"200": _answered(reference("CheckAnswer"), CHECK_ANSWERS)} | _refused(),
            }
        },
        "/v1/check/batch": {
            "post": {
                "tags": ["check"],
                "operationId": "check_batch",
                "summary": "May these tokens pass?",
                "description": f"At most {BATCH_TOKENS} tokens and 8 MiB; `tokens` may also stand alone, as an array.",
                "requestBody": body_of(reference("BatchQuestion"), {"two tokens": BATCH_QUESTION}),
                "responses": {"200": _answered(reference("BatchAnswer"), {"two tokens": BATCH_ANSWER})} | _refused(),
            }
        },
    }


def _merged(*documents: Json) -> Json:
    """All paths; one may have methods here and there."""
    merged: Json = {}
    for paths in documents:
        for path, operations in paths.items():
            merged[path] = merged.get(path, {}) | operations
    return merged


def _refused() -> Json:
    return {str(status): response for status, response in refusals(*_REFUSED).items()}


def _schemas() -> Json:
    """The schemas of what msgspec decodes and encodes, from the very types."""
    types: Sequence[type] = (
        Claims,
        BatchQuestion,
        CheckAnswer,
        BatchAnswer,
        schemas.Problem,
        Acknowledgement,
        Decision,
    )
    _, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    for name, meaning in CLAIMS.items():
        components["Claims"]["properties"][name]["description"] = meaning
    components["BatchQuestion"]["properties"]["tokens"]["maxItems"] = BATCH_TOKENS
    return components


def reference(name: str) -> Json:
    """A schema of the document, by name."""
    return {"$ref": f"#/components/schemas/{name}"}


def body_of(schema: Json, examples: Json) -> Json:
    """A JSON body that a route requires; `examples` by what each is."""
    return {"required": True, "content": {"application/json": {"schema": schema, "examples": _examples(examples)}}}


def _answered(schema: Json, examples: Json) -> Json:
    content = {"application/json": {"schema": schema, "examples": _examples(examples)}}
    return {"description": "The answer; never to be stored.", "content": content}


def _examples(values: Json) -> Json:
    return {name.replace(" ", "_"): {"summary": name, "value": value} for name, value in values.items()}
