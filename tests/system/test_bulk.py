"""A bulk on a real Redis, from end to end, while one of two API processes ends."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from revocation.pending_redis import RedisPending
from revocation.redis import RedisRegistry
from tests.api.bulk.drafting import answers, approve, ask, draft, ended, lines, part, read
from tests.api.running import Running, running
from tests.api.writes.callers import ACCESS
from tests.servers.process import until
from tests.servers.redis import Connect

pytestmark = [pytest.mark.redis, pytest.mark.slow]
SESSIONS, PARTS = 10_000, 5


@contextmanager
def process(connect: Connect, url: str) -> Iterator[Running]:
    """An API process on that Redis, with connections of its own."""
    client = connect(url)
    with running(RedisRegistry(client), access=ACCESS, pending=RedisPending(client)) as api:
        yield api


def test_from_the_draft_to_the_undoing(redis_client: Connect, redis_url: str) -> None:
    """Tried dry, approved by a second person, carried out though its process ended, seen by both, undone as a whole."""
    sids = [f"s{number}" for number in range(SESSIONS)]
    with process(redis_client, redis_url) as other, ExitStack() as first:
        one = first.enter_context(process(redis_client, redis_url))
        bulk = draft(one)
        for number in range(PARTS):
            part(one, bulk, lines(sids[number::PARTS]), number).raise_for_status()
        dry = ask(other, bulk, "dry-run").json()
        ask(one, bulk, "submit")
        approve(other, bulk).raise_for_status()
        until(lambda: 0 < read(other, bulk)["done"], "the first chunk")
        first.close()
        done = ended(other, bulk, "done", 120)
        refused = answers(other, sids[:100] + sids[-100:])
        ask(other, bulk, "undo").raise_for_status()
        ended(other, bulk, "undone", 120)
        undone = other.metrics.get_sample_value("tokenward_bulk_identities_total", {"step": "undone"})

        assert SESSIONS == undone
        assert ((SESSIONS, 0, True), (SESSIONS, SESSIONS)) == (
            (dry["hit"], dry["already"], dry["needs_approval"]),
            (done["done"], done["changed"]),
        )
        assert ({"deny"}, {"allow"}) == (set(refused), set(answers(other, sids[:100] + sids[-100:])))
