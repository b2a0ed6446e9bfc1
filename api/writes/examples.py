"""The examples of the write API. Each is validated against its schema by a test."""

from api.examples import ISSUER, PAGE, UNTIL

ENTRY = PAGE["entries"][0]  # type: ignore[index]
REVOCATIONS = {
    "a session": {"iss": ISSUER, "sid": "c8a3f0de", "reason": "support.lost_device"},
    "a person, until a new login": {
        "iss": ISSUER,
        "sub": "99beb27c",
        "state": "quarantined",
        "reason": "soc.suspicion",
    },
    "a network for an hour": {"ip": "203.0.113.0/24", "ttl_s": 3600, "reason": "soc.stuffing"},
    "everybody: the emergency brake": {"iss": ISSUER, "scope": "issuer", "reason": "soc.breach"},
}
RELEASES = {
    "a session": {"iss": ISSUER, "sid": "c8a3f0de", "reason": "support.false_alarm"},
    "an entry": {"scope": "family", "digest": "0a4f6c1d2e3b5a79887766554433221f", "reason": "support.false_alarm"},
}
WHYS = {"a reason": {"reason": "soc.confirmed", "comment": "Seen with the people on call."}}
APPROVAL = {
    "id": "7c1e0a4f6c1d2e3b5a79887766554433",
    "action": "revoke",
    "status": "waiting",
    "by": "soc-ann",
    "at": UNTIL - 600_000,
    "ends_at": UNTIL + 3_000_000,
    "reason": "soc.breach",
    "iss": ISSUER,
    "scope": "issuer",
    "digest": "0a4f6c1d2e3b5a79887766554433221f",
    "state": "revoked",
    "ttl_s": 86_400,
}
