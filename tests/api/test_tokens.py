"""Verifying tokens: what is good, and every known way of making a bad one look so."""

import asyncio
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.compact import Invalid, read_compact
from api.tokens import Tokens
from tests.api.attacks import ATTACKS, EDWARDS, ELLIPTIC, FOREIGN, PSS, RSA
from tests.api.running import ISSUER, NOW, clock
from tests.api.verifying import GOOD, SECOND, outcome, payload, trusted, verdicts
from tests.servers.issuer import Issuer, SigningKey, issuing

OTHER = "https://idp.example.com/realms/other"


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    """An issuer with a key of each usual algorithm."""
    with issuing(ELLIPTIC, RSA, PSS, EDWARDS) as running:
        yield running


@pytest.mark.parametrize("key", [ELLIPTIC, RSA, PSS, EDWARDS], ids=lambda key: key.alg)
def test_every_usual_algorithm_is_verified(issuer: Issuer, key: SigningKey) -> None:
    """A token that the issuer signed is good, whichever of the usual algorithms its key is for."""
    assert [GOOD] == verdicts([key.sign(payload())], [trusted(issuer.uri)])


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_attack_succeeds(issuer: Issuer, attack: str) -> None:
    """Each is refused for its own reason, and leaves nothing behind that would let it pass next time."""
    token, reason = ATTACKS[attack]

    assert [reason, reason] == verdicts([token, token], [trusted(issuer.uri)])


def test_a_token_of_eight_kilobytes_is_verified(issuer: Issuer) -> None:
    """Roles and groups make tokens long; that is no fault of theirs."""
    assert [GOOD] == verdicts([RSA.sign(payload(groups=["g" * 100] * 60))], [trusted(issuer.uri)])


def test_issuers_keys_are_never_mixed() -> None:
    """One tenant's key, of the very name and algorithm of the other's, signs nothing for the other."""
    with issuing(ELLIPTIC) as one, issuing(FOREIGN) as two:
        both = [trusted(one.uri), trusted(two.uri, OTHER)]
        tokens = [key.sign(payload(iss=iss)) for iss in (ISSUER, OTHER) for key in (ELLIPTIC, FOREIGN)]

        assert [GOOD, "signature", "signature", GOOD] == verdicts(tokens, both)


@pytest.mark.parametrize(
    ("member", "seconds", "expected"),
    [
        ("exp", -29, GOOD),
        ("exp", -30, "expired"),
        ("nbf", 30, GOOD),
        ("nbf", 31, "not_yet_valid"),
        ("iat", 30, GOOD),
        ("iat", 31, "not_yet_valid"),
        ("iat", -(10**9), GOOD),
    ],
)
def test_clocks_may_differ_by_the_leeway(issuer: Issuer, member: str, seconds: int, expected: str) -> None:
    """To the second: what is past by the leeway has ended, what is ahead by more has not begun."""
    token = ELLIPTIC.sign(payload(**{member: SECOND + seconds}))

    assert [expected] == verdicts([token], [trusted(issuer.uri, leeway_s=30)])


@pytest.mark.parametrize(
    ("aud", "expected"),
    [
        ("shop", GOOD),
        (["x", "shop"], GOOD),
        ("bank", "audience"),
        (["bank"], "audience"),
        ([], "audience"),
        (None, "audience"),
        ("shop ", "audience"),
        ({"shop": 1}, "audience"),
    ],
)
def test_a_token_for_somebody_else_is_refused(issuer: Issuer, aud: object, expected: str) -> None:
    """Where audiences are set, one of them must be meant."""
    assert [expected] == verdicts([ELLIPTIC.sign(payload(aud=aud))], [trusted(issuer.uri, audiences=("shop", "api"))])


@pytest.mark.parametrize(
    ("typ", "expected"), [("at+jwt", GOOD), ("application/at+JWT", GOOD), ("jwt", "type"), (None, "type")]
)
def test_types_are_the_issuers(issuer: Issuer, typ: str | None, expected: str) -> None:
    """An issuer that marks its access tokens is held to it; types are compared as media types."""
    token = ELLIPTIC.sign(payload(), {"typ": typ})

    assert [expected] == verdicts([token], [trusted(issuer.uri, token_types=("at+jwt",))])


