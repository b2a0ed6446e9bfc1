"""Applications behind the middleware, on real servers: FastAPI on uvicorn, Flask on werkzeug's."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import httpx
import jwt
from fastapi import FastAPI, Request, WebSocket
from flask import Flask, request
from uvicorn import Config, Server
from werkzeug.serving import make_server

from revocation.claims import Answer
from tests.api.running import ISSUER
from tests.servers.process import until
from tokenward.client import Replica, asgi, wsgi

SECRET = "of-the-issuer-and-of-nobody-else"  # noqa: S105 - it signs the tests' tokens

Site = Callable[..., AbstractContextManager[httpx.Client]]
"""Serves an application behind the middleware with these options, and yields a client of it."""


def token(sid: str = "s1", /, secret: str = SECRET, **claims: object) -> str:
    """A signed access token."""
    payload = {"iss": ISSUER, "sub": "ann", "sid": sid, "iat": 1_795_427_000, **claims}
    return jwt.encode(payload, secret, algorithm="HS256", headers={"kid": "k1"})


def bearer(sid: str = "s1", /, **claims: int) -> dict[str, str]:
    """A request's header with a token."""
    return {"Authorization": f"Bearer {token(sid, SECRET, **claims)}"}


def verified(text: str, _: object) -> dict[str, Any]:
    """What an application verifies itself."""
    return dict(jwt.decode(text, SECRET, algorithms=["HS256"], options={"verify_iat": False}))


def word(answer: Answer | None) -> str:
    """What the applications say of the answer that the middleware left for them."""
    return "none" if answer is None else f"{answer.decision} {answer.state}"


@contextmanager
def fastapi_site(replica: Replica, **options: Any) -> Iterator[httpx.Client]:
    """A FastAPI application on uvicorn, which also speaks WebSocket."""
    app = FastAPI()
    app.add_middleware(asgi.RevocationMiddleware, replica=replica, **options)

    @app.api_route("/{path:path}", methods=["GET", "POST", "HEAD", "OPTIONS"])
    async def any_path(request: Request) -> dict[str, str]:
        """Answer at every path."""
        return {"word": word(getattr(request.state, asgi.STATE, None))}

    @app.websocket("/socket")
    async def websocket(socket: WebSocket) -> None:
        """Greet whoever opens a socket."""
        await socket.accept()
        await socket.send_text(word(getattr(socket.state, asgi.STATE, None)))
        await socket.close()

    server = Server(Config(app, port=0, log_config=None, ws="websockets-sansio", lifespan="on"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until(lambda: server.started, "uvicorn")
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join(10)


@contextmanager
def flask_site(replica: Replica, **options: Any) -> Iterator[httpx.Client]:
    """A Flask application on werkzeug's server, a thread for each request."""
    app = Flask(__name__, static_folder=None)
    app.wsgi_app = wsgi.RevocationMiddleware(app.wsgi_app, replica, **options)  # type: ignore[method-assign]

    @app.route("/", defaults={"path": ""}, methods=["GET", "POST", "HEAD", "OPTIONS"])
    @app.route("/<path:path>", methods=["GET", "POST", "HEAD", "OPTIONS"])
    def any_path(path: str) -> dict[str, str]:
        del path
        return {"word": word(request.environ.get(wsgi.STATE))}

    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{server.port}", timeout=10) as client:
            yield client
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


SITES: dict[str, Site] = {"asgi": fastapi_site, "wsgi": flask_site}
