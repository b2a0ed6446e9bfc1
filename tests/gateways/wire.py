"""A wire between a gateway and the API: passes every byte on, counts connections, keeps what the gateway said."""

import socket
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread

PIECE = 65_536
KEPT = 1_000
"""Pieces that are kept; the oldest fall out."""


class Wire(ThreadingTCPServer):
    """Listens on `port` and passes on to `to`."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, to: int) -> None:
        super().__init__(("127.0.0.1", 0), _Passing)
        self.to = to
        self.port: int = self.server_address[1]
        self.connections = 0
        self._said: deque[bytes] = deque(maxlen=KEPT)

    def cut(self) -> None:
        """Take no further connection: the kernel refuses it, as it does where a process is gone."""
        self.shutdown()
        self.server_close()

    def hear(self, piece: bytes) -> None:
        """Keep what the gateway says."""
        self._said.append(piece)

    def said(self) -> bytes:
        """Everything since the last time."""
        pieces = b"".join(self._said)
        self._said.clear()
        return pieces


class _Passing(BaseRequestHandler):
    server: Wire
    request: socket.socket

    def handle(self) -> None:
        self.server.connections += 1
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.server.to), timeout=30) as api:
            api.settimeout(None)
            for side in (self.request, api):
                side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            back = Thread(target=self._back, args=(api,), daemon=True)
            back.start()
            while piece := self.request.recv(PIECE):
                self.server.hear(piece)
                api.sendall(piece)
            api.shutdown(socket.SHUT_WR)
            back.join()

    def _back(self, api: socket.socket) -> None:
        with suppress(OSError):
            while piece := api.recv(PIECE):
                self.request.sendall(piece)
            self.request.shutdown(socket.SHUT_RDWR)


@contextmanager
def wire(to: int) -> Iterator[Wire]:
    """Pass on while the block runs."""
    with Wire(to) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join(10)
