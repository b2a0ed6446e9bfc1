"""Transmitter to receiver, on real servers: every event once, though who sends it is killed in the middle."""

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jwt as pyjwt
import pytest
from fastapi import FastAPI, Request
from kafka import KafkaProducer
from redis import Redis

from api.access.principal import Principal, Verb
from api.protocols.inbound import InboundSettings
from api.protocols.ssf.desk import Desk
from api.protocols.ssf.routes import ssf_routes
from api.protocols.ssf.transmitter import Transmitter
from api.protocols.transmitters import TrustedTransmitter
from api.server import serving
from api.trust import TrustedIssuer
from ingest.sink import Message
from revocation.record import Scope, State, digester
from revocation.secevents import Transmitter as Heard
from revocation.ssf.events import SUPPORTED
from revocation.ssf.receivers import Receiver as Terms
from revocation.ssf.redis import RedisStore
from revocation.ssf.streams import PUSH
from tests.api.running import KEY as OTHERS_KEY
from tests.api.running import running
from tests.news import ISS, KEY, SEAL, SEAL_KEY, alert, identity, released
from tests.receiver import ACCEPTED, Receiver, receiving, refusal
from tests.rig import Names, clock
from tests.servers.process import end, until

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
ISSUER = "https://tokenward.example.com"
STREAMS = "/v1/ssf/streams"


class Notifier:
    """The program `tokenward notify`, started and killed at will."""

    def __init__(self, names: Names, redis_url: str, folder: Path, more: str) -> None:
        self._config, self._log = folder / "tokenward.toml", folder / "notify.log"
        self._config.write_text(f"""\
            digest_key = "{KEY.decode()}"
            [kafka]
            bootstrap_servers = "{names.bootstrap}"
            consumer = {{ fetch_max_wait_ms = 100 }}
            [redis]
            url = "{redis_url}"
            [topics]
            alerts = "{names.alerts}"
            revocations = "{names.revocations}"
            dead_letters = "{names.dead_letters}"
            [notify]
            key = "{SEAL_KEY}"
            group_id = "{names.group}"
            keys_path = "{folder / "keys"}"
            [metrics]
            notify_port = 0
            [ssf]
            issuer = "{ISSUER}"
            [ssf.receivers.ann]
            audience = ["https://ann"]
            push_hosts = ["127.0.0.1"]
            {more}
            """)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it."""
        command = [sys.executable, "-m", "tokenward", "notify", "--config", str(self._config)]
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )

    def kill(self) -> None:
        """End it as a crash does."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def log(self) -> str:
        """What it said."""
        return self._log.read_text()

    def close(self) -> None:
        """End it politely."""
        if self.process is not None:
            end(self.process)


class Scene:
    """Topics, a transmitter of two processes, and a client that is the receiver ann."""

    def __init__(self, names: Names, notifier: Notifier, client: httpx.Client, store: RedisStore) -> None:
        self.names = names
        self.notifier = notifier
        self.client = client
        self.store = store

    def keys(self) -> dict[str, Any]:
        """The transmitter's key set, as anybody gets it."""
        found: dict[str, Any] = self.client.get("/v1/ssf/jwks").json()
        return found

    def open(self, **asked: Any) -> str:
        """Open a stream of all events; its id."""
        answer = self.client.post(STREAMS, json={"events_requested": list(SUPPORTED), **asked})
        return str(answer.json()["stream_id"])

    def status(self, stream_id: str) -> Any:
        """How the stream stands."""
        return self.client.get(f"/v1/ssf/status?stream_id={stream_id}").json()

    def tell(self, topic: str, *messages: Message) -> None:
        """Write what the worker or the registry says."""
        producer = KafkaProducer(bootstrap_servers=self.names.bootstrap)
        try:
            for message in messages:
                sent = producer.send(topic, message.value, key=message.key, headers=list(message.headers))
                sent.get(timeout=30)
        finally:
            producer.close()

    def wait(self, condition: Any, what: str) -> None:
        """Wait until `condition` holds; what `notify` said is told where it does not."""
        try:
            until(condition, what, 60)
        except TimeoutError as error:
            raise TimeoutError(f"{error}\n{self.notifier.log()[-3000:]}") from None


