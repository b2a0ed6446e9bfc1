"""From a Keycloak record to a refusal, on real Kafka and Redis; and what happens while Redis is away."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest

from api.access.access import OPEN_ACCESS
from api.app import create_app
from api.server import serving
from api.writes.whole import Writes
from ingest.report import StepReport
from ingest.route import Route
from ingest.worker import Worker
from revocation.claims import Claims
from revocation.follower import Follower
from revocation.followers import Followers
from revocation.redis import RedisRegistry, connect
from revocation.replica import Replica
from tests.rig import Names, clock, past
from tests.servers.process import until
from tests.servers.redis import RedisServer, redis_server
from tests.telemetry import HOME, ISS, KEY, Session, Stranger

pytestmark = [pytest.mark.kafka, pytest.mark.redis]

SCHEMA = Path(__file__).parents[2] / "docs" / "schemas" / "alert.v1.json"


@contextmanager
def running(program: Worker[Any] | Route) -> Iterator[None]:
    """The program in a thread of its own, ended afterwards."""
    stop = threading.Event()
    thread = threading.Thread(target=program.run, args=(stop,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(20)


@contextmanager
def following(url: str) -> Iterator[Callable[[Session], str]]:
    """A gateway's replica of the registry; yields the question whether a session's token passes."""
    replica = Replica(KEY)
    with connect(url) as client, Follower(RedisRegistry(client), replica, clock) as follower:
        assert follower.wait_ready(20)
        yield lambda session: replica.check(Claims(iss=ISS, sub=session.sub, sid=session.sid), clock()).decision


@pytest.fixture
def names(kafka_bootstrap: str) -> Names:
    """Topics of four partitions that nobody else knows."""
    names = Names(kafka_bootstrap)
    names.create(4)
    return names


def test_a_stolen_token_ends_as_a_refusal_and_an_alert(names: Names, redis_url: str) -> None:
    """Keycloak tells of a theft without keys: the gateway denies that family alone, and people are told why, once."""
    thief, honest = Session(past()), Session(past())
    with ExitStack() as stack:
        client = stack.enter_context(connect(redis_url))
        stack.enter_context(running(names.route()))
        stack.enter_context(running(names.worker(RedisRegistry(client))))
        decision = stack.enter_context(following(redis_url))
        for value in [*thief.keycloak_refreshes(4), *honest.keycloak_refreshes(4), b"garbage"]:
            names.tell(value, topic=names.provider)
        until(lambda: names.unread(names.telemetry) == names.unread(names.provider) == 0, "the start was read")
        before = [decision(thief), decision(honest)]
        names.tell(thief.keycloak_theft(), topic=names.provider)
        until(lambda: decision(thief) == "deny", "the theft was refused")
        after = decision(honest)
        until(lambda: bool(names.alerted()), "the theft was told")

    assert (["allow", "allow"], "allow") == (before, after)
    (record,) = names.read(names.alerts)
    alert = json.loads(record.value or b"")
    jsonschema.validate(alert, json.loads(SCHEMA.read_text()), format_checker=jsonschema.FormatChecker())
    assert (["reuse.theft_confirmed"], "enforced") == (alert["data"]["reasons"], alert["data"]["enforcement"])
    assert [thief.family.digest.hex()] == names.alerted()
    assert [(b"garbage", "bad_json")] == names.letters()


def test_an_address_that_tries_foreign_tokens_has_to_sign_in(names: Names, redis_url: str) -> None:
    """150 tokens of other people, all refused: whoever comes from that address is asked to sign in, others are not."""
    stranger = Stranger(past())
    with ExitStack() as stack:
        registry = RedisRegistry(stack.enter_context(connect(redis_url)))
        stack.enter_context(running(names.worker(registry)))
        stack.enter_context(running(names.origins(registry)))
        replica = Replica(KEY)
        followers = Followers(RedisRegistry(stack.enter_context(connect(redis_url))), replica, clock)
        app = create_app(
            replica=replica,
            registry=registry,
            followers=followers,
            clock=clock,
            digest_key=KEY,
            version="0",
            writes=Writes.in_memory(registry, clock, KEY),
            access=OPEN_ACCESS,
        )
        api = stack.enter_context(serving(app))
        names.tell(*stranger.tries(150), partition=0)

        def decision(ip: str) -> str:
            asked = {"iss": ISS, "sid": "somebody", "ip": ip}
            return str(httpx.post(f"{api.url}/v1/check", json=asked).json()["decision"])

        until(lambda: decision(stranger.ip) != "allow", "the address was refused", seconds=60)
        at_last = [decision(stranger.ip), decision(HOME)]

    assert ["step_up", "allow"] == at_last


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    """A Redis of one's own that keeps what it was told."""
    with redis_server("--appendonly", "yes", "--appendfsync", "always") as server:
        yield server


def test_nothing_is_lost_while_redis_is_away(names: Names, redis: RedisServer) -> None:
    """A theft during an outage waits, is told nobody meanwhile, and is refused and told once when Redis is back."""
    early, amid, late = sessions = [Session(past()) for _ in range(3)]
    stalls: list[str] = []

    def note(report: StepReport) -> None:
        stalls.extend(report.stalls)

    with ExitStack() as stack:
        client = stack.enter_context(connect(redis.url))
        stack.enter_context(running(names.worker(RedisRegistry(client), on_report=note)))
        names.tell(*(value for session in sessions for value in session.refreshes(4)), partition=0)
        names.tell(early.theft(), partition=0)
        until(lambda: len(names.alerted()) == 1, "the theft before was told")
        redis.kill()
        names.tell(amid.theft(), partition=0)
        until(lambda: "registry_unavailable" in stalls, "the worker noticed")
        told_amid = names.alerted()
        redis.start()
        names.tell(late.theft(), partition=0)
        until(lambda: len(names.alerted()) == 3, "all thefts were told")
        decision = stack.enter_context(following(redis.url))

        assert ["deny"] * 3 == [decision(session) for session in sessions]
    assert [early.family.digest.hex()] == told_amid
    assert sorted(session.family.digest.hex() for session in sessions) == names.alerted()
    assert 0 == names.unread(names.telemetry)
