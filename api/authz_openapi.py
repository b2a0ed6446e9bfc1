"""What the OpenAPI document says of `/authz`, which FastAPI does not serve."""

from typing import Any

from api.authz import STATUSES

Json = dict[str, Any]

DESCRIPTION = """\
For nginx `auth_request`, Envoy ext_authz, Traefik, Caddy and APISIX forward auth. Any method and any path behind it are
answered alike; the body is never read. `/authz` has the profile `default`, `/authz:NAME` that of the settings'
`[authz.NAME]`; nothing about it comes from a query or a header. The token stands in `Authorization` as `Bearer` or
`DPoP`, else in the profile's cookie."""

_TEXT = {"type": "string"}
_HEADERS: dict[str, Json] = {
    "X-Token-Status": {"schema": {"type": "string", "enum": list(STATUSES)}, "description": "Why."},
    "X-Token-Subject": {
        "schema": _TEXT,
        "description": "The token's `sub`, percent-encoded but for letters, digits and a few marks; empty: nobody.",
    },
    "X-Revocation-Seq": {
        "schema": {"type": "integer", "minimum": 0},
        "description": "The last change of the registry that the answer knows of; 0: none yet.",
    },
    "Cache-Control": {"schema": _TEXT, "description": "`no-store`, or `max-age` where the profile has `cache_s`."},
}
_CHALLENGE: Json = {
    "schema": _TEXT,
    "description": "How to go on: RFC 6750 without an error where there was no token, `invalid_token`, "
    "`invalid_request`, or RFC 9470's `insufficient_user_authentication` with `max_age`; one challenge a line.",
}
_RESPONSES: Json = {
    "200": {"description": "Let the request pass.", "headers": _HEADERS},
    "401": {
        "description": "Refuse it; another login may help.",
        "headers": {**_HEADERS, "WWW-Authenticate": _CHALLENGE},
    },
    "403": {
        "description": "Refuse it; another token would not help: nobody can tell now, or the profile is not there.",
        "headers": _HEADERS,
    },
}


def authz_paths() -> Json:
    """The paths; GET stands for every method."""
    profile = _parameter("profile", "A profile of the settings.", "[A-Za-z0-9._-]{1,64}")
    rest = _parameter("rest", "Whatever the client asked for; slashes, too.", ".*")
    paths = {
        "/authz": ("authz", []),
        "/authz/{rest}": ("authz_behind", [rest]),
        "/authz:{profile}": ("authz_profile", [profile]),
        "/authz:{profile}/{rest}": ("authz_profile_behind", [profile, rest]),
    }
    return {path: {"get": _operation(name, given)} for path, (name, given) in paths.items()}


def _operation(name: str, parameters: list[Json]) -> Json:
    told = {"parameters": parameters} if parameters else {}
    return {
        "tags": ["gateways"],
        "operationId": name,
        "summary": "May this request pass?",
        "description": DESCRIPTION,
        **told,
        "responses": dict(_RESPONSES),
    }


def _parameter(name: str, description: str, pattern: str) -> Json:
    schema = {"type": "string", "pattern": f"^{pattern}$"}
    return {"name": name, "in": "path", "required": True, "description": description, "schema": schema}
