"""What is kept of a decision by hand besides its entry."""

import pytest

from revocation.claims import Claims
from revocation.connections import connect
from revocation.names import Sealer
from revocation.record import Scope, Subject
from revocation.redis_names import RedisNames
from tests.revocation.entries import KEY, subject
from tokenward.remembering import naming_addresses

NOW = 1_000
ADDRESS = subject("203.0.113.7", Scope.ORIGIN, "")


@pytest.mark.redis
@pytest.mark.parametrize(("claims", "expected"), [(Claims(ip="203.0.113.7"), ["203.0.113.7"]), (Claims(sid="s1"), [])])
def test_addresses_are_named_and_nobody_else(redis_url: str, claims: Claims, expected: list[str]) -> None:
    """Whoever is refused is remembered; of an address the sealed name is left as well, of a session nothing."""
    told: list[Subject] = []
    with connect(redis_url) as client:
        names, sealer = RedisNames(client), Sealer(KEY)
        remember = naming_addresses(lambda about, _claims, _ms: told.append(about), names, sealer, lambda: NOW)
        remember(ADDRESS, claims, 60_000)
        seals = names.find([ADDRESS.digest], NOW)

    assert (expected, [ADDRESS]) == (
        [sealer.open(digest, seal) for digest, seal in seals.items()],
        told,
    )


def test_without_bouncers_no_address_is_named() -> None:
    """Where nobody asks for names, what remembers stays as it is."""
    remember = lambda _subject, _claims, _ms: None  # noqa: E731 - its identity is the claim

    assert remember is naming_addresses(remember, None, None, lambda: NOW)
