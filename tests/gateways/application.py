"""The application behind a gateway: tells what reached it. And the client in front: sends what it is told to."""

import json
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

Headers = Sequence[tuple[str, str]]
PATIENCE = 15.0


@dataclass(frozen=True)
class Seen:
    """A request as it reached the application."""

    method: str
    path: str
    #: By lower-case name; of two with one name, both, joined by a comma.
    headers: dict[str, str]
    body: str


@dataclass(frozen=True)
class Reply:
    """What the client got."""

    status: int
    headers: HTTPMessage
    #: What the application saw; None where the gateway itself answered.
    seen: Seen | None


class Application(ThreadingHTTPServer):
    """Answers 200 with what it saw; `requests` counts."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Echo)
        self.requests = 0
        self.port: int = self.server_address[1]

    def handle_error(self, *_: Any) -> None:
        """Whoever went away is no news."""


class _Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Application

    def _tell(self) -> None:
        self.server.requests += 1
        headers: dict[str, list[str]] = {}
        for name, value in self.headers.items():
            headers.setdefault(name.lower(), []).append(value)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        told = Seen(self.command, self.path, {name: ",".join(values) for name, values in headers.items()}, body)
        answer = json.dumps(told.__dict__).encode()
        self.send_response(200)
        self.send_header("X-From", "application")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = do_PUT = do_DELETE = _tell  # noqa: N815 - http.server's names

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def application() -> Iterator[Application]:
    """Serve while the block runs."""
    with Application() as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join(PATIENCE)


def ask(port: int, path: str = "/", headers: Headers = (), *, method: str = "GET", body: str = "") -> Reply:
    """Send the path and the headers exactly as they are, two of one name, too."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as connection:
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value)
        if body:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body.encode() or None)
        response = connection.getresponse()
        answer = response.read()
        own = response.headers.get("X-From") == "application"
        return Reply(response.status, response.headers, Seen(**json.loads(answer)) if own else None)
