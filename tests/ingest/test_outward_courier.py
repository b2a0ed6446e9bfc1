"""The courier takes what waits where it belongs: to streams that push, and to identity providers."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jwt
import msgspec
import pytest

from ingest.outward.courier import Courier
from ingest.outward.keys import Rotation, SigningKeys
from ingest.outward.letters import DEAD_QUEUE, Provider, buried
from ingest.outward.post import Poster
from ingest.outward.teller import Teller
from ingest.report import NotifyReport
from revocation.record import Scope
from revocation.ssf.events import SUPPORTED, News
from revocation.ssf.memory import MemoryStore
from revocation.ssf.receivers import Receiver as Terms
from revocation.ssf.streams import PUSH, Stream
from tests.news import ISS, identity
from tests.receiver import Receiver, receiving, refusal
from tests.servers.process import until

NOW = 1_767_323_045_000
ISSUER = "https://tokenward.example.com"
DAY_MS = 86_400_000


class Desk:
    """A courier with everything around it, whose clock is moved by hand."""

    def __init__(self, folder: Path, *providers: Provider, most_waiting: int = 100) -> None:
        self.now = NOW
        self.store = MemoryStore()
        self.keys = SigningKeys(folder / "keys", Rotation())
        self.outcomes: Counter[str] = Counter()
        self.terms = {"ann": Terms(name="ann", audience=("https://ann",))}
        shared: dict[str, Any] = {
            "store": self.store,
            "keys": self.keys,
            "issuer": ISSUER,
            "receivers": self.terms,
            "providers": providers,
        }
        self.teller = Teller(**shared, most_waiting=most_waiting)
        self.courier = Courier(
            **shared,
            teller=self.teller,
            poster=Poster(),
            clock=lambda: self.now,
            owner="notify-1",
            shown_ms=DAY_MS,
            most_age_ms=DAY_MS,
            on_report=self._count,
        )
        self.courier.show_keys()

    def _count(self, report: NotifyReport) -> None:
        self.outcomes.update(report.deliveries)

    def shown(self) -> dict[str, Any]:
        """The published keys."""
        return {"keys": self.store.published(self.now)}

    def open(self, url: str) -> Stream:
        """A stream that pushes there."""
        stream = Stream(id="s", receiver="ann", aud=("https://ann",), method=PUSH, url=url, requested=SUPPORTED)
        self.store.add(stream)
        return stream

    def tell(self, name: str, *, whole: bool = False) -> Counter[str]:
        """Something is revoked."""
        news = News(id=f"cause-{name}", at=self.now, what="revoked", identity=identity(name), whole=whole)
        return self.teller.tell(news, self.now)

    def carry(self, condition: Callable[[], bool]) -> None:
        """Let the courier look until `condition` holds."""

        def looked() -> bool:
            self.courier.turn()
            return condition()

        until(looked, "the courier")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A courier that knows no identity provider."""
    return Desk(tmp_path)


@contextmanager
def provider(folder: Path, **given: Any) -> Iterator[tuple[Desk, Receiver, list[Any]]]:
    """A courier and the identity provider that it tells; the bodies that have come."""
    bodies: list[Any] = []
    with receiving(dict) as receiver:

        def take(headers: dict[str, str], body: bytes) -> Any:
            receiver.requests.append((headers, ""))
            bodies.append(msgspec.json.decode(body))
            return receiver.bend(len(bodies)) or (204, {}, b"")

        receiver.take = take  # type: ignore[method-assign]
        yield Desk(folder, Provider(iss=ISS, endpoint=receiver.url, **given)), receiver, bodies


def test_what_fails_is_tried_again_later_and_in_order(desk: Desk) -> None:
    """A server error costs a pause, and the next SET does not overtake."""
    with receiving(desk.shown) as receiver:
        receiver.bend = lambda count: (503, {"Retry-After": "30"}, b"") if count == 1 else None
        desk.open(receiver.url)
        desk.tell("ann"), desk.tell("bob")
        desk.carry(lambda: desk.outcomes["server_error"] == 1)
        desk.now += 29_000
        desk.courier.turn()
        assert 1 == len(receiver.requests)
        desk.now += 1_000
        desk.carry(lambda: len(receiver.events) == 2)

    assert ["cause-ann", "cause-bob"] == [claims["txn"] for claims in receiver.events.values()]


