"""A Redis Cluster of three primaries, each with a replica where asked, all on 127.0.0.1."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from redis.exceptions import RedisError

from revocation.connections import Access, Link, Node, cluster
from tests.servers.process import free_port, listens, until
from tests.servers.redis import QUICK, REPLICATING, RedisServer, follows, leads

PRIMARIES = 3
SLOTS = 16_384
BUS = 10_000
"""The nodes' own port is so much higher than the clients'."""
OPTIONS = ("--cluster-enabled", "yes", "--cluster-node-timeout", "800", "--cluster-replica-validity-factor", "0")


class RedisCluster:
    """The nodes; the replica of `primaries[n]` is `replicas[n]`."""

    def __init__(self, folder: Path, *options: str, replicated: bool, **access: Any) -> None:
        all_options = (*(REPLICATING if replicated else QUICK), *OPTIONS, *options)
        self.primaries = [_node(folder, all_options, access) for _ in range(PRIMARIES)]
        self.replicas = [_node(folder, all_options, access) for _ in range(PRIMARIES if replicated else 0)]

    @property
    def nodes(self) -> list[Node]:
        """Where the nodes are."""
        return [("127.0.0.1", node.port) for node in self._all()]

    def link(self, timeout: float = 1.0) -> Link:
        """A way into the cluster."""
        return cluster(self.nodes, Access(timeout=timeout))

    def pair_of(self, key: str) -> tuple[RedisServer, RedisServer]:
        """The primary that holds the key at the start, and its replica."""
        with self.primaries[0].client() as client:
            slot: Any = client.cluster("KEYSLOT", key)
        number = next(number for number in range(PRIMARIES) if int(slot) in _slots(number))
        return self.primaries[number], self.replicas[number]

    def fail_over(self, key: str) -> None:
        """Kill the primary that holds the key, and wait until its replica leads and all slots are served again."""
        primary, replica = self.pair_of(key)
        primary.kill()
        until(lambda: leads(replica), "the primaries' vote")
        until(lambda: _state(replica) == "ok", "all slots are served")

    @contextmanager
    def running(self) -> Iterator[None]:
        """Start and introduce them all; end them all."""
        with ExitStack() as stack:
            for node in self._all():
                stack.callback(node.stop)
                node.launch()
            for number, node in enumerate(self.primaries):
                node.await_()
                with node.client() as client:
                    client.execute_command("CLUSTER", "ADDSLOTS", *_slots(number))
                    client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            self._introduce()
            for primary, replica in zip(self.primaries, self.replicas, strict=False):
                _follow(primary, replica)
            until(lambda: all(_state(node) == "ok" for node in self._all()), "the cluster")
            yield

    def _introduce(self) -> None:
        first, *others = self._all()
        with first.client() as client:
            for node in others:
                node.await_()
                client.execute_command("CLUSTER", "MEET", "127.0.0.1", node.port)
        until(lambda: all(_knows(node) == len(self._all()) for node in self._all()), "the nodes know one another")

    def _all(self) -> list[RedisServer]:
        return [*self.primaries, *self.replicas]


@contextmanager
def redis_cluster(*options: str, replicated: bool = False, **access: Any) -> Iterator[RedisCluster]:
    """Yield a running cluster; `options` are the nodes', `access` is how an administrator logs in."""
    with tempfile.TemporaryDirectory(prefix="tokenward-cluster-") as folder:
        nodes = RedisCluster(Path(folder), *options, replicated=replicated, **access)
        with nodes.running():
            yield nodes


def _node(folder: Path, options: tuple[str, ...], access: dict[str, Any]) -> RedisServer:
    port = free_port()
    while port + BUS >= 2**16 or listens(port + BUS):
        port = free_port()
    room = folder / str(port)
    room.mkdir()
    return RedisServer(room, *options, port=port, **access)


def _slots(number: int) -> range:
    return range(number * SLOTS // PRIMARIES, (number + 1) * SLOTS // PRIMARIES)


def _follow(primary: RedisServer, replica: RedisServer) -> None:
    with primary.client() as client, replica.client() as follower:
        identity: Any = client.execute_command("CLUSTER", "MYID")
        follower.execute_command("CLUSTER", "REPLICATE", identity)
    until(lambda: follows(replica), "the replica's first copy")


def _told(node: RedisServer) -> dict[str, str]:
    with node.client() as client:
        try:
            told: Any = client.execute_command("CLUSTER INFO")
        except RedisError:
            return {}
    return dict(told)


def _knows(node: RedisServer) -> int:
    return int(_told(node).get("cluster_known_nodes", 0))


def _state(node: RedisServer) -> str:
    return _told(node).get("cluster_state", "")
