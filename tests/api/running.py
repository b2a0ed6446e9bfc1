"""A running API for the tests: the real server on a free port, a registry in memory, and a clock that stands still."""

import socket
import ssl
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager

import httpx
from prometheus_client import CollectorRegistry

from api.access.access import OPEN_ACCESS, Access
from api.access.refused import OnRefused
from api.app import Api, create_app
from api.crowdsec.mount import CrowdSec
from api.feed.limits import FeedLimits
from api.profiles import Profile
from api.protocols.inbound import InboundSettings
from api.protocols.ssf.desk import Desk
from api.registrar import Registrar
from api.server import Address, Limits, Tls, serving
from api.trust import TrustedIssuer
from api.writes.terms import Terms
from api.writes.whole import Writes
from revocation.audit import MemoryTrail
from revocation.followers import Followers
from revocation.memory import MemoryRegistry
from revocation.pending import MemoryPending, Pending
from revocation.record import Change, Revocation, Scope, State, Subject, digester, shard_of
from revocation.registry import Registry, Whole
from revocation.replica import Replica
from revocation.shards import Shards
from tests.servers.process import until

KEY = bytes(range(32))
ISSUER = "https://idp.example.com/realms/acme"
NOW = 1_795_427_100_000
HOUR = 3_600_000
NOWHERE = "redis://127.0.0.1:1/0"
"""Nobody listens there."""
TERMS = Terms(lives={ISSUER: 600})
PATIENCE = 5.0
TYPE = "urn:problem-type:tokenward:"


def clock() -> int:
    """The moment at which every test takes place."""
    return NOW


def entry(
    value: str,
    scope: Scope = Scope.FAMILY,
    state: State = State.REVOKED,
    reasons: tuple[str, ...] = ("reuse.theft_confirmed",),
    expires_at: int = NOW + HOUR,
) -> Revocation:
    """A decision about one identity of the issuer."""
    return Revocation(
        id=f"{scope.value}-{value}",
        subject=Subject(scope, digester(KEY, scope, ISSUER)(value)),
        state=state,
        reasons=reasons,
        decided_at=NOW,
        expires_at=expires_at,
    )


