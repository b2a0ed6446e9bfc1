"""Where a request carries its token."""

import pytest

from revocation.bearer import MOST_COOKIES, Malformed, Presented, in_cookies, in_header

TOKEN = "eyJh.eyJz.c2ln-_~+/=="  # noqa: S105 - of the right characters, and no secret


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ([], None),
        ([""], None),
        (["Basic dXNlcjpwYXNz"], None),
        (["Bearerish abc"], None),
        (["bearer-like abc"], None),
        ([f"Bearer {TOKEN}"], Presented(TOKEN, "Bearer")),
        ([f"bEARER   {TOKEN}  "], Presented(TOKEN, "Bearer")),
        ([f"DPOP {TOKEN}"], Presented(TOKEN, "DPoP")),
    ],
)
def test_header_is_read_as_the_rfcs_write_it(fields: list[str], expected: Presented | None) -> None:
    """The scheme's case and the number of spaces do not matter; other schemes carry no token."""
    assert expected == in_header(fields)


@pytest.mark.parametrize(
    "fields",
    [
        ["Bearer"],
        ["Bearer "],
        ["Bearer\tabc"],
        [" Bearer  a b"],
        ["Bearer a,Bearer b"],
        ["Basic a, Bearer b"],
        ["Bearer:abc"],
        ['Bearer "abc"'],
        ["Bearer ab=c"],
        ["\u00a0bearer abc"],
        ["Bearer a", "Bearer a"],
        ["Basic a", "Bearer a"],
    ],
)
def test_whatever_might_be_taken_for_a_token_is_refused(fields: list[str]) -> None:
    """A field that begins with a scheme and does not go on as the RFC says is malformed, and so are two fields."""
    with pytest.raises(Malformed):
        in_header(fields)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ([], []),
        (["other=abc; sessions=abc"], []),
        (["session="], []),
        (["a=b;session=abc"], ["abc"]),
        (['session="abc"; x=y'], ["abc"]),
        (["session=abc; session=def", "session=ghi"], ["abc", "def", "ghi"]),
    ],
)
def test_cookies_of_the_name_are_found(fields: list[str], expected: list[str]) -> None:
    """Every cookie of the name counts, in whatever field; an empty one is none."""
    assert expected == [presented.token for presented in in_cookies(fields, "session")]


@pytest.mark.parametrize("field", ['session="a\\056b"', "session=a b", "; ".join(["session=a"] * (MOST_COOKIES + 1))])
def test_cookies_that_readers_differ_about_are_refused(field: str) -> None:
    """Escapes, spaces, and more cookies than a browser has reason to send are malformed."""
    with pytest.raises(Malformed):
        in_cookies([field], "session")
