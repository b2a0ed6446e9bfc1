"""What a refused request is told."""

from typing import Any

import pytest

from revocation.challenges import INVALID_REQUEST, INVALID_TOKEN, MISSING, STEP_UP, Challenge, max_age_of, quotable


@pytest.mark.parametrize(
    ("challenge", "options", "expected"),
    [
        (MISSING, {}, 'Bearer realm="tokenward"'),
        (
            INVALID_TOKEN,
            {"realm": "api"},
            'Bearer realm="api", error="invalid_token", error_description="The access token is no longer valid"',
        ),
        (
            INVALID_TOKEN,
            {"scheme": "DPoP"},
            (
                'DPoP realm="tokenward", error="invalid_token", '
                'error_description="The access token is no longer valid", '
                'algs="ES256 ES384 ES512 PS256 PS384 PS512 RS256 RS384 RS512 EdDSA"'
            ),
        ),
        (
            STEP_UP,
            {"max_age": 0},
            (
                'Bearer realm="tokenward", error="insufficient_user_authentication", '
                'error_description="More recent authentication is required", max_age="0"'
            ),
        ),
        (
            INVALID_REQUEST,
            {},
            (
                'Bearer realm="tokenward", error="invalid_request", '
                'error_description="The access token is malformed, or there is more than one"'
            ),
        ),
    ],
)
def test_challenges_are_as_the_rfcs_write_them(challenge: Challenge, options: dict[str, Any], expected: str) -> None:
    """Each kind of refusal has its field; members that do not apply are left out."""
    assert expected == challenge.field(**options)


def test_no_value_ends_its_quotes() -> None:
    """Quotes, backslashes, line ends and what is not ASCII become question marks."""
    assert "a?b?c??d?e~ !" == quotable('a"b\\c\r\nd\u00e9e~ !')


@pytest.mark.parametrize(
    ("auth_after", "now", "expected"),
    [
        (None, 9_000, 0),
        (100_500, 105_200, 4),
        (100_000, 105_000, 4),
        (100_999, 101_000, 0),
        (105_000, 100_000, 0),
    ],
)
def test_max_age_admits_only_logins_that_end_the_quarantine(auth_after: int | None, now: int, expected: int) -> None:
    """The oldest login that `max_age` admits is in a later second than the quarantine; without one it must be new."""
    assert expected == max_age_of(auth_after, now)
