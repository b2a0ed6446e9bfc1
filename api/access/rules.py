"""One table: what each route asks of whoever comes. No route is served that is not in it.

`create_app` refuses to build where a route has no rule, or a rule no route; and what no rule fits is answered by the
gate, so that a path that somebody serves without saying so is not there.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Literal, NamedTuple

from fastapi import FastAPI
from starlette.routing import Mount, Route, compile_path

from api.access.principal import Principal, Verb

ANY = "*"
"""Every method."""

Shape = Literal["problem", "oauth", "set", "lapi", "authz"]
"""How a route's protocol words a refusal; see `api.access.shapes`."""


class Ask(StrEnum):
    """What a route asks for that asks for no verb."""

    #: Nothing: everybody may know the answer.
    NOTHING = "nothing"
    #: The route looks at what it is given by itself, such as a signed event; the gate counts each address's requests.
    OWN = "own"
    #: To be somebody.
    ANYBODY = "anybody"


class Rule(NamedTuple):
    """What one route asks."""

    method: str
    #: As FastAPI writes it; `{rest:path}` holds slashes, too.
    path: str
    asks: Verb | Ask
    #: Whether its answer is about everybody's tenants: only for whoever may know of all.
    everywhere: bool = False
    #: Whether requests are counted against the caller's limit.
    administrative: bool = False
    shape: Shape = "problem"

    @property
    def reads_authorization(self) -> bool:
        """Whether the header `Authorization` shows the caller; behind a gateway it shows the gateway's client."""
        return self.shape != "authz"

    @property
    def is_free(self) -> bool:
        """Whether the gate asks nobody who comes."""
        return self.asks is Ask.NOTHING or self.asks is Ask.OWN

    def permits(self, principal: Principal) -> bool:
        """Whether the principal may."""
        if self.everywhere and not principal.everywhere:
            return False
        return not isinstance(self.asks, Verb) or principal.may(self.asks)


RULES = (
    Rule("GET", "/healthz", Ask.NOTHING),
    Rule("GET", "/readyz", Verb.READ),
    # Its labels name issuers and gateways.
    Rule("GET", "/metrics", Verb.READ, everywhere=True),
    Rule("GET", "/docs", Ask.ANYBODY),
    Rule("GET", "/docs/oauth2-redirect", Ask.ANYBODY),
    Rule("GET", "/openapi.json", Ask.ANYBODY),
    Rule("POST", "/v1/check", Verb.CHECK),
    Rule("POST", "/v1/check/batch", Verb.CHECK),
    Rule(ANY, "/authz", Verb.CHECK, shape="authz"),
    Rule(ANY, "/authz/{rest:path}", Verb.CHECK, shape="authz"),
    Rule(ANY, "/authz:{profile}", Verb.CHECK, shape="authz"),
    Rule(ANY, "/authz:{profile}/{rest:path}", Verb.CHECK, shape="authz"),
    # The feed is about everybody: digests tell no issuer.
    Rule("GET", "/v1/revocations", Verb.FOLLOW, everywhere=True),
    Rule("GET", "/v1/revocations/changes", Verb.FOLLOW, everywhere=True),
    Rule("GET", "/v1/revocations/stream", Verb.FOLLOW, everywhere=True),
    Rule("POST", "/v1/revocations/acknowledgements", Verb.FOLLOW, everywhere=True),
    Rule("GET", "/v1/revocations/replicas", Verb.READ, everywhere=True, administrative=True),
    # An identity of an issuer that the caller sees is everybody's to ask for; the route refuses the rest.
    Rule("GET", "/v1/revocations/entries", Verb.READ, administrative=True),
    # What is revoked and released by an identity, the registrar holds against the caller's scopes and issuers.
    Rule("POST", "/v1/revocations", Verb.REVOKE, administrative=True),
    Rule("POST", "/v1/revocations/release", Verb.RELEASE, administrative=True),
    Rule("GET", "/v1/revocations/{scope}/{digest}", Verb.READ, everywhere=True, administrative=True),
    Rule("DELETE", "/v1/revocations/{scope}/{digest}", Verb.RELEASE, everywhere=True, administrative=True),
    # Who asked for something sees it, too, whatever his verbs; the routes show nobody what is not his.
    Rule("GET", "/v1/approvals", Ask.ANYBODY, administrative=True),
    Rule("GET", "/v1/approvals/{approval}", Ask.ANYBODY, administrative=True),
    Rule("POST", "/v1/approvals/{approval}/approve", Verb.APPROVE, administrative=True),
    Rule("POST", "/v1/approvals/{approval}/reject", Ask.ANYBODY, administrative=True),
    # Whether it revokes or releases stands in the body, and whom in the parts: the registrar decides.
    Rule("POST", "/v1/bulk", Ask.ANYBODY, administrative=True),
    Rule("GET", "/v1/bulk", Ask.ANYBODY, administrative=True),
    Rule("GET", "/v1/bulk/{bulk}", Ask.ANYBODY, administrative=True),
    Rule("PUT", "/v1/bulk/{bulk}/parts/{part}", Ask.ANYBODY, administrative=True),
    Rule("POST", "/v1/bulk/{bulk}/dry-run", Ask.ANYBODY, administrative=True),
    Rule("POST", "/v1/bulk/{bulk}/submit", Ask.ANYBODY, administrative=True),
    Rule("POST", "/v1/bulk/{bulk}/undo", Ask.ANYBODY, administrative=True),
    Rule("POST", "/v1/introspect", Verb.INTROSPECT, shape="oauth"),
    # To be the client that a token was issued to is the right to give it up.
    Rule("POST", "/oauth2/revoke", Ask.ANYBODY, administrative=True, shape="oauth"),
    Rule("POST", "/v1/global-token-revocation", Verb.SIGN_OUT, administrative=True),
    # A security event is signed by who sent it.
    Rule("POST", "/v1/ssf/events", Ask.OWN, shape="set"),
)

