"""Answers of the write API: entries and approvals as they are shown, each with the tag that tells its version."""

from hashlib import blake2b

import msgspec

from api.schemas import Entry
from api.writes.approvals import Seen
from api.writes.asked import ApprovalShown
from api.writes.once import Answered
from revocation.layout import pack
from revocation.record import Revocation, State

NO_STORE = {"Cache-Control": "no-store"}
JSON = {"Content-Type": "application/json", **NO_STORE}


def etag_of(entry: Revocation) -> str:
    """A strong tag: another one for whatever differs in the entry."""
    return f'"{blake2b(pack(entry), digest_size=12).hexdigest()}"'


def place_of(entry: Revocation) -> str:
    """The entry's own path."""
    return f"/v1/revocations/{entry.subject.scope.value}/{entry.subject.digest.hex()}"


def entry_shown(entry: Revocation) -> Entry:
    """The entry as it is answered; who decided is in the audit trail."""
    return Entry(
        id=entry.id,
        scope=entry.subject.scope.value,
        digest=entry.subject.digest.hex(),
        state="revoked" if entry.state is State.REVOKED else "quarantined",
        reasons=list(entry.reasons),
        decided_at=entry.decided_at,
        expires_at=entry.expires_at,
        not_before=entry.not_before or None,
    )


def entry_answer(entry: Revocation, status: int) -> Answered:
    """The entry, where it is, and its tag."""
    body = entry_shown(entry).model_dump_json(exclude_none=True).encode()
    return Answered(status, body, {**JSON, "Location": place_of(entry), "ETag": etag_of(entry)})


def approval_shown(seen: Seen) -> ApprovalShown:
    """What waits, without what is nobody's business."""
    approval, wish = seen.approval, seen.approval.wish
    members = {name: getattr(approval, name) for name in ApprovalShown.model_fields if hasattr(approval, name)}
    if wish is not None:
        members |= {"iss": wish.iss, "scope": wish.scope.value, "digest": wish.digest}
        if wish.action == "revoke":
            members |= {"state": wish.state.slug, "ttl_s": wish.ttl_ms // 1000, "not_before": wish.not_before}
    return ApprovalShown(**{**members, "comment": approval.comment or None})


def approval_answer(seen: Seen, status: int) -> Answered:
    """The same as an answer, with its place."""
    body = approval_shown(seen).model_dump_json(exclude_none=True).encode()
    place = f"/v1/approvals/{seen.approval.id}"
    return Answered(status, body, {**JSON, "Location": place, "ETag": seen.etag})


def plain(shown: object) -> Answered:
    """Any other value as JSON."""
    return Answered(200, msgspec.json.encode(shown), JSON)
