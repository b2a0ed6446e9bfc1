"""Everybody at every route, from the table of rules itself: each cell says whether the route is reached."""

import re

import httpx
import pytest

from api.access.principal import Verb
from api.access.rules import ANY, Ask, Rule
from tests.api.access.calling import ALL_RULES, PEOPLE, Protected, Who
from tests.api.running import ISSUER

NAMED = {"/v1/revocations/entries": {"iss": ISSUER, "sid": "s1"}}
"""What a route has to be asked for so that a caller of one issuer may know the answer."""
CELLS = [pytest.param(who, rule, id=f"{who.name}: {rule.method} {rule.path}") for rule in ALL_RULES for who in PEOPLE]


def expected(who: Who, rule: Rule) -> str:
    """What has to become of it; written down again, so that the gate is not held to its own words."""
    if rule.asks in {Ask.NOTHING, Ask.OWN}:
        return "reached"
    unseen = rule.path.startswith("/authz") and who.by_authorization
    if who.verbs is None or unseen:
        return "nobody"
    lacks = isinstance(rule.asks, Verb) and rule.asks not in who.verbs
    narrow = rule.everywhere and who.issuers is not None
    return "forbidden" if lacks or narrow else "reached"


COARSE = frozenset({"authz", "lapi"})
"""Shapes that answer alike whoever is refused, and why."""


def became(answer: httpx.Response, rule: Rule) -> str:
    """What an answer says."""
    if rule.shape == "authz":
        found = answer.status_code, answer.headers.get("x-token-status")
        return "refused" if found == (403, "unverifiable") else "reached"
    if answer.status_code == 401:
        return "nobody"
    if answer.status_code != 403:
        return "reached"
    return "refused" if rule.shape in COARSE else "forbidden"


@pytest.mark.parametrize(("who", "rule"), CELLS)
def test_who_may_what(guarded: Protected, who: Who, rule: Rule) -> None:
    """A route is reached by whoever has its verb, and the reach that it asks for; by nobody else."""
    path = re.sub(r"\{\w+(:path)?\}", "read", rule.path)
    answer = guarded.call(who, "GET" if rule.method == ANY else rule.method, path, params=NAMED.get(rule.path))
    awaited = expected(who, rule)

    assert ("refused" if rule.shape in COARSE and awaited != "reached" else awaited) == became(answer, rule)