@pytest.mark.parametrize("typ", ["at+jwt", "JWT", None])
def test_usual_types_are_taken(issuer: Issuer, typ: str | None) -> None:
    """By default a token may be marked as RFC 9068 wants it, as any JWT, or not at all."""
    assert [GOOD] == verdicts([ELLIPTIC.sign(payload(), {"typ": typ})], [trusted(issuer.uri)])


def test_a_token_without_a_keys_name_needs_a_single_key_that_fits() -> None:
    """With one key of the algorithm there is no doubt; with two nobody guesses."""
    bare = ELLIPTIC.sign(payload(), {"kid": None})
    with issuing(ELLIPTIC, RSA) as one, issuing(ELLIPTIC, FOREIGN.public(kid="second")) as two:
        seen = [verdicts([bare], [trusted(each.uri)]) for each in (one, two)]

    assert [[GOOD], ["key_unnamed"]] == seen


def test_a_verified_token_is_remembered_until_it_ends(issuer: Issuer) -> None:
    """It is recalled to the last moment of its leeway, as verified only, and is then forgotten."""
    token = ELLIPTIC.sign(payload(exp=SECOND + 10)).encode()

    async def recalled() -> list[bool]:
        """What is recalled, on a loop of its own."""
        tokens = Tokens([trusted(issuer.uri, leeway_s=5)], clock)
        tokens.start()
        await tokens.verify(token)
        moments = [(NOW, False), (NOW + 14_999, True), (NOW + 15_000, True), (NOW, True)]
        seen = [tokens.recall(token, now, verified=verified) is not None for now, verified in moments]
        await tokens.stop()
        return seen

    assert [False, True, False, False] == asyncio.run(recalled())


def test_memory_is_bounded(issuer: Issuer) -> None:
    """The token that was not asked for longest is forgotten first."""

    async def kept() -> list[bool]:
        """What is kept, on a loop of its own."""
        tokens = Tokens([trusted(issuer.uri)], clock, remembered=2)
        tokens.start()
        first, second, third = (ELLIPTIC.sign(payload(jti=jti)).encode() for jti in ("1", "2", "3"))
        await tokens.verify(first)
        await tokens.verify(second)
        tokens.recall(first, NOW, verified=True)
        await tokens.verify(third)
        seen = [tokens.recall(token, NOW, verified=True) is not None for token in (first, second, third)]
        await tokens.stop()
        return [*seen, len(tokens) == 2]

    assert [True, False, True, True] == asyncio.run(kept())


def test_a_token_may_end_while_it_waits(issuer: Issuer) -> None:
    """What was in time when it came is looked at again when its key has come."""
    moments = iter([NOW, NOW, NOW, NOW + 60_000])

    async def seen() -> str:
        """What is seen, on a loop of its own."""
        tokens = Tokens([trusted(issuer.uri, leeway_s=0)], lambda: next(moments, NOW + 60_000))
        tokens.start()
        try:
            return await outcome(tokens, ELLIPTIC.sign(payload(exp=SECOND + 1)))
        finally:
            await tokens.stop()

    assert "expired" == asyncio.run(seen())


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        (FOREIGN.sign(payload(iss="https://anybody.example")), GOOD),
        (FOREIGN.sign(b"{}"), GOOD),
        (FOREIGN.sign(payload(exp=SECOND - 299)), "expired"),
        (FOREIGN.sign(payload(iss="https://anybody.example", exp=SECOND - 299)), GOOD),
        (FOREIGN.sign(payload(exp="x")), "malformed"),
        ("opaque", "malformed"),
    ],
)
def test_a_token_that_the_gateway_verified_is_only_read(issuer: Issuer, token: str, expected: str) -> None:
    """Whoever signed it, its form and its end count; an issuer without settings has the longest leeway."""
    assert [expected] == verdicts([token], [trusted(issuer.uri)], verify=False)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200) | st.from_regex(rb"[A-Za-z0-9_-]{0,40}(\.[A-Za-z0-9_-]{0,40}){0,4}", fullmatch=True))
def test_whatever_comes_is_refused_by_reason(token: bytes) -> None:
    """No bytes make reading fail otherwise than by saying why."""
    with pytest.raises(Invalid) as refused:
        read_compact(token)

    assert refused.value.reason.replace("_", "").isalpha()
