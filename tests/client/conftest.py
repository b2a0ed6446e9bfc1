"""Fixtures of the client's tests: the real API, a replica of it, and applications behind the middleware."""

from collections.abc import Iterator

import pytest

from tests.api.running import KEY, Running, running
from tests.client.sites import SITES, Site
from tokenward.client import Replica


@pytest.fixture
def api() -> Iterator[Running]:
    """A ready API of the test's own, without entries."""
    with running() as parts:
        yield parts


@pytest.fixture(scope="module")
def shared_api() -> Iterator[Running]:
    """A ready API that the tests of a file share: each names identities of its own."""
    with running() as parts:
        yield parts


@pytest.fixture(scope="module")
def replica(shared_api: Running) -> Iterator[Replica]:
    """A ready replica of the shared API."""
    with Replica(shared_api.address.url, KEY) as following:
        assert following.wait_ready(10)
        yield following


@pytest.fixture(params=sorted(SITES))
def site(request: pytest.FixtureRequest) -> Site:
    """Each kind of application in turn."""
    return SITES[request.param]