def test_what_waited_too_long_is_a_dead_letter(desk: Desk) -> None:
    """Nobody is told after a week what was true then."""
    with receiving(desk.shown) as receiver:
        desk.open(receiver.url)
        desk.tell("ann")
        desk.now += DAY_MS
        desk.carry(lambda: desk.store.waiting(DEAD_QUEUE) == 1)
        assert [] == receiver.requests

    assert ["expired"] == [buried(item).reason for item in desk.store.first(DEAD_QUEUE, 5)]


def test_of_too_many_the_oldest_go(tmp_path: Path) -> None:
    """A queue is bounded, and what had to go says so."""
    desk = Desk(tmp_path, most_waiting=1)
    desk.open("https://nowhere.invalid/")
    desk.tell("ann"), desk.tell("bob")

    assert ["full"] == [buried(item).reason for item in desk.store.first(DEAD_QUEUE, 5)]
    assert 1 == desk.store.waiting("s")


def test_a_stream_without_a_receiver_is_told_nothing(desk: Desk) -> None:
    """Who is taken out of the settings hears nothing more."""
    desk.open("https://nowhere.invalid/")
    desk.terms.clear()

    assert {"unasked": 1} == desk.tell("ann")


def test_a_provider_ends_a_person_by_a_call_that_we_sign(tmp_path: Path) -> None:
    """Global Token Revocation: the subject in the body, and a JWT for this one endpoint and five minutes."""
    with provider(tmp_path) as (desk, receiver, bodies):
        desk.tell("ann", whole=True)
        desk.carry(lambda: bool(desk.outcomes["delivered"]))
        token = receiver.requests[0][0]["authorization"].removeprefix("Bearer ")
        key = jwt.PyJWK(desk.shown()["keys"][0])
        unchecked = {"verify_exp": False, "verify_iat": False}
        claims = jwt.decode(token, key, algorithms=["RS256"], audience=receiver.url, options=unchecked)  # type: ignore[arg-type]

    assert [{"sub_id": {"format": "iss_sub", "iss": ISS, "sub": "sub-ann"}}] == bodies
    assert ("global-token-revocation+jwt", 300) == (
        jwt.get_unverified_header(token)["typ"],
        claims["exp"] - claims["iat"],
    )


def test_a_provider_may_be_shown_a_credential_from_a_file(tmp_path: Path) -> None:
    """It is read at each call, so that it can be changed; and the member may have its old name."""
    secret = tmp_path / "secret"
    secret.write_text("word\n")
    with provider(tmp_path, credential_file=str(secret), member="subject") as (desk, receiver, bodies):
        desk.tell("ann", whole=True)
        desk.carry(lambda: bool(bodies))

    assert ("Bearer word", ["subject"]) == (receiver.requests[0][0]["authorization"], list(bodies[0]))


@pytest.mark.parametrize(("whole", "scopes", "queued"), [(False, {Scope.SUBJECT}, 0), (False, {Scope.FAMILY}, 1)])
def test_a_provider_ends_a_person_for_a_session_only_where_asked(
    tmp_path: Path, whole: bool, scopes: set[Scope], queued: int
) -> None:
    """One stolen session ends all of the person's only by an explicit setting."""
    desk = Desk(tmp_path, Provider(iss=ISS, endpoint="https://nowhere.invalid/", scopes=frozenset(scopes)))

    assert queued == desk.tell("ann", whole=whole)["queued"]


def test_a_person_whom_the_provider_does_not_know_is_set_aside(tmp_path: Path) -> None:
    """404 is final for this one, and says nothing of the next."""
    with provider(tmp_path) as (desk, receiver, bodies):
        receiver.bend = lambda count: refusal("x", 404) if count == 1 else None
        desk.tell("ann", whole=True), desk.tell("bob", whole=True)
        desk.carry(lambda: len(bodies) == 2)

    assert {"unknown_user": 1, "delivered": 1} == desk.outcomes