@pytest.fixture
def scene(kafka_bootstrap: str, redis_url: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Scene]:
    """A transmitter whose `notify` has not been started yet."""
    names = Names(kafka_bootstrap)
    names.create(1)
    notifier = Notifier(names, redis_url, tmp_path, getattr(request, "param", ""))
    client = Redis.from_url(redis_url, socket_timeout=5)
    store = RedisStore(client, SEAL)
    terms = {"ann": Terms(name="ann", audience=("https://ann",), push_hosts=frozenset({"127.0.0.1"}))}
    transmitter = Transmitter(issuer=ISSUER, base_url=ISSUER, receivers=terms, poll_lease_s=1, poll_wait_s=2)
    app = FastAPI()
    app.include_router(ssf_routes(Desk(store, transmitter, clock)))

    @app.middleware("http")
    async def known(asked: Request, call_next: Any) -> Any:
        """What is known by then."""
        asked.state.principal = Principal(name="ann", kind="key", verbs=frozenset(Verb), issuers=None)
        return await call_next(asked)

    with serving(app) as address, httpx.Client(base_url=address.url, timeout=10) as asking:
        try:
            yield Scene(names, notifier, asking, store)
        finally:
            notifier.close()
            client.close()


def pushed(receiver: Receiver, **more: str) -> dict[str, Any]:
    """The delivery of a stream that is pushed to the receiver."""
    return {"delivery": {"method": PUSH, "endpoint_url": receiver.url, **more}}


def test_every_event_arrives_once_though_the_sender_is_killed(scene: Scene) -> None:
    """It dies by SIGKILL while a SET is under way; its successor sends what was not answered, under the same `jti`."""
    people = [f"p{number}" for number in range(30)]
    reached, over = threading.Event(), threading.Event()

    def hesitate(count: int) -> Any:
        if count == 10:
            reached.set()
            over.wait(60)
            return ACCEPTED  # to nobody, and it is not kept: the sender is dead
        return None

    with receiving(scene.keys) as receiver:
        receiver.bend = hesitate
        scene.open(**pushed(receiver, authorization_header="Bearer of ann"))
        scene.notifier.start()
        at = clock()
        scene.tell(scene.names.alerts, *(alert(name, at) for name in people[:20]))
        assert reached.wait(60), scene.notifier.log()
        scene.notifier.kill()
        over.set()
        scene.tell(scene.names.alerts, *(alert(name, at) for name in people[20:]))
        scene.notifier.start()
        scene.wait(lambda: len(receiver.events) >= 30, "all events")

    assert sorted(f"sid-{name}" for name in people) == sorted(
        claims["sub_id"]["session"]["id"] for claims in receiver.of("session-revoked")
    )
    twice = [jti for _, jti in receiver.requests]
    assert {"Bearer of ann"} == {headers["authorization"] for headers, _ in receiver.requests}
    assert 30 == len(set(twice))


def test_a_polled_set_is_what_every_library_takes(scene: Scene) -> None:
    """Polled, verified by PyJWT against the published keys, refused by nobody, and gone once it is acknowledged."""
    stream_id = scene.open()
    scene.notifier.start()
    scene.tell(scene.names.alerts, alert("ann", at := clock()))
    scene.wait(lambda: bool(scene.store.waiting(stream_id)), "a SET")
    ((jti, token),) = scene.client.post(f"/v1/ssf/poll/{stream_id}", json={}).json()["sets"].items()
    key = pyjwt.PyJWKSet.from_dict(scene.keys())[pyjwt.get_unverified_header(token)["kid"]]
    claims = pyjwt.decode(token, key, algorithms=["RS256"], audience="https://ann", issuer=ISSUER)
    after = scene.client.post(f"/v1/ssf/poll/{stream_id}", json={"ack": [jti], "returnImmediately": True}).json()

    assert (jti, f"alert-ann-{at}", {"sets": {}}) == (claims["jti"], claims["txn"], after)
    assert set() == claims.keys() & {"sub", "exp"}
    assert {
        "format": "complex",
        "session": {"format": "opaque", "id": "sid-ann"},
        "user": {"format": "iss_sub", "iss": ISS, "sub": "sub-ann"},
    } == claims["sub_id"]


