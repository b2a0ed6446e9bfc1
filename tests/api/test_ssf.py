"""The transmitter's calls, as SSF 1.0 (sections 7 and 8) and RFC 8936 word them."""

from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import pytest
from fastapi import FastAPI, Request

from api.access.principal import Principal, Verb
from api.protocols.ssf.desk import Desk
from api.protocols.ssf.routes import ssf_routes
from api.protocols.ssf.transmitter import Transmitter
from api.server import serving
from revocation.ssf.events import RISK_LEVEL_CHANGE, SESSION_REVOKED, SUPPORTED
from revocation.ssf.memory import MemoryStore
from revocation.ssf.receivers import Receiver
from revocation.ssf.store import Item
from revocation.ssf.streams import POLL, PUSH

ISSUER = "https://tokenward.example.com/acme"
BASE = "https://tokenward.example.com"
ENDPOINT = "https://receiver.example.com/events"
DELIVERY = {"method": PUSH, "endpoint_url": ENDPOINT, "authorization_header": "Bearer secret"}
ASKED = {"events_requested": [SESSION_REVOKED, "urn:example:unknown"], "description": "Ours", "delivery": DELIVERY}
STREAMS, STATUS, VERIFY = "/v1/ssf/streams", "/v1/ssf/status", "/v1/ssf/verify"


class Bench:
    """The routes with a store in memory, and the receivers ann and bob; `now` is moved by hand."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.now = 1_000_000
        receivers = {
            name: Receiver(name=name, audience=(f"https://{name}",), push_hosts=frozenset({"receiver.example.com"}))
            for name in ("ann", "bob")
        }
        self.transmitter = Transmitter(issuer=ISSUER, base_url=BASE, receivers=receivers, poll_wait_s=0)
        self.refused: list[str] = []
        app = FastAPI()
        app.include_router(ssf_routes(Desk(self.store, self.transmitter, lambda: self.now), self.refused.append))

        @app.middleware("http")
        async def known(request: Request, call_next: Any) -> Any:
            """What is known by then."""
            verbs = frozenset(Verb) if "weak" not in request.headers else frozenset({Verb.SSF_READ})
            name = request.headers.get("who", "ann")
            request.state.principal = Principal(name=name, kind="key", verbs=verbs, issuers=None)
            return await call_next(request)

        self.app = app
        self.client = httpx.Client()

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Send it; the answer."""
        return self.client.request(method, path, json=body, headers=headers)

    def opened(self, asked: Any = None, who: str = "ann") -> str:
        """The id of a new stream of ann's."""
        answer = self.ask("POST", STREAMS, ASKED if asked is None else asked, who=who)
        assert 201 == answer.status_code
        return str(answer.json()["stream_id"])


@pytest.fixture(scope="module")
def served() -> Iterator[Bench]:
    """The routes behind a server."""
    made = Bench()
    with serving(made.app) as address, httpx.Client(base_url=address.url) as made.client:
        yield made


@pytest.fixture
def bench(served: Bench) -> Bench:
    """A transmitter of which nobody has asked anything."""
    for stream in served.store.streams():
        served.store.remove(stream.id)
    served.refused.clear()
    return served


def test_metadata_stands_at_the_inserted_path(bench: Bench) -> None:
    """The well-known path comes before the issuer's own, and says where everything is."""
    answer = bench.ask("GET", "/.well-known/ssf-configuration/acme")

    assert {
        "spec_version": "1_0",
        "issuer": ISSUER,
        "jwks_uri": f"{BASE}/v1/ssf/jwks",
        "delivery_methods_supported": [PUSH, POLL],
        "configuration_endpoint": f"{BASE}/v1/ssf/streams",
        "status_endpoint": f"{BASE}/v1/ssf/status",
        "add_subject_endpoint": f"{BASE}/v1/ssf/subjects/add",
        "remove_subject_endpoint": f"{BASE}/v1/ssf/subjects/remove",
        "verification_endpoint": f"{BASE}/v1/ssf/verify",
        "authorization_schemes": [{"spec_urn": "urn:ietf:rfc:6749"}],
        "default_subjects": "ALL",
    } == answer.json()


def test_a_stream_is_created_with_what_the_receiver_may_say(bench: Bench) -> None:
    """The answer is the whole configuration, and never the secret that was given."""
    answer = bench.ask("POST", STREAMS, ASKED)
    told = answer.json()

    assert (201, "no-store") == (answer.status_code, answer.headers["cache-control"])
    assert {
        "iss": ISSUER,
        "aud": "https://ann",
        "events_supported": list(SUPPORTED),
        "events_requested": [SESSION_REVOKED, "urn:example:unknown"],
        "events_delivered": [SESSION_REVOKED],
        "delivery": {"method": PUSH, "endpoint_url": ENDPOINT},
        "min_verification_interval": 60,
        "description": "Ours",
    } == {name: value for name, value in told.items() if name != "stream_id"}


