"""Everything the doctor looks at, in order; what cannot be reached is said once, not for each question."""

import time
from collections.abc import Iterator

from redis.exceptions import RedisError

from revocation.errors import RegistryError
from tokenward.doctor.finding import Finding, fail, ok, warn
from tokenward.doctor.issuers import examine_issuers
from tokenward.doctor.topics import examine_kafka
from tokenward.faults import Failure
from tokenward.settings import Settings, unknown_variables
from tokenward.wiring import clock, issuers_of, places_of, policy_of, redis_of, registry_of

OLD_GEOIP_DAYS = 30
DAY_MS = 86_400_000
MOST_SKEW_MS = 1_000
"""Clocks further apart than this make entries end early or late, and lags wrong."""
LEAST_REDIS = (6, 2)


def examine(settings: Settings) -> Iterator[Finding]:
    """All findings, as they come."""
    yield from _settings(settings)
    yield from _policy(settings)
    yield from examine_issuers(settings)
    yield from _geoip(settings)
    yield from _redis(settings)
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


def _redis(settings: Settings) -> Iterator[Finding]:
    try:
        client = redis_of(settings)
        seconds, micros = client.time()
        now = time.time_ns() // 1_000
        version = str(client.info("server")["redis_version"])
        eviction = str(client.info("memory").get("maxmemory_policy", "noeviction"))
        cursor = registry_of(settings).snapshot().cursor
    except (Failure, RegistryError, RedisError) as error:
        said = str(error) if isinstance(error, (Failure, RegistryError)) else f"{type(error).__name__}."
        yield fail("redis", f"{said} Look at redis.url, and whether it runs.")
        return
    yield from _clock(now // 1000 - (int(seconds) * 1000 + int(micros) // 1000))
    yield _version(version)
    if eviction == "noeviction":
        yield ok("redis memory", "It evicts nothing.")
    else:
        yield fail("redis memory", f"maxmemory-policy is {eviction}: it would forget who is refused; set noeviction.")
    yield ok("registry", f"Epoch {cursor.epoch}, change {cursor.seq}.")


def _clock(skew_ms: int) -> Iterator[Finding]:
    if abs(skew_ms) > MOST_SKEW_MS:
        yield warn("clock", f"This machine and Redis' differ by {skew_ms / 1000:.1f} s; run NTP on both.")
    else:
        yield ok("clock", "This machine and Redis' agree.")


def _version(version: str) -> Finding:
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())
    if numbers < LEAST_REDIS:
        return fail("redis", f"It is Redis {version}; 6.2 is the oldest that works.")
    return ok("redis", f"Redis {version} answers.")
