"""A real redis-server from the PATH, without persistence unless asked."""

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from tests.servers.process import absent, end, free_port, start, until

Connect = Callable[..., Redis]
"""The fixture `redis_client`: connects to an address, and closes the client after the test."""


def find_redis_server() -> str:
    """The path of `redis-server`; the test is skipped without one, and fails with CI=true."""
    return shutil.which("redis-server") or absent("redis-server is not on the PATH.")


class RedisServer:
    """One redis-server on one port, which can be killed and started again with or without its past."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._log = folder / "redis.log"
        self._command = [find_redis_server(), "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(folder)]
        self._command += ["--save", "", "--appendonly", "no", *options]
        self._process: subprocess.Popen[bytes] | None = None

    def client(self) -> Redis:
        """A client of its own, with finite time-outs."""
        return Redis.from_url(self.url, socket_timeout=5, socket_connect_timeout=5)

    def start(self) -> None:
        """Start it and wait until it answers; what was not persisted is gone."""
        self._process = start(self._command, self._log)
        until(self._answers, f"redis-server on port {self.port}")

    def kill(self) -> None:
        """End it at once, as a crash does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)

    def stop(self) -> None:
        """End it politely."""
        if self._process is not None:
            end(self._process)

    def _answers(self) -> bool:
        if self._process is not None and self._process.poll() is not None:
            raise RuntimeError(f"redis-server ended: {self._log.read_text()[-500:]}")
        with self.client() as client:
            try:
                return bool(client.ping())
            except RedisError:
                return False


@contextmanager
def redis_server(*options: str) -> Iterator[RedisServer]:
    """Yield a running redis-server; `options` as on its command line, such as `--appendonly yes`."""
    with tempfile.TemporaryDirectory(prefix="tokenward-redis-") as folder:
        server = RedisServer(Path(folder), *options)
        try:
            server.start()
            yield server
        finally:
            server.stop()
