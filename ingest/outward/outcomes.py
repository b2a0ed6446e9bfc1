"""Outcomes: what an answer to something we told means, in tables."""

from typing import Literal

from ingest.outward.post import Answer

Outcome = Literal["done", "retry", "hold", "dead"]
"""`done`: the other side has it; `retry`: later again; `hold`: nothing will pass until somebody does something; `dead`:
this one never will, but others may."""

OF_ERRORS: dict[str, Outcome] = {
    "invalid_request": "dead",
    "invalid_audience": "dead",
    "invalid_issuer": "dead",
    "invalid_state": "dead",
    "authentication_failed": "hold",
    "access_denied": "hold",
    "invalid_key": "hold",
}
"""RFC 8935, section 2.4. What stands here nowhere is final for that SET: unregistered codes are in use."""

OF_STATUSES: dict[int, Outcome] = {401: "hold", 403: "hold", 408: "retry", 425: "retry", 429: "retry"}
"""Beyond 400, whose body says more; every 5xx is tried again, everything else is final."""

BAD_REQUEST, SUCCESSES, FAILURES = 400, range(200, 300), range(500, 600)


def of_push(answer: Answer) -> tuple[Outcome, str]:
    """What a receiver's answer to a SET means, and in one word why (RFC 8935, sections 2.2 to 2.4)."""
    if answer.status in SUCCESSES:
        return "done", "delivered"
    if answer.status == BAD_REQUEST:
        err = answer.member("err")
        return OF_ERRORS.get(err, "dead"), err if err in OF_ERRORS else "unknown_err"
    return _of_status(answer.status)


def of_global_revocation(answer: Answer) -> tuple[Outcome, str]:
    """What an identity provider's answer means; some say 200 where 204 is meant, so any 2xx is done."""
    if answer.status in SUCCESSES:
        return "done", "delivered"
    if answer.status == 404:  # noqa: PLR2004 - HTTP's own number
        return "dead", "unknown_user"
    return _of_status(answer.status)


def of_revocation(answer: Answer) -> tuple[Outcome, str]:
    """What an authorisation server's answer to RFC 7009 means; after a 503 the token is to be thought alive."""
    if answer.status == BAD_REQUEST:
        known = answer.member("error") == "unsupported_token_type"
        return "dead", "unsupported_token_type" if known else "refused"
    return of_push(answer)


def _of_status(status: int) -> tuple[Outcome, str]:
    if status in FAILURES:
        return "retry", "server_error"
    return OF_STATUSES.get(status, "dead"), f"status_{status // 100}xx"
