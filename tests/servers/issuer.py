"""A real issuer: signs tokens with real keys, and publishes the keys over HTTP, as well or as badly as a test wants."""

import json
import ssl
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import get_default_algorithms

Private = Any
Json = dict[str, Any]
KEYS = "/keys"


@lru_cache
def private_key(kind: str, number: int = 0) -> Private:
    """The `number`th private key of a kind, made once a process: RSA keys take long."""
    makers = {
        "RSA": lambda: rsa.generate_private_key(65537, 2048),
        "RSA-1024": lambda: rsa.generate_private_key(65537, 1024),  # noqa: S505 - to be refused
        "P-256": lambda: ec.generate_private_key(ec.SECP256R1()),
        "P-384": lambda: ec.generate_private_key(ec.SECP384R1()),
        "Ed25519": ed25519.Ed25519PrivateKey.generate,
    }
    del number
    return makers[kind]()


KINDS = {"RS": "RSA", "PS": "RSA", "ES256": "P-256", "ES384": "P-384", "EdDSA": "Ed25519"}


class SigningKey:
    """A private key with a name, for one algorithm; keys of the same `number` and kind are the same."""

    def __init__(self, kid: str | None, alg: str = "ES256", number: int = 0) -> None:
        self.kid = kid
        self.alg = alg
        self.private = private_key(KINDS.get(alg) or KINDS[alg[:2]], number)

    def public(self, **more: object) -> Json:
        """As a key set shows it."""
        shown: Json = get_default_algorithms()[self.alg].to_jwk(self.private.public_key(), as_dict=True)
        named = {} if self.kid is None else {"kid": self.kid}
        return {**shown, "use": "sig", "alg": self.alg, "key_ops": ["verify"], **named, **more}

    def sign(self, payload: Mapping[str, object] | bytes, header: Mapping[str, object] | None = None) -> str:
        """A token; members of `header` that are None are left out."""
        named = {} if self.kid is None else {"kid": self.kid}
        said = {"typ": "at+jwt", **named, **(header or {})}
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        headers = {name: value for name, value in said.items() if value is not None}
        return jwt.api_jws.encode(body, self.private, self.alg, {"typ": None, **headers})


class Issuer:
    """Its key set stands at `KEYS`. What it does wrong can be changed while it runs."""

    def __init__(self) -> None:
        #: What the key set shows.
        self.published: list[Json] = []
        #: Requests by path.
        self.asked: Counter[str] = Counter()
        self.status = 200
        self.headers: dict[str, str] = {}
        #: Answered instead of the key set.
        self.body: bytes | None = None
        #: Whether the head of its answers comes line by line and never ends.
        self.trickles = False
        #: Cleared: what is answered is held until it is set, but is what it was when the request came.
        self.answers = threading.Event()
        self.answers.set()
        #: Set when the server ends.
        self.ended = threading.Event()
        self.port = 0
        self.scheme = "http"

    @property
    def uri(self) -> str:
        """Where its keys are."""
        return f"{self.scheme}://127.0.0.1:{self.port}{KEYS}"

    @property
    def fetches(self) -> int:
        """How often its key set was asked for."""
        return self.asked[KEYS]

    def publish(self, *keys: SigningKey | Json) -> None:
        """Let the key set be these."""
        self.published = [key.public() if isinstance(key, SigningKey) else key for key in keys]

    def document(self) -> bytes:
        """The key set as it is answered."""
        return json.dumps({"keys": self.published}).encode() if self.body is None else self.body


class _Handler(BaseHTTPRequestHandler):
    """One request; the issuer is the server's."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        issuer: Issuer = self.server.issuer  # type: ignore[attr-defined]
        issuer.asked[self.path] += 1
        body = issuer.document()
        issuer.answers.wait(30)
        if issuer.trickles:
            self.wfile.write(b"HTTP/1.1 200 OK\r\n")
            while not issuer.ended.wait(0.05):
                self.wfile.write(b"x: y\r\n")
            return
        self.send_response(issuer.status)
        for name, value in {"content-length": str(len(body)), **issuer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    """Ends without waiting for requests that it holds."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, *_: object) -> None:
        """A client that went away is no news."""


@contextmanager
def issuing(*keys: SigningKey | Json, tls: ssl.SSLContext | None = None) -> Iterator[Issuer]:
    """An issuer that publishes these keys, while the block runs."""
    issuer = Issuer()
    issuer.publish(*keys)
    with _Server(("127.0.0.1", 0), _Handler) as server:
        if tls is not None:
            issuer.scheme = "https"
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        server.issuer = issuer  # type: ignore[attr-defined]
        issuer.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="issuer", daemon=True)
        thread.start()
        try:
            yield issuer
        finally:
            issuer.ended.set()
            issuer.answers.set()
            server.shutdown()
            thread.join(5)


def unsigned(header: Mapping[str, object], payload: Mapping[str, object] | bytes, signature: bytes = b"") -> str:
    """A token in compact form that nobody signed."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return ".".join(map(encoded, (json.dumps(header).encode(), body, signature)))


def encoded(part: bytes) -> str:
    """Base64url without padding."""
    return jwt.utils.base64url_encode(part).decode()
