"""Causes: of what a sign is most likely one - a passing trouble, a client's defect, or an attack. PURE."""

from typing import Final, Literal

from detector.verdict import Reason, Segment

Cause = Literal["transient", "client_defect", "attack"]

ATTACK: Final = int(
    Reason.REUSE_THEFT_SUSPECTED
    | Reason.REUSE_THEFT_CONFIRMED
    | Reason.TRAVEL_IMPOSSIBLE
    | Reason.TRAVEL_RETURN
    | Reason.SPREAD_STRANGERS
    | Reason.SPREAD_ORIGIN
    | Reason.FAILURE_STUFFING
    | Reason.NOVELTY_FAMILY
    | Reason.EFFECTIVENESS_REFRESHED
)
"""Somebody else holds the token: another place, another device, a token that was handed on."""

DEFECT: Final = int(Reason.CADENCE_BURST | Reason.FAILURE_REFUSED)
"""A client in a loop, as long as nothing says that it is somebody else's."""

INCIDENTS: Final[dict[Reason, dict[Segment, Cause]]] = {
    Reason.SYSTEMIC_REUSE: {Segment.RELEASE: "client_defect", Segment.CLIENT: "client_defect"},
    Reason.SYSTEMIC_TRAVEL: {},
    Reason.SYSTEMIC_VOLUME: {Segment.RELEASE: "client_defect", Segment.CLIENT: "client_defect"},
}
"""What a whole population shows at once: its program's fault; else a network, a provider or GeoIP data that fails and
will recover."""

SYSTEMIC: Final = Reason.SYSTEMIC_REUSE | Reason.SYSTEMIC_TRAVEL | Reason.SYSTEMIC_VOLUME


def cause_of(reasons: int) -> Cause:
    """The cause of one event's evidence, `Reason` bits that count."""
    if reasons & ATTACK:
        return "attack"
    return "client_defect" if reasons & DEFECT else "transient"


def cause_of_incident(held: Reason, segment: Segment, reasons: int) -> Cause:
    """The cause of evidence that a segment shows at once; strangers everywhere are a botnet, whatever the segment."""
    if held is Reason.SYSTEMIC_VOLUME and reasons & Reason.SPREAD_STRANGERS:
        return "attack"
    return INCIDENTS[held].get(segment, "transient")
