"""Causes: a passing trouble, a client's defect, or an attack."""

import pytest

from detector.verdict import Reason, Segment
from revocation.cause import Cause, cause_of, cause_of_incident


@pytest.mark.parametrize(
    ("reasons", "cause"),
    [
        (Reason.REUSE_BENIGN_RETRY, "transient"),
        (Reason.NOVELTY_SUBJECT, "transient"),
        (Reason.CADENCE_BURST, "client_defect"),
        (Reason.FAILURE_REFUSED | Reason.MODEL_UNUSUAL, "client_defect"),
        (Reason.CADENCE_BURST | Reason.SPREAD_STRANGERS, "attack"),
        (Reason.REUSE_THEFT_CONFIRMED, "attack"),
        (Reason.EFFECTIVENESS_REFRESHED, "attack"),
    ],
)
def test_one_session(reasons: Reason, cause: Cause) -> None:
    """A second place or device is somebody else's; else a loop is the client's; else it passes."""
    assert cause == cause_of(reasons)


@pytest.mark.parametrize(
    ("held", "segment", "reasons", "cause"),
    [
        (Reason.SYSTEMIC_REUSE, Segment.RELEASE, Reason.REUSE_THEFT_SUSPECTED, "client_defect"),
        (Reason.SYSTEMIC_REUSE, Segment.ISSUER, Reason.REUSE_THEFT_SUSPECTED, "transient"),
        (Reason.SYSTEMIC_TRAVEL, Segment.NETWORK, Reason.TRAVEL_IMPOSSIBLE, "transient"),
        (Reason.SYSTEMIC_VOLUME, Segment.CLIENT, Reason.CADENCE_BURST, "client_defect"),
        (Reason.SYSTEMIC_VOLUME, Segment.ISSUER, Reason.FAILURE_REFUSED, "transient"),
        (Reason.SYSTEMIC_VOLUME, Segment.CLIENT, Reason.SPREAD_STRANGERS, "attack"),
    ],
)
def test_a_whole_population(held: Reason, segment: Segment, reasons: Reason, cause: Cause) -> None:
    """One program's fault, a provider or data that fails, or strangers everywhere."""
    assert cause == cause_of_incident(held, segment, reasons)
