"""Fixtures of the tests of bulks."""

from collections.abc import Iterator

import pytest

from revocation.record import Scope
from tests.api.running import Running, running
from tests.api.writes.callers import ACCESS


@pytest.fixture(scope="module")
def acted() -> Iterator[Running]:
    """An API that asks who calls, and two persons about issuers, clients, and ten identities or more."""
    with running(access=ACCESS, approval_scopes={Scope.ISSUER, Scope.CLIENT}, approval_lines=10) as parts:
        yield parts