def test_without_delivery_a_stream_is_polled(bench: Bench) -> None:
    """Polling is assumed, at an address that is the stream's own."""
    told = bench.ask("POST", STREAMS, {"events_requested": [SESSION_REVOKED]}).json()

    assert {"method": POLL, "endpoint_url": f"{BASE}/v1/ssf/poll/{told['stream_id']}"} == told["delivery"]


@pytest.mark.parametrize(
    "asked",
    [
        {"delivery": {"method": "urn:example:carrier-pigeon"}},
        {"delivery": {"method": PUSH}},
        {"delivery": {"method": PUSH, "endpoint_url": "http://receiver.example.com/events"}},
        {"delivery": {"method": PUSH, "endpoint_url": "https://elsewhere.example.com/events"}},
        {"delivery": {"method": PUSH, "endpoint_url": "https://169.254.169.254/latest"}},
        {"delivery": {"method": PUSH, "endpoint_url": "https://user@receiver.example.com/"}},
        {"delivery": {"method": PUSH, "endpoint_url": "https://[receiver.example.com/"}},
        {"delivery": {"method": PUSH, "endpoint_url": "https://receiver.example.com/\r\nx"}},
        {"delivery": DELIVERY | {"authorization_header": "a\r\nb: c"}},
        {"delivery": "push"},
        {"events_requested": "all"},
        {"description": 7},
    ],
)
def test_what_cannot_be_a_stream_is_refused(bench: Bench, asked: Any) -> None:
    """400 with a code and a sentence, and nothing of what was sent."""
    answer = bench.ask("POST", STREAMS, asked)

    assert (400, "invalid_request", "en") == (
        answer.status_code,
        answer.json()["err"],
        answer.headers["content-language"],
    )
    assert [] == bench.store.streams()


def test_there_may_be_so_many_streams(bench: Bench) -> None:
    """One more than a receiver may have is a conflict; it says so before anything is kept."""
    for _ in range(bench.transmitter.streams_each):
        bench.opened()

    assert 409 == bench.ask("POST", STREAMS, ASKED).status_code
    assert 201 == bench.ask("POST", STREAMS, ASKED, who="bob").status_code


def test_streams_are_read_as_an_array(bench: Bench) -> None:
    """Without an id all of the caller's come, and an empty array where there are none."""
    stream_id = bench.opened()

    assert [stream_id] == [one["stream_id"] for one in bench.ask("GET", STREAMS).json()]
    assert [] == bench.ask("GET", STREAMS, who="bob").json()
    assert stream_id == bench.ask("GET", f"{STREAMS}?stream_id={stream_id}").json()["stream_id"]


CALLS = [
    ("GET", "/v1/ssf/streams?stream_id={}", None),
    ("DELETE", "/v1/ssf/streams?stream_id={}", None),
    ("GET", "/v1/ssf/status?stream_id={}", None),
    ("PATCH", STREAMS, {}),
    ("PUT", STREAMS, {}),
    ("POST", STATUS, {"status": "paused"}),
    ("POST", "/v1/ssf/subjects/add", {"subject": {"format": "email", "email": "a@example.com"}}),
    ("POST", "/v1/ssf/subjects/remove", {"subject": {"format": "email", "email": "a@example.com"}}),
    ("POST", VERIFY, {}),
    ("POST", "/v1/ssf/poll/{}", {}),
]


def called(bench: Bench, call: tuple[str, str, Any], stream_id: str, **headers: str) -> Any:
    """Make the call about that stream."""
    method, path, body = call
    named = None if body is None else {"stream_id": stream_id, **body}
    return bench.ask(method, path.format(stream_id), named, **headers)


@pytest.mark.parametrize("call", CALLS)
def test_another_receivers_stream_is_not_there(bench: Bench, call: tuple[str, str, Any]) -> None:
    """404, and word for word what is said of a stream that nobody has."""
    stream_id = bench.opened()
    foreign, missing = called(bench, call, stream_id, who="bob"), called(bench, call, "nothing", who="bob")

    assert (404, missing.content) == (foreign.status_code, foreign.content)
    assert 1 == len(bench.store.streams())


