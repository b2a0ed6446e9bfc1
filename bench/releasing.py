"""Whoever is flagged is let pass at once by a person: what the policy still acts on, by its own rules of release."""

from dataclasses import fields, replace
from typing import Final

import numpy as np

from detector.batch import RefreshBatch
from detector.verdict import Level, Verdicts
from revocation.decide import Memory, decide
from revocation.issuers import Issuer
from revocation.policy import Policy, Rules

KEY: Final = bytes(32)
ISSUER: Final = Issuer(iss="https://idp.example.com/bench")


def rules() -> Rules:
    """The policy as shipped, for one issuer whose access tokens name the session."""
    return Rules.of(Policy(), [ISSUER], KEY)


def one(verdicts: Verdicts, place: int) -> Verdicts:
    """One verdict alone, on a batch of its event alone."""
    alone = Verdicts(**{field.name: getattr(verdicts, field.name)[place : place + 1] for field in fields(Verdicts)})
    return replace(alone, row=np.zeros(1, np.int64))


def acted_on(verdicts: Verdicts, batch: RefreshBatch) -> int:
    """How many verdicts still come to entries when each entry is released as soon as its decision is made."""
    ready, memory, acted = rules(), Memory(), 0
    issuer = np.array([next(iter(ready.issuers))], np.uint64)
    for place, row in enumerate(verdicts.row.tolist()):
        event = replace(batch.take(slice(row, row + 1)), issuer=issuer)
        at = int(event.at[0])
        decision = decide(one(verdicts, place), event, ready, at, memory)
        acted += any(alert.level > Level.WATCH and alert.enforcement == "enforced" for alert in decision.alerts)
        for entry in decision.revocations:
            memory.released(entry.subject, entry.reasons, at)
    return acted
