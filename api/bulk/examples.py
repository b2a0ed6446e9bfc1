"""The examples of bulks. Each is validated against its schema by a test."""

from api.examples import ISSUER, UNTIL

BULKS = {
    "sessions that come as parts": {"reason": "soc.leaked_client_secret", "comment": "Incident 4711."},
    "let pass what a rule decided in an hour": {
        "action": "release",
        "reason": "soc.false_alarm",
        "filter": {
            "reason": "travel.impossible",
            "decided_after": UNTIL - 3_600_000,
            "decided_before": UNTIL,
        },
    },
}
PART = f'{{"iss":"{ISSUER}","sid":"c8a3f0de"}}\n{{"iss":"{ISSUER}","sid":"d07be4a1"}}\n'
FAULT = {"part": 0, "line": 3, "why": "json"}
PART_READ = {"lines": 2, "unusable": 1, "faults": [FAULT]}
BULK = {
    "id": "0b1c2d3e4f5061728394a5b6c7d8e9f0",
    "stage": "running",
    "action": "revoke",
    "by": "soc-ann",
    "at": UNTIL - 600_000,
    "ends_at": UNTIL + 604_200_000,
    "reason": "soc.leaked_client_secret",
    "state": "revoked",
    "ttl_s": 86_400,
    "scopes": ["family"],
    "parts": 20,
    "lines": 100_000,
    "unusable": 1,
    "faults": [FAULT],
    "approval": "7c1e0a4f6c1d2e3b5a79887766554433",
    "decided_at": UNTIL - 500_000,
    "done": 41_500,
    "changed": 41_320,
}
DRY_RUN = {
    "lines": 100_000,
    "unusable": 1,
    "faults": [FAULT],
    "hit": 99_820,
    "already": 180,
    "scopes": {"family": {"hit": 99_820, "already": 180}},
    "needs_approval": True,
}