class Running:
    """The parts of one API, and a client of it."""

    def __init__(
        self,
        registry: Registry | None,
        check_clock: Callable[[], int],
        *,
        issuers: Sequence[TrustedIssuer] = (),
        profiles: Mapping[str, Profile] | None = None,
        shards: Sequence[Registry] | None = None,
        feed: FeedLimits | None = None,
        pending: Pending | None = None,
        approval_scopes: Collection[Scope] = (),
        approval_lines: int = 100,
        crowdsec: CrowdSec | None = None,
        access: Access = OPEN_ACCESS,
        on_refused: OnRefused | None = None,
        protocols: InboundSettings | None = None,
        ssf: Desk | None = None,
    ) -> None:
        self.shards = shards or [registry or MemoryRegistry("e1")]
        self.whole: Whole = self.shards[0] if len(self.shards) == 1 else Shards(self.shards)
        #: The first shard; most tests have no other.
        self.registry = self.shards[0]
        self.replica = Replica(KEY, len(self.shards))
        self.followers = Followers(self.whole, self.replica, clock)
        self._check_clock = check_clock
        self.trail = MemoryTrail()
        #: What was told to the topic of changes.
        self.told: list[Change] = []
        self.pending = pending or MemoryPending()
        registrar = Registrar(
            self.whole,
            self.trail,
            self.told.extend,
            check_clock,
            KEY,
            lambda changes: self.followers.wait_for(changes, PATIENCE),
            approval_scopes=approval_scopes,
        )
        self.writes = Writes(
            registrar=registrar, pending=self.pending, terms=lambda: TERMS, approval_lines=approval_lines
        )
        self._issuers = issuers
        self._profiles = profiles
        self._feed = feed
        self._crowdsec = crowdsec
        self._access = access
        self._on_refused = on_refused
        self._protocols = protocols
        self._ssf = ssf
        self.metrics = CollectorRegistry()
        self.address: Address
        self.http: httpx.Client

    def app(self) -> Api:
        """The application of these parts."""
        return create_app(
            replica=self.replica,
            registry=self.whole,
            followers=self.followers,
            clock=self._check_clock,
            digest_key=KEY,
            version="1.2.3",
            writes=self.writes,
            metrics=self.metrics,
            issuers=self._issuers,
            profiles=self._profiles,
            limits=self._feed,
            crowdsec=self._crowdsec,
            access=self._access,
            on_refused=self._on_refused,
            protocols=self._protocols,
            ssf=self._ssf,
        )

    def refuse(self, *entries: Revocation) -> None:
        """Apply decisions, and wait until the replica knows them."""
        last = max(change.seq for change in self.registry.apply(entries, NOW))
        until(lambda: self.seq >= last, "the replica follows", seconds=5)

    def tell(self, *entries: Revocation) -> None:
        """Apply decisions, each in the shard of its subject."""
        for one in entries:
            self.shards[shard_of(one.subject, len(self.shards))].apply([one], NOW)

    @property
    def seq(self) -> int:
        """The last change that the replica knows."""
        position = self.replica.position
        return -1 if position is None else position.seq

    def check(self, **claims: object) -> dict[str, object]:
        """What `/v1/check` answers, without what it says of the registry."""
        answer: dict[str, object] = (
            self.http.post("/v1/check", json={"iss": ISSUER, **claims}).raise_for_status().json()
        )
        answer.pop("registry")
        return answer

    def exchange(self, *pieces: bytes, responses: int = 1) -> bytes:
        """Send raw bytes on a connection of its own; what came back until that many responses, or the end."""
        with socket.create_connection((self.address.host, self.address.port), timeout=10) as connection:
            for piece in pieces:
                connection.sendall(piece)
            received = b""
            while _whole(received) < responses:
                part = connection.recv(65536)
                if not part:
                    break
                received += part
            return received


@contextmanager
def running(
    registry: Registry | None = None,
    *,
    ready: bool = True,
    limits: Limits | None = None,
    check_clock: Callable[[], int] = clock,
    issuers: Sequence[TrustedIssuer] = (),
    profiles: Mapping[str, Profile] | None = None,
    shards: Sequence[Registry] | None = None,
    feed: FeedLimits | None = None,
    pending: Pending | None = None,
    approval_scopes: Collection[Scope] = (),
    approval_lines: int = 100,
    crowdsec: CrowdSec | None = None,
    access: Access = OPEN_ACCESS,
    on_refused: OnRefused | None = None,
    tls: Tls | None = None,
    protocols: InboundSettings | None = None,
    ssf: Desk | None = None,
    trust: ssl.SSLContext | bool = True,
) -> Iterator[Running]:
    """Serve while the block runs; `ready`: from the first snapshot on."""
    parts = Running(
        registry,
        check_clock,
        issuers=issuers,
        profiles=profiles,
        shards=shards,
        feed=feed,
        pending=pending,
        approval_scopes=approval_scopes,
        approval_lines=approval_lines,
        crowdsec=crowdsec,
        access=access,
        on_refused=on_refused,
        protocols=protocols,
        ssf=ssf,
    )
    with (
        serving(parts.app(), limits=limits, tls=tls) as address,
        httpx.Client(base_url=address.url, timeout=10, verify=trust) as http,
    ):
        parts.address, parts.http = address, http
        if ready:
            until(lambda: parts.followers.ready, "the first snapshot", seconds=5)
        yield parts


def _whole(received: bytes) -> int:
    """How many whole responses there are; one without a length, such as `100 Continue`, has no body."""
    count = 0
    while True:
        head, blank, rest = received.partition(b"\r\n\r\n")
        if not blank:
            return count
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        length = int(lengths[0].partition(b":")[2]) if lengths else 0
        if len(rest) < length:
            return count
        received = rest[length:]
        count += 1
