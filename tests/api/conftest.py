"""Fixtures of the API's tests."""

from collections.abc import Iterator

import pytest

from tests.api.running import Running, running


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
