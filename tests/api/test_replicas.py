"""Who follows the feed, how far behind each is, and how long changes took."""

from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from api.feed.limits import FeedLimits
from tests.api.following import ACKNOWLEDGEMENTS, REPLICAS, Json, changes
from tests.api.running import NOW, TYPE, Running, entry, running
from tests.servers.process import until


class Clock:
    """A clock that is set."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        """Now."""
        return self.now


@pytest.fixture
def moving() -> Clock:
    """The clock of `followed`."""
    return Clock()


@pytest.fixture
def followed(moving: Clock) -> Iterator[Running]:
    """An API whose clock the test moves, with room for two replicas, which are forgotten after a minute."""
    with running(check_clock=moving, feed=FeedLimits(replicas=2, laggard_s=5, forgotten_s=60)) as api:
        yield api


def acknowledge(api: Running, replica: str, cursor: str) -> None:
    """Say what that replica has applied."""
    answer = api.http.post(ACKNOWLEDGEMENTS, json={"replica": replica, "cursor": cursor})
    assert (204, b"") == (answer.status_code, answer.content)


def standings(api: Running) -> dict[str, Json]:
    """Each replica's standing by its name."""
    return {one.pop("name"): one for one in api.http.get(REPLICAS).raise_for_status().json()["replicas"]}


def tell(api: Running, *names: str) -> None:
    """Decide, and wait until the feed has it."""
    before = api.seq
    api.refuse(*(entry(name) for name in names))
    until(lambda: len(changes(api.http, f"e1:{before}").entries) == len(names), "the feed follows", seconds=5)


def samples(api: Running) -> dict[tuple[str, ...], float]:
    """The feed's samples by name and label values."""
    text = api.http.get("/metrics").text
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if "feed" in sample.name or "propagation" in sample.name
    }


def test_a_poll_acknowledges(followed: Running) -> None:
    """The position that a named replica asks for is what it has applied."""
    tell(followed, "s1", "s2")
    changes(followed.http, "e1:1", replica="gateway-7")

    assert {
        "gateway-7": {"cursor": "e1:1", "heard_at": NOW, "behind": 1, "lag_ms": 0, "laggard": False},
    } == standings(followed)


def test_a_reader_of_the_stream_acknowledges(followed: Running) -> None:
    """A replica that polls nothing says by itself what it has applied."""
    tell(followed, "s1")
    acknowledge(followed, "gateway-7", "e1:1")

    assert 0 == standings(followed)["gateway-7"]["behind"]


def test_a_laggard_is_named(followed: Running, moving: Clock) -> None:
    """A replica that has lacked a change for longer than it may is called so, by how much and for how long."""
    acknowledge(followed, "quick", "e1:0")
    acknowledge(followed, "slow", "e1:0")
    tell(followed, "s1", "s2")
    moving.now += 6_000
    tell(followed, "s3")
    acknowledge(followed, "quick", "e1:2")
    seen = standings(followed)

    assert [(1, 0, False), (3, 6_000, True)] == [
        (seen[name]["behind"], seen[name]["lag_ms"], seen[name]["laggard"]) for name in ("quick", "slow")
    ]


def test_lag_and_propagation_are_measured(followed: Running, moving: Clock) -> None:
    """Each change is observed once for each replica that says it has applied it, when it does."""
    acknowledge(followed, "quick", "e1:0")
    acknowledge(followed, "slow", "e1:0")
    tell(followed, "s1", "s2")
    moving.now += 80
    acknowledge(followed, "quick", "e1:1")
    acknowledge(followed, "quick", "e1:2")
    acknowledge(followed, "quick", "e1:2")
    moving.now += 7_920
    acknowledge(followed, "slow", "e1:1")
    seen = samples(followed)

    assert {
        ("tokenward_propagation_seconds_bucket", "0.05"): 0,
        ("tokenward_propagation_seconds_bucket", "0.1"): 2,
        ("tokenward_propagation_seconds_bucket", "5.0"): 2,
        ("tokenward_propagation_seconds_bucket", "10.0"): 3,
        ("tokenward_propagation_seconds_bucket", "+Inf"): 3,
        ("tokenward_propagation_seconds_count",): 3,
        ("tokenward_propagation_seconds_sum",): 8.16,
        ("tokenward_feed_replicas",): 2,
        ("tokenward_feed_laggards",): 1,
        ("tokenward_feed_replica_lag_seconds", "quick"): 0,
        ("tokenward_feed_replica_lag_seconds", "slow"): 8,
        ("tokenward_feed_readers", "poll"): 0,
    }.items() <= seen.items()


