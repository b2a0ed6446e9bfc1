"""A primary, a replica and three sentinels that watch them, all on 127.0.0.1."""

import secrets
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from redis.exceptions import RedisError

from revocation.connections import Access, Link, Node, through_sentinels
from tests.servers.process import free_port, until
from tests.servers.redis import REPLICATING, RedisServer, follows, leads

SERVICE = "tokens"
WATCHERS = 3

# Sentinels that know one another from the start need not wait for the primary to introduce them.
WATCH = """\
port {port}
bind 127.0.0.1
dir {folder}
sentinel myid {id}
sentinel monitor {service} 127.0.0.1 {primary} 2
sentinel down-after-milliseconds {service} 500
sentinel failover-timeout {service} 3000
sentinel known-replica {service} 127.0.0.1 {replica}
"""


class SentinelSet:
    """The servers, and who is what at the start."""

    def __init__(self, folder: Path, password: str | None) -> None:
        self.primary = RedisServer(_room(folder, "primary"), *REPLICATING)
        following = ("--replicaof", "127.0.0.1", str(self.primary.port))
        self.replica = RedisServer(_room(folder, "replica"), *REPLICATING, *following)
        self._watchers = [_Watcher(_room(folder, f"sentinel{number}"), password) for number in range(WATCHERS)]

    @property
    def nodes(self) -> list[Node]:
        """Where the sentinels are."""
        return [("127.0.0.1", watcher.port) for watcher in self._watchers]

    def link(self, timeout: float = 1.0) -> Link:
        """A way to the primary, whoever it is."""
        access = Access(timeout=timeout)
        return through_sentinels(self.nodes, SERVICE, access, access)

    def fail_over(self) -> None:
        """Kill the primary, and wait until the replica leads."""
        self.primary.kill()
        until(lambda: leads(self.replica), "the sentinels' choice")

    @contextmanager
    def running(self) -> Iterator[None]:
        """Start them all; end them all."""
        with ExitStack() as stack:
            for server in (self.primary, self.replica):
                stack.callback(server.stop)
                server.launch()
            self.primary.await_()
            self.replica.await_()
            until(lambda: follows(self.replica), "the replica's first copy")
            for watcher in self._watchers:
                stack.callback(watcher.stop)
                watcher.watch(self.primary.port, self.replica.port, self._watchers)
            until(lambda: all(watcher.is_ready() for watcher in self._watchers), "the sentinels")
            yield


class _Watcher(RedisServer):
    """One sentinel."""

    def __init__(self, folder: Path, password: str | None) -> None:
        port = free_port()
        self._password = password
        self.id = secrets.token_hex(20)
        self._folder = folder
        self._config = folder / "sentinel.conf"
        super().__init__(folder, port=port, password=password)
        self._command = [self._command[0], str(self._config), "--sentinel"]

    def watch(self, primary: int, replica: int, watchers: list["_Watcher"]) -> None:
        """Start it."""
        text = WATCH.format(
            port=self.port, folder=self._folder, id=self.id, service=SERVICE, primary=primary, replica=replica
        )
        others = [watcher for watcher in watchers if watcher is not self]
        text += "".join(f"sentinel known-sentinel {SERVICE} 127.0.0.1 {other.port} {other.id}\n" for other in others)
        if self._password is not None:
            text += f"requirepass {self._password}\nsentinel sentinel-pass {self._password}\n"
        self._config.write_text(text)
        self.launch()

    def is_ready(self) -> bool:
        """Whether it sees the primary, its replica and the other sentinels, all well."""
        with self.client() as client:
            try:
                told: Any = client.sentinel_master(SERVICE)
                (replica,) = client.sentinel_slaves(SERVICE)
            except (RedisError, ValueError):
                return False
        well = not told["is_sdown"] and told["num-other-sentinels"] == WATCHERS - 1
        return bool(well and replica["flags"] == "slave" and replica["master-link-status"] == "ok")


@contextmanager
def sentinel_set(password: str | None = None) -> Iterator[SentinelSet]:
    """Yield a running set; `password` is what the sentinels ask for."""
    with tempfile.TemporaryDirectory(prefix="tokenward-sentinels-") as folder:
        servers = SentinelSet(Path(folder), password)
        with servers.running():
            yield servers


def _room(folder: Path, name: str) -> Path:
    (folder / name).mkdir()
    return folder / name
