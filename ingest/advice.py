"""Advice: what an alert's reasons and numbers mean, and what to do about them, in sentences."""

from collections.abc import Mapping
from typing import Final

from revocation.alert import Alert
from revocation.cause import Cause

ADVICE: Final = {
    "reuse.benign_retry": "Nothing needs to be done: a client repeated a request whose answer it seems to have lost.",
    "reuse.concurrent_client": "Nothing needs to be done: several tabs of one client refreshed at once.",
    "reuse.stale_after_logout": "Nothing needs to be done: the session had ended before.",
    "reuse.theft_suspected": "Ask the person whether both places are theirs; have them sign in again if in doubt.",
    "reuse.theft_confirmed": "A refresh token is in two hands: end the session at the provider too, have the person "
    "sign in again, and look for how the token left the device.",
    "travel.impossible": "Ask the person whether they were in both places; release the session if a VPN explains it.",
    "travel.return": "Ask the person which of the two places is theirs; the other one is somebody else's.",
    "cadence.burst": "Look at the client that refreshes so often: a script with a stolen token, or a bad release.",
    "spread.strangers": "A session is used from many addresses: have the person sign in again, and look for a shared "
    "or stolen token.",
    "spread.origin": "Look at what this origin does with so many sessions; block it if nobody knows it.",
    "failure.refused": "Look at the client that is refused so often: a script with a dead token, or a broken release.",
    "failure.stuffing": "Somebody tries tokens here that are not theirs: block the origin, look for the leak.",
    "novelty.subject": "Ask the person whether the new device or network is theirs.",
    "novelty.family": "A session moved to another device or network: ask the person whether both are theirs.",
    "model.unusual": "Compare the measurements with what is usual for this person.",
    "effectiveness.refreshed": "The provider still refreshes a session that had ended: end it there, at once.",
    "systemic.reuse": "Many sessions replay tokens alike: look at the client's release; nobody was thrown out for it.",
    "systemic.travel": "Many people seem to have moved at once: look at the GeoIP data; nobody was thrown out for it.",
    "systemic.volume": "Many sessions refresh or fail alike: look at the client's release and at the provider; nobody "
    "was thrown out for it.",
}
"""What to do, a sentence for each reason."""
OTHERWISE: Final = "Look at the measurements and decide whether the session is to be released."

INCIDENT: Final[dict[Cause, str]] = {
    "transient": "Wait for the provider or the network to recover, and see that the sessions held here calm down; "
    "what other evidence shows is still acted on.",
    "client_defect": "Stop or roll back the release that all these sessions share, and tell its makers.",
    "attack": "Look now: many sessions are used by strangers at once, and this evidence acts on nobody until you "
    "revoke by hand or the incident is over.",
}
"""What to do about a whole population, by its cause."""
PAGE: Final = (
    "More sessions of this client were to be revoked than the policy lets pass without a person; the others are "
    "quarantined only. Decide: revoke them by hand or revoke the client, or correct the policy if the alarm is false."
)

SEEN: Final[dict[str, str]] = {
    "reuse_depth": "The token presented was {0:.0f} rotations old.",
    "reuse_age_s": "It had been used first {0:.0f} s before.",
    "travel_km": "The place is {0:.0f} km from the one before.",
    "travel_kmh": "That would have taken {0:.0f} km/h.",
    "cadence_family": "The session refreshed {0:.0f} times within minutes.",
    "cadence_subject": "The person's sessions refreshed {0:.0f} times within minutes.",
    "cadence_usual": "The most that is usual there is {0:.0f}.",
    "failure_count": "{0:.0f} refreshes were refused within minutes.",
    "spread_count": "Addresses that it had never met count {0:.0f} within minutes.",
    "novelty_subject": "{0:.0f} of device, network, country and program are new to the person.",
    "novelty_family": "{0:.0f} of them changed within the session.",
    "systemic_families": "{0:.0f} sessions of the same population show the same within minutes.",
}
"""What was measured, a sentence for each; shares and surprises stand among the measurements."""
SHARE: Final = "They are {0:.1%} of its active sessions."


def advice(alert: Alert) -> list[str]:
    """What to do, each sentence once."""
    by_reason = [ADVICE.get(reason, OTHERWISE) for reason in alert.reasons]
    first = {"decision": [], "incident": [INCIDENT[alert.cause]], "page": [PAGE]}[alert.kind]
    return list(dict.fromkeys([*first, *by_reason]))


def evidence(measurements: Mapping[str, float]) -> list[str]:
    """What was seen, in sentences."""
    seen = [sentence.format(measurements[name]) for name, sentence in SEEN.items() if measurements.get(name)]
    share = measurements.get("systemic_share")
    return [*seen, SHARE.format(share)] if share else seen
