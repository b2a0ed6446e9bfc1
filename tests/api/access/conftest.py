"""Fixtures of the tests of access."""

from collections.abc import Iterator

import pytest

from tests.api.access.calling import Protected, protected
from tests.servers.process import until


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Protected]:
    """A ready API that asks who calls, which the tests of a file share."""
    with protected(tmp_path_factory.mktemp("tls")) as parts:
        until(lambda: parts.api.followers.ready, "the first snapshot", seconds=5)
        yield parts