@pytest.mark.parametrize("cursor", ["e0:1", "e1:0,e1:0"])
def test_a_replica_of_another_past_is_a_laggard(followed: Running, cursor: str) -> None:
    """How far behind it is cannot be told, so it is not."""
    acknowledge(followed, "lost", cursor)
    acknowledge(followed, "lost", "e1:0")
    acknowledge(followed, "lost", cursor)

    assert {"cursor": cursor, "heard_at": NOW, "laggard": True} == standings(followed)["lost"]


def test_a_replica_may_be_ahead_of_this_process(followed: Running) -> None:
    """A position that another process has told is no lag."""
    acknowledge(followed, "ahead", "e1:7")

    assert (0, 0, False) == (
        (one := standings(followed)["ahead"])["behind"],
        one["lag_ms"],
        one["laggard"],
    )


def test_who_was_silent_for_longest_makes_room(followed: Running) -> None:
    """Anyone may name itself, so the table is bounded."""
    for name in ("first", "second", "first", "third"):
        acknowledge(followed, name, "e1:0")

    assert {"first", "third"} == set(standings(followed))


def test_who_is_silent_is_forgotten(followed: Running, moving: Clock) -> None:
    """A gateway that was taken away is no laggard for ever."""
    acknowledge(followed, "gone", "e1:0")
    moving.now += 61_000
    before = standings(followed)
    acknowledge(followed, "new", "e1:0")

    assert ({}, {"new"}) == (before, set(standings(followed)))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"secret-value",
        b"{}",
        b'{"replica":"x"}',
        b'{"replica":"","cursor":"e1:0"}',
        b'{"replica":"secret value","cursor":"e1:0"}',
        b'{"replica":"x","cursor":"secret-value"}',
        b'{"replica":"x","cursor":7}',
        b'{"replica":"x","cursor":"' + b"e" * 4097 + b':0"}',
        b"[" * 8000,
    ],
)
def test_a_wrong_acknowledgement_is_a_bad_request(api: Running, body: bytes) -> None:
    """What cannot be meant is refused, and not repeated."""
    answer = api.http.post(ACKNOWLEDGEMENTS, content=body, headers={"Content-Type": "application/json"})

    assert (400, TYPE + "bad_request", False) == (answer.status_code, answer.json()["type"], "secret" in answer.text)


@pytest.mark.parametrize(
    ("method", "headers", "content", "status"),
    [
        ("GET", {}, b"", 405),
        ("POST", {"Content-Type": "text/plain"}, b"x", 415),
        ("POST", {"Content-Type": "application/json"}, b"x" * 9000, 413),
    ],
)
def test_an_acknowledgement_is_a_small_post(
    api: Running, method: str, headers: dict[str, str], content: bytes, status: int
) -> None:
    """Another method, another type and too long a body are refused by their heads."""
    answer = api.http.request(method, ACKNOWLEDGEMENTS, headers=headers, content=content)

    assert (status, "POST" if status == 405 else None) == (answer.status_code, answer.headers.get("allow"))


def test_an_acknowledgement_whose_sender_leaves_is_forgotten(api: Running) -> None:
    """Half a body is no acknowledgement, and no error."""
    head = f"POST {ACKNOWLEDGEMENTS} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n".encode()
    api.exchange(head, b'{"replica":"half",', responses=0)

    assert "half" not in standings(api)
