"""The examples of the OpenAPI document. Each is validated against its schema by a test."""

ISSUER = "https://idp.example.com/realms/acme"
REGISTRY = {"epoch": "9f1c2a7e", "seq": 4711, "age_ms": 12}
UNTIL = 1_795_427_700_000

CHECK_QUESTIONS = {
    "a session": {"iss": ISSUER, "sub": "99beb27c", "sid": "c8a3f0de", "jti": "1b6f02", "iat": 1_795_427_100},
    "an address": {"ip": "203.0.113.7"},
}
CHECK_ANSWERS = {
    "pass": {"decision": "allow", "state": "active", "registry": REGISTRY},
    "sign in again": {
        "decision": "step_up",
        "state": "quarantined",
        "scope": "family",
        "reason": "travel.impossible",
        "until": UNTIL,
        "registry": REGISTRY,
    },
    "refuse": {
        "decision": "deny",
        "state": "revoked",
        "scope": "family",
        "reason": "reuse.theft_confirmed",
        "until": UNTIL,
        "registry": REGISTRY,
    },
    "nothing to look up": {"decision": "allow", "state": "unknown", "registry": REGISTRY},
}

BATCH_QUESTION = {"tokens": [{"iss": ISSUER, "sid": "c8a3f0de"}, {"iss": ISSUER, "sid": "d07be4a1"}]}
BATCH_ANSWER = {
    "registry": REGISTRY,
    "answers": [
        {"decision": "deny", "state": "revoked", "scope": "family", "reason": "reuse.theft_confirmed", "until": UNTIL},
        {"decision": "allow", "state": "active"},
    ],
}

PAGE = {
    "registry": REGISTRY,
    "entries": [
        {
            "id": "5d1f0c7b9a3e4d2f8c6b7a1e0f9d8c7b",
            "scope": "family",
            "digest": "0a4f6c1d2e3b5a79887766554433221f",
            "state": "revoked",
            "reasons": ["reuse.theft_confirmed", "travel.impossible"],
            "decided_at": 1_795_427_100_000,
            "expires_at": UNTIL,
        }
    ],
    "next": "Ck9sHS47Wnk4h2ZVRDMiHw",
}

HEALTH = {"status": "ok", "version": "0.1.0"}
READINESS = {"status": "ready", "registry": REGISTRY}
