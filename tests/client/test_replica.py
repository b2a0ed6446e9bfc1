"""The replica in a gateway's own process, fed by a real API."""

import asyncio
import subprocess
import sys
import threading

import pytest

from revocation.claims import Claims
from revocation.memory import MemoryRegistry
from revocation.record import Scope, State
from tests.api.running import ISSUER, KEY, NOW, Running, entry, running
from tests.client.between import between
from tests.client.following import decision, denies, learns, when
from tokenward.client import Replica

HEAVY = ("numpy", "redis", "fastapi", "starlette", "kafka", "pydantic", "prometheus_client", "urllib3", "detector")


def test_knows_what_was_and_what_comes(api: Running) -> None:
    """What was decided before the start is in the snapshot, what is decided and released later in the changes."""
    api.refuse(entry("before"))
    with Replica(api.address.url, KEY) as replica:
        assert replica.wait_ready(10)
        assert ("deny", "allow") == (decision(replica, "before"), decision(replica, "later"))
        api.refuse(entry("later"))
        learns(replica, "later")
        api.registry.release([entry("before").subject], NOW, "ann")
        when(lambda: decision(replica, "before") == "allow", "the release")

    status = replica.status
    assert (True, False, 1, "e1:3", 0, 0, None) == (
        status.ready,
        status.stale,
        status.entries,
        status.position,
        status.resyncs,
        status.failures,
        status.trouble,
    )


def test_takes_a_payload_as_it_takes_claims(api: Running) -> None:
    """A JWT's payload with the key's id and the address beside it is asked as `Claims` are."""
    api.refuse(entry("k1", Scope.KEY, State.REVOKED), entry("client-1", Scope.CLIENT, State.QUARANTINED))
    with Replica(api.address.url, KEY.hex()[:32].encode()) as stranger, Replica([api.address.url], KEY) as replica:
        assert replica.wait_ready(10)
        assert stranger.wait_ready(10)

        payload: dict[str, object] = {"iss": ISSUER, "azp": "client-1", "iat": "soon"}
        assert ["step_up", "deny", "step_up", "allow"] == [
            replica.check(payload).decision,
            replica.check(payload, kid="k1", ip="203.0.113.7").decision,
            replica.check(Claims(iss=ISSUER, client_id="client-1")).decision,
            stranger.check(payload).decision,
        ]


def test_follows_all_shards() -> None:
    """A registry of several shards is one to the replica, whose name tells the servers how far it is."""
    shards = [MemoryRegistry(f"e{number}") for number in range(3)]
    with running(shards=shards) as api, Replica(api.address.url, KEY, name="gateway-1") as replica:
        assert replica.wait_ready(10)
        api.tell(*(entry(f"s{number}") for number in range(20)))
        learns(replica, *(f"s{number}" for number in range(20)))

        assert ("e0.e1.e2", 20) == (
            replica.position and replica.position.epoch,
            replica.position and replica.position.seq,
        )


def test_long_snapshots_and_long_pages_are_whole(api: Running) -> None:
    """More entries than one page of changes holds arrive, in the snapshot and after it."""
    api.refuse(*(entry(f"old{number}") for number in range(2500)))
    with Replica(api.address.url, KEY) as replica:
        assert replica.wait_ready(10)
        assert denies(replica, "old0", "old2499")
        api.refuse(*(entry(f"new{number}") for number in range(2500)))
        learns(replica, "new0", "new2499")

    assert 5000 == replica.status.entries


def test_stops_in_the_middle_of_a_long_poll(api: Running) -> None:
    """Stopping ends the wait on the server, answers go on, and it may be started again."""
    with between(api.address) as proxy, Replica(proxy.url, KEY) as replica:
        assert replica.wait_ready(10)
        when(lambda: "wait=25" in proxy.asked[-1], "the long poll")
        replica.stop()
        stopped = "tokenward-replica" in {thread.name for thread in threading.enumerate()}
        api.refuse(entry("meanwhile"))
        replica.start()
        learns(replica, "meanwhile")

    assert (False, True) == (stopped, replica.ready)