@pytest.mark.parametrize("call", [call for call in CALLS if call[0] != "GET" and "poll" not in call[1]])
def test_who_may_only_read_changes_nothing(bench: Bench, call: tuple[str, str, Any]) -> None:
    """403 for a caller without the right to manage streams."""
    stream_id = bench.opened()

    assert 403 == called(bench, call, stream_id, weak="yes").status_code


@pytest.mark.parametrize("call", [*CALLS, ("POST", STREAMS, {})])
def test_who_is_no_receiver_is_denied(bench: Bench, call: tuple[str, str, Any]) -> None:
    """403 for a principal to whom the settings tell nothing."""
    assert 403 == called(bench, call, "nothing", who="stranger").status_code


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_form_is_looked_at_before_the_stream(bench: Bench, method: str) -> None:
    """A body that is no object is 400, whatever stream is meant (SSF issue 319)."""
    assert [400, 400] == [bench.ask(method, STREAMS, body).status_code for body in (["x"], {"description": "Ours"})]


def test_patch_changes_what_is_sent(bench: Bench) -> None:
    """Everything else stays, the secret too; members of the transmitter may come along as they were read."""
    stream_id = bench.opened()
    read = bench.ask("GET", f"{STREAMS}?stream_id={stream_id}").json()
    answer = bench.ask("PATCH", STREAMS, {**read, "events_requested": [RISK_LEVEL_CHANGE]})
    (kept,) = bench.store.streams()

    assert (200, [RISK_LEVEL_CHANGE], "Ours") == (
        answer.status_code,
        answer.json()["events_delivered"],
        answer.json()["description"],
    )
    assert (ENDPOINT, "Bearer secret") == (kept.url, kept.authorization)


@pytest.mark.parametrize("member", [{"aud": "https://else"}, {"iss": "https://else"}, {"events_delivered": []}])
@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_members_of_the_transmitter_are_not_changed(bench: Bench, method: str, member: dict[str, Any]) -> None:
    """Sent with another value they are a bad request, and nothing changes."""
    stream_id = bench.opened()
    answer = bench.ask(method, STREAMS, {"stream_id": stream_id, "description": "Theirs", **member})

    assert (400, "Ours") == (answer.status_code, bench.store.streams()[0].description)


def test_put_deletes_what_is_left_out(bench: Bench) -> None:
    """The description is gone, nothing is asked for, and delivery is by polling again."""
    stream_id = bench.opened()
    told = bench.ask("PUT", STREAMS, {"stream_id": stream_id}).json()

    assert ([], POLL, False) == (told["events_requested"], told["delivery"]["method"], "description" in told)


def test_a_secret_goes_to_no_other_address(bench: Bench) -> None:
    """Where the address changes and no header is sent, the old header is forgotten."""
    stream_id = bench.opened()
    delivery = {"method": PUSH, "endpoint_url": f"{ENDPOINT}/new"}
    bench.ask("PATCH", STREAMS, {"stream_id": stream_id, "delivery": delivery})

    assert "" == bench.store.streams()[0].authorization


def test_a_deleted_stream_is_gone(bench: Bench) -> None:
    """204 without a body, and then nobody has it."""
    stream_id = bench.opened()
    answer = bench.ask("DELETE", f"{STREAMS}?stream_id={stream_id}")

    assert (204, b"") == (answer.status_code, answer.content)
    assert 404 == bench.ask("GET", f"{STREAMS}?stream_id={stream_id}").status_code


def test_status_is_read_as_it_was_set(bench: Bench) -> None:
    """Paused keeps what waits, with its reason; disabled forgets it."""
    stream_id = bench.opened()
    bench.store.put(stream_id, Item("a", 0, b"set"), 5)
    paused = {"stream_id": stream_id, "status": "paused", "reason": "Maintenance"}
    assert (200, paused) == ((answer := bench.ask("POST", STATUS, paused)).status_code, answer.json())
    assert (paused, 1) == (bench.ask("GET", f"{STATUS}?stream_id={stream_id}").json(), bench.store.waiting(stream_id))
    bench.ask("POST", STATUS, {"stream_id": stream_id, "status": "disabled"})

    assert 0 == bench.store.waiting(stream_id)
    assert 400 == bench.ask("POST", STATUS, {"stream_id": stream_id, "status": "sleeping"}).status_code


