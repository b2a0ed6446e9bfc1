"""A small receiver of security events (RFC 8935), built on joserfc, whose answers a test can bend."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from joserfc import jwt
from joserfc.jwk import KeySet

Keys = Callable[[], dict[str, Any]]
Answer = tuple[int, dict[str, str], bytes]
ACCEPTED: Answer = (202, {}, b"")


def refusal(err: str, status: int = 400) -> Answer:
    """An answer as RFC 8935, section 2.3, has it."""
    body = json.dumps({"err": err, "description": "For a test."}).encode()
    return status, {"Content-Type": "application/json", "Content-Language": "en"}, body


class Receiver:
    """Verifies each SET, keeps it under its `jti`, and answers 202; a repeated one is answered as if it were new."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        #: By `jti`, in the order of arrival.
        self.events: dict[str, dict[str, Any]] = {}
        #: Every request: its headers, and the `jti`.
        self.requests: list[tuple[dict[str, str], str]] = []
        #: What is answered instead of 202; told how many requests have come.
        self.bend: Callable[[int], Answer | None] = lambda _count: None
        self.url = ""

    def take(self, headers: dict[str, str], body: bytes) -> Answer:
        """One push."""
        token = jwt.decode(body.decode(), KeySet.import_key_set(self._keys()), algorithms=["RS256"])  # type: ignore[arg-type]
        assert "secevent+jwt" == token.header["typ"]
        jti = str(token.claims["jti"])
        self.requests.append((headers, jti))
        bent = self.bend(len(self.requests))
        if bent is not None:
            return bent
        self.events.setdefault(jti, token.claims)
        return ACCEPTED

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The claims of the events of that kind, the last part of its URI."""
        return [claims for claims in self.events.values() if next(iter(claims["events"])).endswith(f"/{kind}")]


@contextmanager
def receiving(keys: Keys) -> Iterator[Receiver]:
    """Yield a receiver that listens on this machine."""
    receiver = Receiver(keys)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, answered, text = receiver.take(headers, body)
            self.send_response(status)
            for name, value in {**answered, "Content-Length": str(len(text))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    receiver.url = f"http://127.0.0.1:{server.server_port}/events"
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