def test_stops_while_a_server_says_nothing(api: Running) -> None:
    """Stopping does not wait for a snapshot that does not come."""
    with between(api.address) as proxy:
        proxy.speaks.clear()
        replica = Replica(proxy.url, KEY)
        replica.start()
        when(lambda: len(proxy.asked) == 1, "the request")
        replica.stop()

        assert "tokenward-replica" not in {thread.name for thread in threading.enumerate()}
        assert (False, True, None) == (replica.ready, replica.stale, replica.age_ms)


def test_starts_once(api: Running) -> None:
    """A second start while it follows is refused; stopping without a start, or twice, does nothing."""
    replica = Replica(api.address.url, KEY)
    replica.stop()
    with replica:
        with pytest.raises(RuntimeError, match="follows already"):
            replica.start()
        replica.stop()

    assert not replica.status.failures


async def _within_an_event_loop(url: str) -> tuple[bool, str]:
    async with Replica(url, KEY) as replica:
        return await replica.until_ready(10), decision(replica, "before")


def test_serves_an_event_loop(api: Running) -> None:
    """`async with` and `until_ready` do the same without blocking the loop."""
    api.refuse(entry("before"))

    assert (True, "deny") == asyncio.run(_within_an_event_loop(api.address.url))


def test_answers_thousands_while_it_loads(api: Running) -> None:
    """Threads that ask without a pause get whole answers while a snapshot is taken, and none forgets once it denied."""
    api.refuse(*(entry(f"s{number}") for number in range(3000)))
    replica, stop = Replica(api.address.url, KEY), threading.Event()
    relapses: list[int] = []

    def ask() -> None:
        denied = set()
        while not stop.is_set():
            for number in range(0, 3000, 7):
                if denies(replica, f"s{number}"):
                    denied.add(number)
                elif number in denied:
                    relapses.append(number)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    with replica:
        for thread in threads:
            thread.start()
        assert replica.wait_ready(30)
        learns(replica, *(f"s{number}" for number in range(3000)))
        stop.set()
        for thread in threads:
            thread.join(10)

    assert [] == relapses


@pytest.mark.parametrize(
    ("urls", "options", "sentence"),
    [
        ((), {}, "one to 16 URLs"),
        ("redis://127.0.0.1", {}, "like https://"),
        ("https://", {}, "like https://"),
        ("https://example.com/?a=b", {}, "like https://"),
        ("https://ann:secret@example.com", {}, "no name and no password"),
        ("https://example.com", {"digest_key": "short"}, "16 to 64 bytes"),
        ("https://example.com", {"name": "two words"}, "A replica's name"),
        ("https://example.com", {"max_staleness_s": 0}, "max_staleness_s"),
    ],
)
def test_says_what_is_wrong_with_an_argument(urls: str, options: dict[str, object], sentence: str) -> None:
    """Arguments that cannot be meant so are refused with a sentence that repeats no secret."""
    with pytest.raises(ValueError, match=sentence) as refused:
        Replica(urls, **{"digest_key": KEY, **options})  # type: ignore[arg-type]

    assert "secret" not in str(refused.value)


def test_certificates_are_looked_for_at_once() -> None:
    """A file that is not there is told when the replica is made, not with each connection."""
    with pytest.raises(FileNotFoundError):
        Replica("https://example.com", KEY, ca_file="/nowhere/ca.pem")


def test_shows_no_secret() -> None:
    """Neither the key nor a header is in what is printed of it."""
    replica = Replica("https://example.com", "a-key-that-is-secret", headers={"Authorization": "Bearer very-secret"})

    assert "secret" not in f"{replica!r} {replica} {replica.status}"


def test_needs_nothing_of_the_services() -> None:
    """In a fresh interpreter neither it nor the middleware imports numpy, Redis' client or a framework."""
    program = f"""
import sys
import tokenward.client, tokenward.client.asgi, tokenward.client.wsgi
print(sorted(name for name in {HEAVY} if name in sys.modules))
"""
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)

    assert "[]" == said.stdout.strip()