def test_subjects_are_added_and_removed(bench: Bench) -> None:
    """200 and 204, both empty, and twice is once; a subject that is none is refused."""
    stream_id = bench.opened()
    body = {"stream_id": stream_id, "subject": {"format": "email", "email": "a@example.com"}, "verified": True}
    removed = [bench.ask("POST", "/v1/ssf/subjects/remove", body) for _ in range(2)]
    assert [(204, b"")] * 2 == [(answer.status_code, answer.content) for answer in removed]
    assert 1 == len(bench.store.streams()[0].subjects)
    added = bench.ask("POST", "/v1/ssf/subjects/add", body)

    assert (200, b"", ()) == (added.status_code, added.content, bench.store.streams()[0].subjects)
    assert 400 == bench.ask("POST", "/v1/ssf/subjects/add", body | {"subject": {"format": "email"}}).status_code


def test_verification_is_wished_for_once_an_interval(bench: Bench) -> None:
    """204 at first, 429 with the seconds that are left when asked too soon, and 204 again after them."""
    stream_id = bench.opened()
    body = {"stream_id": stream_id, "state": "VGhpcw"}
    first, second = bench.ask("POST", VERIFY, body), bench.ask("POST", VERIFY, body)
    bench.now += 60_000
    third = bench.ask("POST", VERIFY, body)

    assert [204, 429, 204] == [answer.status_code for answer in (first, second, third)]
    assert ("60", ["VGhpcw", "VGhpcw"]) == (
        second.headers["retry-after"],
        [wish.text for wish in bench.store.streams()[0].wishes],
    )


def polled(bench: Bench, stream_id: str, **asked: Any) -> Any:
    """Poll the stream; the answer's JSON."""
    return bench.ask("POST", f"/v1/ssf/poll/{stream_id}", {"returnImmediately": True, **asked}).json()


def test_sets_come_until_they_are_acknowledged(bench: Bench) -> None:
    """What was given comes again after its lease; what was acknowledged or refused is finished."""
    stream_id = bench.opened({"events_requested": [SESSION_REVOKED]})
    for name in "abc":
        bench.store.put(stream_id, Item(name, bench.now, name.encode()), 5)

    assert {"sets": {"a": "a", "b": "b"}, "moreAvailable": True} == polled(bench, stream_id, maxEvents=2)
    assert {"sets": {"c": "c"}} == polled(bench, stream_id, ack=["a"])
    assert {"sets": {}} == polled(bench, stream_id)
    bench.now += 60_000
    assert {"sets": {"c": "c"}} == polled(bench, stream_id, setErrs={"b": {"err": "invalid_key", "description": "?"}})
    assert ["invalid_key"] == bench.refused


def test_only_acknowledging_takes_nothing(bench: Bench) -> None:
    """`maxEvents` 0 gives no SETs, and says that there are some (RFC 8936, section 2.4.2)."""
    stream_id = bench.opened({"events_requested": [SESSION_REVOKED]})
    bench.store.put(stream_id, Item("a", bench.now, b"a"), 5)

    assert {"sets": {}, "moreAvailable": True} == polled(bench, stream_id, maxEvents=0)
    assert {"sets": {"a": "a"}} == polled(bench, stream_id)


def test_a_paused_stream_gives_nothing(bench: Bench) -> None:
    """It keeps what waits until it goes on."""
    stream_id = bench.opened({"events_requested": [SESSION_REVOKED]})
    bench.store.put(stream_id, Item("a", bench.now, b"a"), 5)
    bench.ask("POST", STATUS, {"stream_id": stream_id, "status": "paused"})
    assert {"sets": {}} == polled(bench, stream_id)
    bench.ask("POST", STATUS, {"stream_id": stream_id, "status": "enabled"})

    assert {"sets": {"a": "a"}} == polled(bench, stream_id)


@pytest.mark.parametrize(
    "asked", [{"maxEvents": -1}, {"maxEvents": True}, {"returnImmediately": 1}, {"ack": "a"}, {"setErrs": {"a": 1}}]
)
def test_a_bad_poll_is_refused(bench: Bench, asked: Any) -> None:
    """400 (RFC 8936, section 2.5.1)."""
    stream_id = bench.opened({})

    assert 400 == bench.ask("POST", f"/v1/ssf/poll/{stream_id}", asked).status_code


def test_keys_are_shown_as_json(bench: Bench) -> None:
    """A key set of those that are published now."""
    bench.store.publish({"1": {"kid": "1", "kty": "RSA"}}, bench.now, bench.now + 1)
    answer = bench.ask("GET", "/v1/ssf/jwks")

    assert ("application/json", {"keys": [{"kid": "1", "kty": "RSA"}]}) == (
        answer.headers["content-type"],
        answer.json(),
    )


def test_a_long_body_is_refused(bench: Bench) -> None:
    """413, whatever it holds."""
    body = msgspec.json.encode({"description": "x" * 70_000})

    assert 413 == bench.client.post(STREAMS, content=body).status_code
