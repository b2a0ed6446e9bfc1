"""Verifying for the tests: what becomes of one token, given issuers whose real key sets stand on a real server."""

import asyncio
from collections.abc import Callable, Iterable

from api.compact import Invalid
from api.tokens import Token, Tokens, Unverifiable
from api.trust import TrustedIssuer
from tests.api.running import ISSUER, NOW, clock

PATIENCE = 10.0
SECOND = NOW // 1000
GOOD = "good"


def payload(**more: object) -> dict[str, object]:
    """What an access token of the issuer says; members that are None are left out."""
    said = {"iss": ISSUER, "sub": "ann", "sid": "s1", "iat": SECOND, "exp": SECOND + 300} | more
    return {name: value for name, value in said.items() if value is not None}


def trusted(uri: str, iss: str = ISSUER, **more: object) -> TrustedIssuer:
    """An issuer whose keys may be fetched as often as a test likes."""
    given = {"jwks_least_s": 0.05, "jwks_wait_s": 2.0} | more
    return TrustedIssuer(iss=iss, jwks_uri=uri, **given)  # type: ignore[arg-type]


def verdicts(
    tokens: Iterable[str], issuers: Iterable[TrustedIssuer], at: Callable[[], int] = clock, *, verify: bool = True
) -> list[str]:
    """What becomes of each, one after another: `GOOD`, or why it is refused."""

    async def each() -> list[str]:
        """One answer after another."""
        verifier = Tokens(list(issuers), at)
        verifier.start()
        try:
            return [await outcome(verifier, token, verify=verify) for token in tokens]
        finally:
            await verifier.stop()

    return asyncio.run(each())


async def outcome(verifier: Tokens, token: str, *, verify: bool = True) -> str:
    """`GOOD`, or the reason."""
    try:
        found: Token = await verifier.verify(token.encode()) if verify else verifier.read(token.encode())
    except (Invalid, Unverifiable) as refused:
        return refused.reason
    assert found.until > 0
    return GOOD


async def eventually(condition: Callable[[], bool]) -> None:
    """Wait until it holds."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in other threads, too
            await asyncio.sleep(0.002)
