"""The demonstration's last question: does the audit trail verify, and does it lead to the registry as it is?"""

import time
from typing import Any

from revocation.verification import Finding
from tokenward import auditing
from tokenward.settings import Settings
from tokenward.wiring import registry_of

SETTLE_SECONDS = 5.0


def audited(settings: Settings) -> dict[str, Any]:
    """How many records there are, faults in them, and entries that the trail tells otherwise than the registry.

    Raises:
        Failure: the trail cannot be read.
    """
    findings: list[Finding] = []
    seen, _ = auditing.verify(settings, None, None, findings.append)
    registry = registry_of(settings)
    deadline = time.monotonic() + SETTLE_SECONDS
    retelling, differences = auditing.retell(settings, None, registry)
    while differences and time.monotonic() < deadline:  # a decision may be on its way between the two
        retelling, differences = auditing.retell(settings, None, registry)
    return {
        "records": seen.records,
        "faults": len(findings),
        "replayed": retelling.applied,
        "differences": len(differences),
    }
