"""What the OpenAPI document says of access: how a caller shows itself, and what is answered where it may not."""

from collections.abc import Callable
from typing import Any

from api.access.rules import Rule, Table, plain
from api.openapi import refusals
from api.problems import FORBIDDEN, RATE_LIMITED, UNAUTHENTICATED, UNVERIFIABLE

Json = dict[str, Any]

SCHEMES: Json = {
    "key": {"type": "apiKey", "in": "header", "name": "X-Api-Key", "description": "Made by `tokenward key`."},
    "token": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "Of a configured issuer, for `access.audience`, with scopes such as `tokenward.check`.",
    },
    "certificate": {"type": "mutualTLS", "description": "Signed by `api.tls_client_cafile`."},
}


def secured(document: Callable[[], Json], table: Table) -> Callable[[], Json]:
    """The document with what the rules ask of each operation."""
    rules = {(rule.method, plain(rule.path)): rule for rule in table.rules}
    made: list[Json] = []

    def openapi() -> Json:
        if not made:
            whole = document()
            whole["components"]["securitySchemes"] = SCHEMES
            for path, operations in whole["paths"].items():
                for method, operation in operations.items():
                    rule = rules.get((method.upper(), path)) or rules["*", path]
                    operation.update(_said(rule, operation))
            made.append(whole)
        return made[0]

    return openapi


def _said(rule: Rule, operation: Json) -> Json:
    if rule.is_free:
        return {"security": []}
    shown = ["key", "certificate"] if not rule.reads_authorization else list(SCHEMES)
    return {"security": [{name: []} for name in shown], "responses": _refused(rule) | operation["responses"]}


def _refused(rule: Rule) -> Json:
    """What the gate answers; what the route itself says of a status goes before."""
    if rule.shape != "problem":
        return {} if rule.shape == "authz" else {"401": {"description": "Nobody is shown by this request."}}
    told = (UNAUTHENTICATED, FORBIDDEN, RATE_LIMITED, UNVERIFIABLE)
    return {str(status): response for status, response in refusals(*told).items()}
