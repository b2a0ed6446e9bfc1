"""What the doctor sees of the issuers: whether `/authz` can verify their tokens, and whether it asks enough of them."""

import threading
from collections.abc import Iterator

from api.jwks import WHOLE_SECONDS, Fetcher, Key, Unfetched, keys_of
from api.trust import TrustedIssuer
from tokenward.doctor.finding import Finding, fail, ok, warn
from tokenward.settings import Settings
from tokenward.wiring import trusted_of

WHY = {
    "unreachable": "its server does not answer, or its certificate is not trusted",
    "timeout": "its server takes too long",
    "status": "its server does not answer 200; redirects are not followed",
    "too_large": "the document is too large",
    "malformed": "the document is no key set",
    "no_keys": "no key in it is usable: public, for signatures, and for one of its algorithms",
}


def examine_issuers(settings: Settings) -> Iterator[Finding]:
    """A line or two for each issuer."""
    for issuer in trusted_of(settings):
        yield from _issuer(issuer)


def _issuer(issuer: TrustedIssuer) -> Iterator[Finding]:
    name = f"keys of {issuer.iss}"
    if issuer.jwks_uri is None:
        yield warn(name, "No jwks_uri is set: /authz can only read its tokens, where a gateway has verified them.")
        return
    try:
        keys = _keys(issuer)
    except Unfetched as error:
        why = WHY.get(error.outcome, error.outcome)
        yield fail(name, f"{issuer.jwks_uri} gives none: {why}. Look at jwks_uri and jwks_cafile.")
    else:
        yield ok(name, f"{len(keys)} are usable: {', '.join(sorted({key.alg for key in keys}))}.")
    if not issuer.audiences:
        yield warn(
            f"audience of {issuer.iss}",
            "None is set: a token that it signed for any other service is taken, too; set audiences.",
        )


def _keys(issuer: TrustedIssuer) -> list[Key]:
    fetcher = Fetcher(issuer)
    end = threading.Timer(WHOLE_SECONDS, fetcher.abort)
    end.start()
    try:
        return keys_of(fetcher.fetch(), issuer.algorithms)
    finally:
        end.cancel()
