"""Fixtures of the API's tests."""

from collections.abc import Iterator

import pytest

from tests.api.gates import PROFILES, SIGNER
from tests.api.running import Running, running
from tests.api.verifying import trusted
from tests.servers.issuer import Issuer, issuing


@pytest.fixture(scope="module")
def api() -> Iterator[Running]:
    """A ready API that the tests of a file share: each names identities of its own."""
    with running() as parts:
        yield parts


@pytest.fixture
def fresh() -> Iterator[Running]:
    """A ready API of the test's own, without entries."""
    with running() as parts:
        yield parts


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    """An issuer with one key."""
    with issuing(SIGNER) as idp:
        yield idp


@pytest.fixture(scope="module")
def gate(issuer: Issuer) -> Iterator[Running]:
    """An API that trusts the issuer, with a profile of each kind."""
    with running(issuers=[trusted(issuer.uri)], profiles=PROFILES) as api:
        yield api