_BY_PREFIX = {"/authz": (ANY, "/authz")}
"""Paths whose every continuation has the same rule, as a gateway's client writes what follows."""


class Found(NamedTuple):
    """What the table says of a request that no rule fits."""

    status: HTTPStatus
    #: The methods that the path has.
    allow: tuple[str, ...] = ()
    #: The path as the rules write it; None: there is none.
    path: str | None = None
    shape: Shape = "problem"


class Table:
    """The rules by request."""

    def __init__(self, rules: Iterable[Rule] = RULES) -> None:
        self.rules = tuple(rules)
        self._exact = {(rule.method, rule.path): rule for rule in self.rules if "{" not in rule.path}
        self._patterns = [(compile_path(rule.path)[0], rule) for rule in self.rules if "{" in rule.path]

    def find(self, method: str, path: str) -> Rule | Found:
        """The rule of a request; HEAD is asked what GET is."""
        rule = self._exact.get((method, path))
        if rule is not None:
            return rule
        method = "GET" if method == "HEAD" else method
        if (method, path) in self._exact:
            return self._exact[method, path]
        for prefix, key in _BY_PREFIX.items():
            if path.startswith(prefix) and key in self._exact:
                return self._exact[key]
        at_path = [rule for rule in self._exact.values() if rule.path == path]
        at_path += [rule for pattern, rule in self._patterns if pattern.match(path)]
        for rule in at_path:
            if rule.method in {method, ANY}:
                return rule
        if not at_path:
            return Found(HTTPStatus.NOT_FOUND)
        methods = {rule.method for rule in at_path}
        allow = sorted(methods | ({"HEAD"} if "GET" in methods else set()))
        return Found(HTTPStatus.METHOD_NOT_ALLOWED, tuple(allow), at_path[0].path, at_path[0].shape)

    def check(self, served: Iterable[tuple[str, str]]) -> None:
        """See to it that rules and served routes are the same.

        Raises:
            ValueError: they are not; it names those that stand alone.
        """
        routes = {(method, plain(path)) for method, path in served}
        # A rule for every method is of whichever methods the path is served, or documented, by.
        anyhow = {plain(rule.path) for rule in self.rules if rule.method == ANY}
        served_anyhow = {(ANY, path) if path in anyhow else (method, path) for method, path in routes}
        ruled = {(rule.method, plain(rule.path)) for rule in self.rules}
        lawless = sorted(" ".join(route) for route in served_anyhow - ruled)
        idle = sorted(" ".join(rule) for rule in ruled - served_anyhow)
        if lawless or idle:
            raise ValueError(
                f"api/access/rules.py and the routes differ: without a rule {lawless or 'none'}, "
                f"without a route {idle or 'none'}."
            )


def plain(path: str) -> str:
    """The path as the OpenAPI document writes it."""
    return compile_path(path)[1]


def served_by(app: FastAPI, *documents: Mapping[str, Mapping[str, Any]]) -> set[tuple[str, str]]:
    """Method and path of every route: FastAPI's own, and those of `documents`, which stand ahead of it."""
    raw = {(method.upper(), path) for paths in documents for path, operations in paths.items() for method in operations}
    return raw | set(_routes(app.routes))


def _routes(routes: Iterable[object], prefix: str = "") -> Iterable[tuple[str, str]]:
    for route in routes:
        # Later versions of FastAPI keep a router that is included as it is, earlier ones copy its routes.
        included = getattr(route, "original_router", None)
        if included is not None:
            yield from _routes(included.routes, prefix + route.include_context.prefix)  # type: ignore[attr-defined]
        elif isinstance(route, Route):
            yield from ((method, prefix + route.path) for method in (route.methods or {ANY}) - {"HEAD"})
        elif isinstance(route, Mount):
            yield from _routes(route.routes, prefix + route.path)
        else:
            yield ANY, prefix + str(getattr(route, "path", route))
