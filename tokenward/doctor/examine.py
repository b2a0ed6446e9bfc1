"""Everything the doctor looks at, in order; what cannot be reached is said once, not for each question."""

from collections.abc import Iterator

from tokenward.doctor.access import examine_access
from tokenward.doctor.finding import Finding, fail, ok, warn
from tokenward.doctor.issuers import examine_issuers
from tokenward.doctor.registry import examine_registry
from tokenward.doctor.topics import examine_kafka
from tokenward.faults import Failure
from tokenward.settings import Settings, unknown_variables
from tokenward.wiring import clock, issuers_of, places_of, policy_of

OLD_GEOIP_DAYS = 30
DAY_MS = 86_400_000


def examine(settings: Settings) -> Iterator[Finding]:
    """All findings, as they come."""
    yield from _settings(settings)
    yield from _policy(settings)
    yield _audit(settings)
    yield from examine_issuers(settings)
    yield from examine_access(settings)
    yield from _geoip(settings)
    yield from examine_registry(settings)
    yield from examine_kafka(settings)


def _settings(settings: Settings) -> Iterator[Finding]:
    for name in unknown_variables():
        yield warn("settings", f"The variable {name} sets nothing; docs/settings.md lists what can be set.")
    try:
        _ = settings.key
    except Failure as error:
        yield fail("digest_key", str(error))
    else:
        yield ok("digest_key", "It is set; services and gateways must have the same.")
    try:
        configured = list(issuers_of(settings))
    except Failure as error:
        yield fail("issuers", str(error))
        return
    if configured:
        yield ok("issuers", f"{len(configured)} issuers are configured.")
    else:
        yield warn(
            "issuers", 'None is configured: add [issuers."..."] for each, named by the iss of its access tokens.'
        )


def _policy(settings: Settings) -> Iterator[Finding]:
    if settings.digest_key is None:
        return
    try:
        policy = policy_of(settings).rules().policy
    except Failure as error:
        yield fail("policy", str(error))
        return
    where = settings.policy.path or "the defaults"
    if policy.mode == "shadow":
        yield warn("policy", f"{where}: shadow mode, nobody is refused.")
    else:
        yield ok("policy", f"{where}: accepted, and enforced.")


def _audit(settings: Settings) -> Finding:
    if settings.audit.mode == "off":
        return warn("audit", "Nobody will know who changed what: audit.mode is off.")
    if settings.audit.key is None:
        return warn(
            "audit", "The trail is sealed without a key: who writes Kafka and Redis can forge it; set audit.key."
        )
    return ok("audit", "Every change is written to the trail, sealed with a key.")


def _geoip(settings: Settings) -> Iterator[Finding]:
    geoip = settings.geoip
    if geoip.city is None:
        yield warn(
            "geoip", "No GeoIP file: travel is not evaluable, but for telemetry that says positions; set geoip.city."
        )
    if geoip.city is None and geoip.asn is None:
        return
    try:
        places = places_of(geoip.city, geoip.asn)
    except Failure as error:
        yield fail("geoip", str(error))
        return
    days = (clock() - (places.build_epoch or 0)) // DAY_MS
    places.close()
    if days > OLD_GEOIP_DAYS:
        yield warn("geoip", f"The older GeoIP file was built {days} days ago; addresses move, fetch a newer one.")
    else:
        yield ok("geoip", f"The older GeoIP file was built {days} days ago.")
