"""What surrounds the check path: health, readiness, errors of every route."""

import httpx
import pytest

from revocation.redis import RedisRegistry, connect
from tests.api.running import NOWHERE, TYPE, Running, entry, running
from tests.servers.process import until
from tests.servers.redis import redis_server


def test_a_running_process_is_healthy() -> None:
    """Health asks nobody else, so that a missing Redis restarts nothing."""
    with connect(NOWHERE) as client, running(RedisRegistry(client), ready=False) as api:
        answer = api.http.get("/healthz")

    assert (200, {"status": "ok", "version": "1.2.3"}) == (answer.status_code, answer.json())


def test_a_process_without_a_snapshot_says_what_is_missing() -> None:
    """Readiness names the part that is not ready, and when to ask again."""
    with connect(NOWHERE) as client, running(RedisRegistry(client), ready=False) as api:
        answer = api.http.get("/readyz")

    assert (503, "1", ["replica"]) == (
        answer.status_code,
        answer.headers["retry-after"],
        [missing["part"] for missing in answer.json()["errors"]],
    )


def test_a_follower_that_ended_makes_the_process_unready(fresh: Running) -> None:
    """A replica that nobody feeds any more is not ready, whatever it knows."""
    fresh.followers.stop()
    answer = fresh.http.get("/readyz")

    assert (503, ["follower"]) == (answer.status_code, [missing["part"] for missing in answer.json()["errors"]])


def test_a_process_with_a_snapshot_is_ready(api: Running) -> None:
    """Readiness says how fresh the replica is."""
    answer = api.http.get("/readyz")

    assert {"status": "ready", "registry": {"epoch": "e1", "seq": 0, "age_ms": 0}} == answer.json()


@pytest.mark.redis
def test_a_process_stays_ready_when_redis_is_gone() -> None:
    """What is known stays refused: one dead Redis must not take every gateway's registry away."""
    with redis_server() as server, connect(server.url) as client, running(RedisRegistry(client)) as api:
        api.refuse(entry("s1"))
        server.kill()
        until(lambda: api.followers.failures > 0, "the follower notices", seconds=10)
        answers = (api.http.get("/readyz").status_code, api.check(sid="s1")["decision"])

    assert (200, "deny") == answers


@pytest.mark.parametrize(
    ("method", "path", "status", "slug"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/v1/check/", 404, "not_found"),
        ("GET", "/v1/check/batch/x", 404, "not_found"),
        ("POST", "/healthz", 405, "method_not_allowed"),
        ("OPTIONS", "/metrics", 405, "method_not_allowed"),
        ("GET", "/v1/revocations/entries?limit=x", 400, "bad_request"),
        ("GET", "/v1/check", 405, "method_not_allowed"),
    ],
)
def test_every_error_is_a_problem(api: Running, method: str, path: str, status: int, slug: str) -> None:
    """Whichever route and framework answers, an error is problem+json with its stable type."""
    answer = api.http.request(method, path)

    assert (status, "application/problem+json", TYPE + slug, status) == (
        answer.status_code,
        answer.headers["content-type"],
        answer.json()["type"],
        answer.json()["status"],
    )


@pytest.mark.parametrize(
    "path", ["/healthz", "/readyz", "/metrics", "/v1/revocations/entries", "/docs", "/openapi.json"]
)
def test_whatever_can_be_read_can_be_asked_for_by_head(api: Running, path: str) -> None:
    """HEAD says what GET would, without the body."""
    answer = api.http.head(path)

    assert (200, b"", True) == (answer.status_code, answer.content, int(answer.headers["content-length"]) > 0)


def test_no_server_tells_its_name(api: Running) -> None:
    """Answers carry no banner."""
    answers: list[httpx.Response] = [api.http.get("/healthz"), api.http.post("/v1/check", json={})]

    assert [False, False] == ["server" in answer.headers for answer in answers]
