"""What the write API refuses, and which of the house's errors each is."""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from api.problems import BAD_REQUEST, FORBIDDEN, REGISTRY_UNAVAILABLE, RETRY, Problem, Refused
from api.registrar import ApprovalNeeded, Forbidden, ReasonMissing
from revocation.errors import RegistryUnavailable, TrailUnavailable
from revocation.naming import Misnamed
from revocation.pending import PendingFull

NO_ENTRY = Problem("no_entry", HTTPStatus.NOT_FOUND, "No entry", "Nobody refuses that; there is nothing to release.")
NOT_WAITING = Problem(
    "not_waiting",
    HTTPStatus.NOT_FOUND,
    "Not there",
    "There is none of that id, or it has ended, or is not yours to see.",
)
CHANGED = Problem(
    "changed",
    HTTPStatus.PRECONDITION_FAILED,
    "Changed meanwhile",
    "It is not as `If-Match` says any more; read it again.",
)
DECIDED = Problem("decided", HTTPStatus.CONFLICT, "Decided already", "It has left the state in which that can be done.")
RUNNING = Problem(
    "still_running",
    HTTPStatus.CONFLICT,
    "Still running",
    "The first request with this Idempotency-Key has not been answered yet.",
    RETRY,
)
OTHER_PAYLOAD = Problem(
    "other_payload",
    HTTPStatus.UNPROCESSABLE_ENTITY,
    "Another request",
    "This Idempotency-Key was used for another request.",
)
APPROVAL_NEEDED = Problem(
    "approval_needed",
    HTTPStatus.FORBIDDEN,
    "Approval needed",
    "This takes two persons; ask for it by `POST /v1/revocations`.",
)
SAME_PERSON = Problem(
    "same_person", HTTPStatus.FORBIDDEN, "Same person", "Whoever asked for it cannot be the one who approves it."
)
TOO_MANY_WAIT = Problem(
    "too_many_wait", HTTPStatus.SERVICE_UNAVAILABLE, "Too many wait", "As many wait as may; decide some of them first."
)
TRAIL_UNAVAILABLE = Problem(
    TrailUnavailable.reason,
    HTTPStatus.SERVICE_UNAVAILABLE,
    "Trail unavailable",
    "The audit trail does not answer; nothing was changed.",
    RETRY,
)

PROBLEMS = (
    NO_ENTRY,
    NOT_WAITING,
    CHANGED,
    DECIDED,
    RUNNING,
    OTHER_PAYLOAD,
    APPROVAL_NEEDED,
    SAME_PERSON,
    TOO_MANY_WAIT,
    TRAIL_UNAVAILABLE,
)

FAULTS = {
    "one": "Name exactly one: iss with sub, sid, jti, client_id, device or kid; ip; iss with scope issuer; scope with "
    "digest.",
    "address": "ip is an address, or a network such as 203.0.113.0/24.",
    "network": "A network has 24 bits of an IPv4 address, or 48 of an IPv6 address: what gateways look up.",
    "digest": "A digest is 32 hexadecimal digits, as entries and alerts show it.",
}
"""What is said of each fault of `Misnamed`."""
_BY_ERROR: dict[type[Exception], Problem] = {
    Forbidden: FORBIDDEN,
    ApprovalNeeded: APPROVAL_NEEDED,
    PendingFull: TOO_MANY_WAIT,
    TrailUnavailable: TRAIL_UNAVAILABLE,
    RegistryUnavailable: REGISTRY_UNAVAILABLE,
}


@contextmanager
def spoken() -> Iterator[None]:
    """What the house raises becomes a refusal."""
    try:
        yield
    except Misnamed as error:
        raise Refused(BAD_REQUEST, errors=[{"detail": FAULTS[error.fault]}]) from None
    except ReasonMissing as error:
        raise Refused(BAD_REQUEST, errors=[{"detail": str(error), "pointer": "#/reason"}]) from None
    except tuple(_BY_ERROR) as error:
        raise Refused(_BY_ERROR[type(error)]) from error
