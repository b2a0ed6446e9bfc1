"""Fixtures of the tests of the write API."""

from collections.abc import Iterator

import pytest

from revocation.record import Scope
from tests.api.running import Running, running
from tests.api.writes.callers import ACCESS


@pytest.fixture(scope="module")
def acted() -> Iterator[Running]:
    """An API that asks who calls, and two persons about issuers and clients; the tests of a file share it."""
    with running(access=ACCESS, approval_scopes={Scope.ISSUER, Scope.CLIENT}) as parts:
        yield parts
