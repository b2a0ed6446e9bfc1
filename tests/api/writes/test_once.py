"""Idempotency keys over HTTP, and the store behind them."""

from typing import Any

import httpx
import pytest

from api.problems import NOT_READY, Refused
from api.writes.once import KEPT_MS, RUNNING_MS, Answered, Once
from api.writes.problems import NO_ENTRY
from revocation.pending import MemoryPending
from tests.api.running import ISSUER, Running
from tests.api.writes.callers import shown
from tests.api.writes.test_revoking import slug


def post(api: Running, key: str, by: str = "ann", path: str = "/v1/revocations", **body: Any) -> httpx.Response:
    """Ask for something with a key."""
    headers = shown(by) | {"Idempotency-Key": key}
    return api.http.post(path, json={"reason": "soc.test", "iss": ISSUER, **body}, headers=headers)


@pytest.mark.parametrize("key", ['"8e03978e-40d5"', "8e03978e-bare"])
def test_sent_again_it_is_answered_as_the_first_time(acted: Running, key: str) -> None:
    """Quoted or bare: the same status, body and headers, and nothing is done a second time."""
    first = post(acted, key, sid=f"once{len(key)}")
    told = len(acted.told)
    second = post(acted, key, sid=f"once{len(key)}")

    assert (first.status_code, first.content, first.headers["ETag"]) == (
        second.status_code,
        second.content,
        second.headers["ETag"],
    )
    assert (201, told) == (second.status_code, len(acted.told))


def test_quoted_and_bare_are_one_key(acted: Running) -> None:
    """The quotes are the header's, not the key's."""
    post(acted, '"twice"', sid="q1")

    assert 201 == post(acted, "twice", sid="q1").status_code


def test_another_request_needs_another_key(acted: Running) -> None:
    """The same key with another body: 422; of another caller it is another key."""
    post(acted, "mine", sid="a1")
    refused, others = post(acted, "mine", sid="a2"), post(acted, "mine", "bob", sid="a2")

    assert ((422, "other_payload"), 201) == ((refused.status_code, slug(refused)), others.status_code)


def test_a_refusal_is_an_answer(acted: Running) -> None:
    """What was not there is not there when it is asked again under the key, though it is there by now."""
    path = "/v1/revocations/release"
    first = post(acted, "gone", path=path, sid="r1")
    post(acted, "other", sid="r1")
    second = post(acted, "gone", path=path, sid="r1")

    assert [(404, "no_entry")] * 2 == [(told.status_code, slug(told)) for told in (first, second)]
    assert "application/problem+json" == second.headers["Content-Type"]


@pytest.mark.parametrize("key", ["", '""', '"open', "ä".encode().decode("latin-1"), "x" * 256, "a b"])
def test_what_is_no_key_is_refused(acted: Running, key: str) -> None:
    """400."""
    headers = [(name.encode(), value.encode()) for name, value in shown("ann").items()]
    headers.append((b"Idempotency-Key", key.encode("latin-1")))
    told = acted.http.post("/v1/revocations", json={"reason": "soc.test", "iss": ISSUER, "sid": "k"}, headers=headers)

    assert (400, "bad_request") == (told.status_code, slug(told))


class Clock:
    """A clock that is set."""

    now = 1_000_000

    def __call__(self) -> int:
        """Now."""
        return self.now


def test_what_runs_is_not_done_beside_itself() -> None:
    """While the first is under way the second is told so; after a minute it is taken for dead."""
    clock = Clock()
    once, done = Once(MemoryPending(), clock), []

    def work() -> Answered:
        done.append(clock.now)
        with pytest.raises(Refused, match="still_running"):
            once.answer("ann", "k", b"", lambda: Answered(200, b""))
        clock.now += RUNNING_MS
        return once.answer("ann", "k", b"", lambda: Answered(201, b"second"))

    assert (Answered(201, b"second"), 1) == (once.answer("ann", "k", b"", work), len(done))


def test_an_answer_is_forgotten_after_its_time() -> None:
    """A day later the key is a new one."""
    clock = Clock()
    once = Once(MemoryPending(), clock)
    answers = []
    for number in range(3):
        answers.append(once.answer("ann", "k", b"", lambda number=number: Answered(200, b"%d" % number)).body)  # type: ignore[misc]
        clock.now += KEPT_MS // 2

    assert [b"0", b"0", b"2"] == answers


@pytest.mark.parametrize(("problem", "again"), [(NOT_READY, b"done"), (NO_ENTRY, None)])
def test_only_what_the_request_deserved_is_kept(problem: Any, again: bytes | None) -> None:
    """A service that was not there is asked again; a refusal stands."""
    once = Once(MemoryPending(), Clock())

    def refuse() -> Answered:
        raise Refused(problem)

    with pytest.raises(Refused):
        once.answer("ann", "k", b"", refuse)
    second = once.answer("ann", "k", b"", lambda: Answered(200, b"done"))

    assert (again or NO_ENTRY.body()) == second.body
