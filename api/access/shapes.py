"""How a refusal is worded by each protocol: none says more than that it is one."""

from typing import NamedTuple

import msgspec

from api.access.rules import Shape
from api.problems import FORBIDDEN, MEDIA_TYPE, RATE_LIMITED, UNAUTHENTICATED, UNVERIFIABLE, Problem

JSON = "application/json"


class Worded(NamedTuple):
    """The answer's body, its type, and where the protocol has another one the status."""

    status: int
    body: bytes
    media_type: str | None = JSON


#: RFC 6749, section 5.2, and RFC 8935, section 2.4; RFC 7662 has no word for a caller that may not ask.
_OAUTH = {UNAUTHENTICATED: "invalid_client", FORBIDDEN: "unauthorized_client"}
_SET = {UNAUTHENTICATED: "authentication_failed", FORBIDDEN: "access_denied"}


def worded(problem: Problem, shape: Shape, **members: object) -> Worded:
    """A refusal in a route's own shape."""
    status = problem.status.value
    if shape == "oauth":
        return Worded(status, msgspec.json.encode({"error": _OAUTH.get(problem, "temporarily_unavailable")}))
    if shape == "set" and problem in _SET:
        return Worded(status, msgspec.json.encode({"err": _SET[problem], "description": problem.detail}))
    if shape == "lapi":
        # CrowdSec's bouncers know 403 for both; what is not about who they are keeps its status.
        refused = problem in {UNAUTHENTICATED, FORBIDDEN}
        word = "access forbidden" if refused else problem.detail
        return Worded(403 if refused else status, msgspec.json.encode({"message": word}))
    if shape == "authz":
        # A 401 would send the gateway's client to log in again, which would not help; all others are failures to nginx.
        return Worded(403, b"", None)
    return Worded(status, problem.body(**members), MEDIA_TYPE)


PROBLEMS = (UNAUTHENTICATED, FORBIDDEN, RATE_LIMITED, UNVERIFIABLE)
"""What the gate answers."""
