"""Events and verdicts on them, for the tests of deciding."""

from dataclasses import replace
from typing import Any

import numpy as np

from detector.batch import Outcome, RefreshBatch
from detector.verdict import CHANNELS, MEASUREMENTS, Reason, Segment, Verdicts
from revocation.decide import Decision, Memory, decide
from revocation.issuers import Issuer
from revocation.policy import Rules, load_policy
from revocation.record import Scope, digester

KEY = b"k" * 32
AT = 1_770_000_000_000
ISS = "https://idp/realms/acme"
ISSUER = Issuer(iss=ISS, tenant="acme")
MINUTE = 60_000
DAY = 86_400_000


def key(scope: Scope | str, value: str, iss: str = ISS) -> int:
    """The 64-bit key of an identity."""
    return int.from_bytes(digester(KEY, scope, iss)(value)[:8], "big")


def batch(n: int = 1, **columns: Any) -> RefreshBatch:
    """n refused refreshes of one family with everything that can be known."""
    usual: dict[str, Any] = {
        "at": AT,
        "outcome": Outcome.REFUSED,
        "issuer": key(Scope.ISSUER, ""),
        "client": key(Scope.CLIENT, "spa"),
        "family": 11,
        "family_low": 12,
        "subject": 21,
        "subject_low": 22,
        "access": 31,
        "access_low": 32,
        "access_exp": AT + 7_200_000,
        "origin": 41,
        "device": 51,
    }
    return RefreshBatch.of(**{name: np.broadcast_to(value, n) for name, value in (usual | columns).items()})


def verdicts(
    *scores: float,
    reasons: int = Reason.REUSE_THEFT_CONFIRMED,
    incident: Segment = Segment.NONE,
    weights: dict[str, int] | None = None,
    **measured: float,
) -> Verdicts:
    """A verdict on each of the first events; the engine's own level does not matter here."""
    n = len(scores)
    values, nats = np.zeros((n, len(MEASUREMENTS)), np.float32), np.zeros((n, len(CHANNELS)), np.int64)
    for name, value in (measured or {"reuse_depth": 2}).items():
        values[:, MEASUREMENTS.index(name)] = value
    for channel, weight in (weights or {}).items():
        nats[:, CHANNELS.index(channel)] = weight
    return replace(
        Verdicts.blank(n),
        score=np.array(scores),
        reasons=np.full(n, reasons, np.uint64),
        measurements=values,
        weights=nats,
        incident=np.full(n, incident, np.uint8),
    )


def rules(text: str = "", *issuers: Issuer) -> Rules:
    """The rules of a policy file."""
    return Rules.of(load_policy(text), issuers or [ISSUER], KEY)


class Partition:
    """Decides event after event with one memory."""

    def __init__(self, policy: str = "", *issuers: Issuer) -> None:
        self.rules = rules(policy, *issuers)
        self.memory = Memory()

    def __call__(self, verdict: Verdicts | float | None = 0.99, at: int = AT, **columns: Any) -> Decision:
        """The decision on one event with a verdict, a score, or nothing flagged."""
        flagged = Verdicts.empty() if verdict is None else verdict
        told = verdicts(flagged) if isinstance(flagged, float) else flagged
        return decide(told, batch(at=at, **columns), self.rules, at, self.memory)
