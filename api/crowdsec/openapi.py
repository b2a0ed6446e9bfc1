"""The bouncers' API in the OpenAPI document, where it is served; its examples are made by the code that answers."""

from typing import Any

import msgspec

from api.crowdsec.asked import FALSE, TRUE
from api.crowdsec.wire import BAN, CAPTCHA, decision_of, list_of, stream_of, trouble_of
from api.examples import UNTIL

Json = dict[str, Any]

_NOW = UNTIL - 14_279_000
_BAN = decision_of(bytes(15) + b"\1", BAN, "203.0.113.7", "spread.addresses", UNTIL, _NOW)
_ENDED = decision_of(bytes(15) + b"\2", CAPTCHA, "198.51.100.0/24", "manual", _NOW - 723_000, _NOW)
LIST = msgspec.json.decode(list_of([_BAN]))
STREAM = msgspec.json.decode(stream_of([_BAN], [_ENDED]))
REPORT = {
    "remediation_components": [
        {"type": "crowdsec-nginx-bouncer", "version": "v1.0.8", "metrics": [], "utc_startup_timestamp": 1_795_427_100}
    ]
}

_DECISIONS: Json = {
    "anyOf": [{"type": "array", "items": {"$ref": "#/components/schemas/Decision"}}, {"type": "null"}],
}
_STREAM: Json = {
    "type": "object",
    "required": ["new", "deleted"],
    "properties": {"new": _DECISIONS, "deleted": _DECISIONS},
}
_REPORT: Json = {
    "type": "object",
    "required": ["remediation_components"],
    "properties": {
        "remediation_components": {"type": "array", "minItems": 1, "maxItems": 1, "items": {"type": "object"}},
        "log_processors": {"anyOf": [{"type": "array"}, {"type": "null"}]},
    },
}
_MESSAGE: Json = {"type": "object", "required": ["message"], "properties": {"message": {"type": "string"}}}
_TEXTS = {
    "scopes": "`ip`, `range`, or both separated by a comma; any case.",
    "origins": "Who decided; only `tokenward` decides here.",
    "scenarios_containing": "Words, separated by commas, one of which the scenario holds.",
    "scenarios_not_containing": "Words, separated by commas, none of which the scenario holds.",
}
_QUESTIONS = {
    "ip": "The address that a decision must hit.",
    "range": "The network that a decision must hit.",
    "value": "Exactly the address or network of the decision.",
    "type": "`ban` or `captcha`.",
    **_TEXTS,
}
_REFUSED = {
    400: "A parameter makes no sense.",
    403: "The key is not known, or may not ask this.",
    405: "The path has other methods.",
    503: "Nothing is known of the registry yet, or too many ask at once.",
}


def bouncer_paths(path: str) -> Json:
    """The routes under that path."""
    contains: Json = {
        "name": "contains",
        "in": "query",
        "description": "`false`: decisions within `ip` or `range`, instead of around it.",
        "schema": {"type": "string", "enum": sorted(TRUE | FALSE), "default": "true"},
    }
    startup: Json = {
        "name": "startup",
        "in": "query",
        "description": "`true`: everything that is condemned, instead of what changed.",
        "schema": {"type": "string", "default": "false"},
    }
    return {
        f"{path}/v1/decisions": {
            "get": _operation(
                "decisions",
                "What is condemned",
                "For bouncers in live mode: is this address? `null` where nothing is found.",
                [*map(_parameter, _QUESTIONS.items()), contains],
                _json("What was found.", _DECISIONS, LIST),
            )
        },
        f"{path}/v1/decisions/stream": {
            "get": _operation(
                "decisions_stream",
                "What is condemned since this bouncer asked last",
                "For bouncers in stream mode. The place of each bouncer is kept here; one that is not known is told "
                "everything. Decisions that have ended have a negative duration; an empty list is `null`.",
                [startup, *map(_parameter, _TEXTS.items())],
                _json("What changed.", _STREAM, STREAM),
            )
        },
        f"{path}/v1/usage-metrics": {
            "post": {
                **_operation(
                    "usage_metrics",
                    "Metrics of a bouncer",
                    "Counted.",
                    [],
                    {"201": {"description": "Taken."}},
                    413,
                    415,
                    422,
                ),
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": _REPORT, "example": REPORT}},
                },
            }
        },
        f"{path}/v1/heartbeat": {
            "get": _operation(
                "heartbeat", "A sign of life", "Nothing comes of it.", [], {"200": {"description": "Heard."}}
            )
        },
    }


def _operation(
    name: str, summary: str, description: str, parameters: list[Json], answered: Json, *further: int
) -> Json:
    refused = {
        str(status): {"description": _REFUSED.get(status, "The body cannot be used."), **_message()}
        for status in (*_REFUSED, *further)
    }
    return {
        "tags": ["crowdsec"],
        "operationId": f"crowdsec_{name}",
        "summary": summary,
        "description": description,
        "parameters": parameters,
        "responses": answered | refused,
    }


def _parameter(named: tuple[str, str]) -> Json:
    name, meaning = named
    return {"name": name, "in": "query", "schema": {"type": "string"}, "description": meaning}


def _json(description: str, schema: Json, example: object) -> Json:
    content = {"application/json": {"schema": schema, "example": example}}
    return {"200": {"description": description, "content": content}}


def _message() -> Json:
    example = msgspec.json.decode(trouble_of("access forbidden"))
    return {"content": {"application/json": {"schema": _MESSAGE, "example": example}}}
