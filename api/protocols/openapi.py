"""The inbound protocols' part of the OpenAPI document."""

from typing import Any, get_args

from api.openapi import body_of, refusals
from api.problems import (
    BAD_REQUEST,
    FORBIDDEN,
    REGISTRY_UNAVAILABLE,
    TOO_LARGE,
    UNKNOWN_ISSUER,
    UNREVOCABLE,
    UNSUPPORTED_MEDIA_TYPE,
    Problem,
)
from api.protocols import forms, global_revocation, introspect, push, revoke
from revocation.secevents import Code

Json = dict[str, Any]

ACTIVE: Json = {
    "active": True,
    "token_type": "Bearer",
    "scope": "read write",
    "client_id": "shop",
    "sub": "248289761001",
    "iss": "https://idp.example.com/realms/acme",
    "jti": "b1f0c7",
    "exp": 1795427400,
    "iat": 1795427100,
    "aud": "shop-api",
}
INACTIVE: Json = {"active": False}
SIGN_OUT: Json = {"sub_id": {"format": "iss_sub", "iss": "https://idp.example.com/realms/acme", "sub": "248289761001"}}
REFUSED_EVENT: Json = {"err": "invalid_audience", "description": "The token is not addressed to this receiver."}
EVENT = "eyJ0eXAiOiJzZWNldmVudCtqd3QiLCJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.eyJpc3MiOiJodHRwczovL2lkcC8ifQ.c2ln"

_MEMBERS: Json = {
    "active": {"type": "boolean"},
    "aud": {"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
    "cnf": {"type": "object", "additionalProperties": {"type": "string"}},
    "token_type": {"enum": ["Bearer", "DPoP"]},
    **{name: {"type": "string"} for name in introspect.TEXTS},
    **{name: {"type": "integer"} for name in introspect.TIMES},
}


def protocol_paths() -> Json:
    """The routes that FastAPI does not serve."""
    return {
        introspect.PATH: {
            "post": _operation(
                "introspect",
                "Is this token good, and what does it say?",
                "RFC 7662. Whatever is not good, or not for the caller to know, is `active: false`, and nothing else; "
                "a quarantined token, too.",
                _form({}),
                {
                    "200": _json(
                        "The answer; never to be stored.",
                        {"type": "object", "required": ["active"], "properties": _MEMBERS},
                        ACTIVE,
                        INACTIVE,
                    )
                }
                | _oauth(400, 413, 415, 503),
            )
        },
        revoke.PATH: {
            "post": _operation(
                "revoke_token",
                "Give a token up",
                "RFC 7009, for the client that the token was issued to (`client_ids` of a principal). 200 also for "
                "what is not good any more, or another client's, without effect; `unsupported_token_type` for what is "
                "no signed JWT.",
                _form({"client_id": "One of the caller's clients, where it is several."}),
                {"200": {"description": "No such token is good any more."}} | _oauth(400, 401, 413, 415, 503),
            )
        },
        global_revocation.PATH: {
            "post": _operation(
                "sign_out",
                "Sign a person out everywhere",
                "Global token revocation: every token of a login up to now is refused. `subject` stands for `sub_id`.",
                body_of(_IDENTIFIED, {"a person": SIGN_OUT}),
                {"204": {"description": "Done."}}
                | _problems(
                    BAD_REQUEST,
                    FORBIDDEN,
                    UNKNOWN_ISSUER,
                    TOO_LARGE,
                    UNSUPPORTED_MEDIA_TYPE,
                    UNREVOCABLE,
                    REGISTRY_UNAVAILABLE,
                ),
            )
        },
        push.PATH: {
            "post": _operation(
                "push_event",
                "Tell of a security event",
                "RFC 8935: one security event token (RFC 8417) of a configured transmitter, which its signature shows. "
                "A repeated one is accepted again, without effect.",
                {
                    "required": True,
                    "content": {push.MEDIA_TYPE.decode(): {"schema": {"type": "string"}, "example": EVENT}},
                },
                {"202": {"description": "It was acted upon."}}
                | {str(status): _json("It is not taken.", _EVENT_FAULT, REFUSED_EVENT) for status in (400, 413, 415)}
                | {
                    "429": {"description": "Too many came from this address; it should come again, see `Retry-After`."},
                    "503": {"description": "It should come again; see `Retry-After`."},
                },
            )
        },
    }


_EVENT_FAULT: Json = {
    "type": "object",
    "required": ["err", "description"],
    "properties": {"err": {"enum": list(get_args(Code))}, "description": {"type": "string"}},
}
_IDENTIFIED: Json = {
    "type": "object",
    "properties": {
        "sub_id": {"type": "object", "required": ["format"], "properties": {"format": {"type": "string"}}},
        "subject": {"description": "The older name of `sub_id`; not looked at where that is there."},
    },
}


def _operation(name: str, summary: str, description: str, body: Json, responses: Json) -> Json:
    return {
        "tags": ["protocols"],
        "operationId": name,
        "summary": summary,
        "description": description,
        "requestBody": body,
        "responses": responses,
    }


def _form(more: dict[str, str]) -> Json:
    named = {"token": "The token.", "token_type_hint": "Not looked at.", **more}
    properties = {name: {"type": "string", "description": meaning} for name, meaning in named.items()}
    schema = {"type": "object", "required": ["token"], "properties": properties}
    return {"required": True, "content": {forms.MEDIA_TYPE.decode(): {"schema": schema, "example": {"token": EVENT}}}}


def _json(description: str, schema: Json, *examples: Json) -> Json:
    shown = {f"example_{number}": {"value": example} for number, example in enumerate(examples, 1)}
    return {"description": description, "content": {"application/json": {"schema": schema, "examples": shown}}}


def _oauth(*statuses: int) -> Json:
    """RFC 6749, section 5.2."""
    schema = {
        "type": "object",
        "required": ["error"],
        "properties": {"error": {"type": "string"}, "error_description": {"type": "string"}},
    }
    example = {"error": "invalid_request", "error_description": "The parameter token is missing."}
    return {str(status): _json("It is refused.", schema, example) for status in statuses}


def _problems(*problems: Problem) -> Json:
    return {str(status): response for status, response in refusals(*problems).items()}
