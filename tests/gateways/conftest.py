"""Fixtures of the gateways' tests."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.gateways.stands import GATEWAYS, Stand, Stands


@pytest.fixture(scope="session")
def stands() -> Iterator[Stands]:
    """The gateways and registries, each started when it is first needed."""
    with ExitStack() as stack:
        yield Stands(stack)


@pytest.fixture(params=GATEWAYS)
def up(stands: Stands, request: pytest.FixtureRequest) -> Stand:
    """Each gateway in turn, in front of a registry that works."""
    return stands.get("up", request.param)
