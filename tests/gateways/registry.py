"""The registry of the gateways' tests: a real Redis, an issuer with real keys, and `tokenward api` as a process."""

import json
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from subprocess import Popen

from redis import Redis

from revocation.record import Revocation, Scope, State, Subject, digester
from revocation.redis import RedisRegistry
from tests.servers.issuer import Issuer, SigningKey, issuing
from tests.servers.process import end, free_port, start, until
from tests.servers.redis import RedisServer, redis_server

API_KEY = "tw_REPLACE-THIS-BY-THE-KEY-OF-THIS-GATEWAY-000"
"""The key that stands in our configurations."""
KEY = "0123456789abcdef0123456789abcdef"
ISS = "https://idp.example/realms/acme"
COOKIE = "access_token"
HOUR_S = 3_600
HONEST = SigningKey("k1")
FOREIGN = SigningKey("k1", number=1)
"""Another key under the same name: what a forger signs with."""
PRINCIPAL = {
    "may": ["check", "follow", "read"],
    "everywhere": True,
    "keys": [{"sha256": sha256(API_KEY.encode()).hexdigest()}],
}
SHOWN = {"X-Api-Key": API_KEY}
PROFILE = {"cookie": COOKIE, "address_header": "x-real-ip"}


def token(
    sid: str | None = None, *, key: SigningKey = HONEST, lasts_s: int = HOUR_S, padding: int = 0, **more: object
) -> str:
    """A token of ann's; `padding` makes it so many characters longer, or some more."""
    now = int(time.time())
    claims = {
        "iss": ISS,
        "sub": "ann",
        "sid": sid or str(uuid.uuid4()),
        "iat": now - 60,
        "auth_time": now - 60,
        "exp": now + lasts_s,
        "pad": "x" * (padding * 3 // 4),
    }
    return key.sign({**claims, **more})


@dataclass(frozen=True)
class Tokens:
    """Tokens of three sessions, and what is thought of them."""

    good: str
    revoked: str
    quarantined: str


class House:
    """What outlives an API: the issuer and the registry in Redis."""

    def __init__(self, issuer: Issuer, redis: RedisServer, client: Redis) -> None:
        self.issuer = issuer
        self.redis = redis
        self._registry = RedisRegistry(client)

    def decide(self, sid: str, state: State = State.REVOKED) -> None:
        """Write a decision about a session."""
        now = time.time_ns() // 1_000_000
        entry = Revocation(
            id=str(uuid.uuid4()),
            subject=Subject(Scope.FAMILY, digester(KEY.encode(), Scope.FAMILY, ISS)(sid)),
            state=state,
            reasons=("manual",),
            decided_at=now,
            expires_at=now + HOUR_S * 1000,
        )
        self._registry.apply([entry], now)


class Registry:
    """One `tokenward api` in front of the house's Redis."""

    def __init__(self, house: House, folder: Path, profile: dict[str, object]) -> None:
        self.house = house
        self.port = free_port()
        settings = {
            "DIGEST_KEY": KEY,
            "REDIS__URL": house.redis.url,
            "API__PORT": str(self.port),
            "ISSUERS": json.dumps({ISS: {"jwks_uri": house.issuer.uri}}),
            "PRINCIPALS": json.dumps({"gateway": PRINCIPAL}),
            "AUTHZ": json.dumps({"default": {**PROFILE, **profile}}),
        }
        given = [f"TOKENWARD_{name}={value}" for name, value in settings.items()]
        self._log = folder / "api.log"
        command = ["env", *given, sys.executable, "-m", "tokenward", "api"]
        self._process: Popen[bytes] = start(command, self._log)

    def status(self, path: str, bearer: str | None = None) -> int:
        """The status of a GET; 0 while nobody answers."""
        headers = SHOWN if bearer is None else {**SHOWN, "Authorization": f"Bearer {bearer}"}
        with (
            closing(HTTPConnection("127.0.0.1", self.port, timeout=10)) as connection,
            suppress(OSError, HTTPException),
        ):
            connection.request("GET", path, headers=headers)
            return connection.getresponse().status
        return 0

    def says(self, path: str, bearer: str) -> str | None:
        """What it says of a token."""
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=10)) as connection:
            connection.request("GET", path, headers={**SHOWN, "Authorization": f"Bearer {bearer}"})
            return connection.getresponse().headers["X-Token-Status"]

    def until_ready(self) -> None:
        """Wait for its first snapshot."""

        def ready() -> bool:
            if self._process.poll() is not None:
                raise RuntimeError(f"The API ended: {self._log.read_text()[-2000:]}")
            return self.status("/readyz") == 200

        until(ready, "the API")

    def tokens(self) -> Tokens:
        """Tokens of new sessions, once the API refuses those that it has to."""
        found = Tokens(token(), self.decided(State.REVOKED), self.decided(State.QUARANTINED))
        until(lambda: self.status("/authz", found.good) == 200, "the good token")
        return found

    def decided(self, state: State) -> str:
        """Decide about a new session; returns a token of it, once the API refuses it."""
        sid = str(uuid.uuid4())
        self.house.decide(sid, state)
        refused = token(sid)
        until(lambda: self.status("/authz", refused) == 401, "the refusal")
        return refused

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def follows(self, name: str) -> bool:
        """Whether a replica of that name is known to follow."""
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=10)) as connection:
            connection.request("GET", "/v1/revocations/replicas", headers=SHOWN)
            return f'"{name}"' in connection.getresponse().read().decode()

    def kill(self) -> None:
        """End it at once, as a crash does."""
        self._process.kill()
        self._process.wait(10)

    def end(self) -> None:
        """End it politely."""
        end(self._process)


@contextmanager
def house() -> Iterator[House]:
    """An issuer and a Redis."""
    with issuing(HONEST) as issuer, redis_server() as redis, redis.client() as client:
        yield House(issuer, redis, client)


@contextmanager
def registry(of: House, **profile: object) -> Iterator[Registry]:
    """A ready API; `profile`: further settings of `[authz.default]`."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tokenward-api-")))
        api = Registry(of, folder, profile)
        stack.callback(api.end)
        api.until_ready()
        yield api