def test_a_quarantine_raises_the_risk_and_its_release_lowers_it(scene: Scene) -> None:
    """Nothing is ended for somebody who only has to sign in again; and a release is told to whom was told before."""
    with receiving(scene.keys) as receiver:
        scene.open(**pushed(receiver))
        scene.notifier.start()
        scene.tell(scene.names.alerts, alert("ann", at := clock(), State.QUARANTINED))
        scene.wait(lambda: len(receiver.events) == 1, "the quarantine")
        scene.tell(scene.names.revocations, released("bob", at, at + 5), released("ann", at, at + 5))
        scene.wait(lambda: len(receiver.events) == 2, "the release")

    assert [("HIGH", "SESSION"), ("LOW", "SESSION")] == [
        (event["current_level"], event["principal"])
        for claims in receiver.of("risk-level-change")
        for event in claims["events"].values()
    ]
    assert {identity("ann").sid} == {claims["sub_id"]["session"]["id"] for claims in receiver.events.values()}


def test_what_nobody_takes_becomes_a_dead_letter(scene: Scene) -> None:
    """A SET that the receiver cannot read is set aside sealed, with the reason; the next one goes on."""
    with receiving(scene.keys) as receiver:
        receiver.bend = lambda count: refusal("invalid_request") if count == 1 else None
        scene.open(**pushed(receiver))
        scene.notifier.start()
        scene.tell(scene.names.alerts, alert("ann", clock()), alert("bob", clock()))
        scene.wait(lambda: bool(receiver.events and scene.names.letters()), "the dead letter")
    ((value, reason),) = scene.names.letters()

    assert ("invalid_request", ["sid-bob"]) == (
        reason,
        [claims["sub_id"]["session"]["id"] for claims in receiver.of("session-revoked")],
    )
    assert b"ann" not in (value or b"")


def test_a_receiver_that_lets_nothing_pass_is_held_and_told_so(scene: Scene) -> None:
    """The stream is paused with its reason, keeps what waits, and says `stream-updated` when it goes on."""
    with receiving(scene.keys) as receiver:
        receiver.bend = lambda _count: refusal("authentication_failed")
        stream_id = scene.open(**pushed(receiver))
        scene.notifier.start()
        scene.tell(scene.names.alerts, alert("ann", clock()))
        scene.wait(lambda: scene.status(stream_id)["status"] == "paused", "the pause")
        receiver.bend = lambda _count: None
        scene.client.post("/v1/ssf/status", json={"stream_id": stream_id, "status": "enabled"})
        scene.wait(lambda: len(receiver.events) == 2, "both events")

    assert 1 == len(receiver.of("session-revoked"))
    assert [{"format": "opaque", "id": stream_id}] == [claims["sub_id"] for claims in receiver.of("stream-updated")]


def test_a_verification_event_carries_the_state(scene: Scene) -> None:
    """What was asked for over HTTP is signed by `notify` and pushed like everything else."""
    with receiving(scene.keys) as receiver:
        stream_id = scene.open(**pushed(receiver))
        scene.notifier.start()
        scene.client.post("/v1/ssf/verify", json={"stream_id": stream_id, "state": "VGhpcw"})
        scene.wait(lambda: bool(receiver.events), "the verification")
    (claims,) = receiver.of("verification")

    assert {"state": "VGhpcw"} == next(iter(claims["events"].values()))
    assert {"format": "opaque", "id": stream_id} == claims["sub_id"]


def test_two_tokenwards_tell_each_other_once(scene: Scene) -> None:
    """What one decided the other refuses, each decision applied once, though the one was killed in the middle."""
    people = [f"q{number}" for number in range(12)]
    trust = TrustedTransmitter(
        says=Heard(iss=ISSUER, audiences=("https://ann",), issuers=(ISS,)),
        keys=TrustedIssuer(iss=ISSUER, jwks_uri=f"{scene.client.base_url}/v1/ssf/jwks", jwks_least_s=0.2),
    )
    with running(check_clock=clock, protocols=InboundSettings(transmitters=(trust,))) as other:
        scene.open(delivery={"method": PUSH, "endpoint_url": f"{other.address.url}/v1/ssf/events"})
        scene.notifier.start()
        at = clock()
        scene.tell(scene.names.alerts, *(alert(name, at) for name in people[:8]))
        scene.wait(lambda: len(other.told) >= 3, "some of the events")
        scene.notifier.kill()
        scene.tell(scene.names.alerts, *(alert(name, at) for name in people[8:]))
        scene.notifier.start()
        scene.wait(lambda: len(other.told) >= len(people), "all events")
        expected = {digester(OTHERS_KEY, Scope.FAMILY, ISS)(f"sid-{name}") for name in people}

    assert expected == {change.entry.subject.digest for change in other.told}
    assert len(people) == len(other.told) == len([event for event in other.trail.events if event.action == "revoke"])
