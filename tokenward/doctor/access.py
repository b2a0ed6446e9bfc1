"""What the doctor sees of access: what is open, whose keys end, and what rights lead nowhere."""

from collections.abc import Iterator

from api.access.access import Access, Caller, HashedKey, is_loopback
from tokenward.api_wiring import access_of
from tokenward.doctor.finding import Finding, fail, ok, warn
from tokenward.faults import Failure
from tokenward.settings import Settings
from tokenward.wiring import clock

DAY_MS = 86_400_000
SOON_DAYS = 14


def examine_access(settings: Settings, now: int | None = None) -> Iterator[Finding]:
    """A line for the API as a whole, and for each caller; `now` in epoch milliseconds."""
    try:
        access = access_of(settings)
    except Failure as error:
        yield fail("access", str(error))
        return
    if access.open:
        yield warn("access", "access.mode is open: every program on this machine may do everything.")
        return
    yield ok("access", f"Every route but /healthz asks who calls; {len(access.callers)} callers are named.")
    yield from _network(settings)
    yield from _issuers(settings, access)
    for caller in access.callers:
        yield _caller(caller, clock() if now is None else now)


def _network(settings: Settings) -> Iterator[Finding]:
    if not is_loopback(settings.api.host) and settings.api.tls_certfile is None:
        yield warn(
            "access tls",
            "Keys and tokens cross the network unencrypted, unless a proxy in front of the API does it; set "
            "api.tls_certfile and api.tls_keyfile.",
        )
    certified = [name for name, principal in settings.principals.items() if principal.certificates]
    if certified and settings.api.tls_client_cafile is None:
        yield fail(
            "access tls",
            f"{', '.join(certified)} has a certificate that nobody asks for: set api.tls_client_cafile.",
        )


def _issuers(settings: Settings, access: Access) -> Iterator[Finding]:
    named = set(access.operators).union(*access.tenants.values(), *(one.issuers or () for one in access.callers))
    if unknown := sorted(named - settings.issuers.keys()):
        yield warn("access issuers", f"No [issuers] table is there for {', '.join(unknown)}: nobody's tokens match it.")
    if access.audience is not None and not any(issuer.jwks_uri for issuer in settings.issuers.values()):
        yield warn("access audience", "No issuer has a jwks_uri, so no token can be verified as a credential.")


def _caller(caller: Caller, now: int) -> Finding:
    name = f"principal {caller.name}"
    good = [key for key in caller.keys if _days(key, now) > 0]
    if not caller.certificates and not good:
        return fail(name, "It has neither a key that is good nor a certificate; make one with `tokenward key`.")
    last = max((_days(key, now) for key in good), default=float("inf"))
    if not caller.certificates and last <= SOON_DAYS:
        return warn(name, f"Its last key ends in {last:.0f} days: add another one now, with `tokenward key`.")
    ended = len(caller.keys) - len(good)
    if ended:
        return warn(name, f"{ended} of its keys have ended; take them out of the settings.")
    return ok(name, f"It has {len(good)} keys and {len(caller.certificates)} certificates.")


def _days(key: HashedKey, now: int) -> float:
    """For how many more days the key is good."""
    return float("inf") if key.until is None else (key.until - now) / DAY_MS
