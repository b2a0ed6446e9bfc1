"""Every case against every gateway that is run: the expectations are the table of docs/gateways.md itself."""

import re
from pathlib import Path

import pytest

from tests.gateways.cases import CASES, outcome
from tests.gateways.stands import GATEWAYS, Stands

DOCUMENT = Path(__file__).parents[2] / "docs" / "gateways.md"


def table() -> dict[tuple[str, str, str], str]:
    """The document's table: (registry, case, gateway) -> outcome."""
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in DOCUMENT.read_text().partition("| the registry | the request |")[2].splitlines()
        if line.startswith("| ")
    ]
    return {(row[0], row[1], gateway): cell for row in rows for gateway, cell in zip(GATEWAYS, row[2:], strict=False)}


EXPECTED = table()
QUICK = ("up",)
"""States that are reached in a moment."""


def test_the_document_tells_of_every_case_and_gateway() -> None:
    """The table of docs/gateways.md has a row for each case, with a cell for each gateway, and no other."""
    cases = {(state, name, gateway) for state, asked in CASES.items() for name in asked for gateway in GATEWAYS}

    assert cases == set(EXPECTED)
    assert re.search(
        r"^\| the registry \| the request \| nginx \| replica \| haproxy \| caddy \|$",
        DOCUMENT.read_text(),
        re.MULTILINE,
    )


@pytest.mark.gateways
@pytest.mark.redis
@pytest.mark.parametrize("gateway", GATEWAYS)
@pytest.mark.parametrize(
    ("state", "case"),
    [
        pytest.param(state, case, marks=() if state in QUICK else pytest.mark.slow, id=f"{state}: {case}")
        for state, asked in CASES.items()
        for case in asked
    ],
)
def test_a_gateway_answers_as_the_document_says(stands: Stands, state: str, case: str, gateway: str) -> None:
    """What the client gets is what docs/gateways.md says; what is refused never reaches the application."""
    stand = stands.get(state, gateway)
    before = stand.application.requests
    got = outcome(CASES[state][case](stand))

    assert EXPECTED[state, case, gateway] == got
    assert stand.application.requests - before == (got == "passes")
