"""Connecting to Redis: to one server, to whichever server a Sentinel set calls the primary, or to a Cluster.

Every wait is finite, and what is said of a failure quotes neither an address nor a password.
"""

import ssl
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from os import PathLike
from typing import Any

from redis import Redis, RedisCluster
from redis import exceptions as errors
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode
from redis.retry import Retry
from redis.sentinel import MasterNotFoundError, Sentinel

Client = Redis | RedisCluster
Node = tuple[str, int]
"""Host and port."""

READ_ONLY = "This Redis is a read-only replica; only its primary takes decisions."
FULL = "Redis is out of memory and takes no more decisions."
REFUSED = "Redis refuses the credentials."
FORBIDDEN = "Redis does not permit this user what the registry needs."
NO_PRIMARY = "The Redis Cluster has no primary for this shard at the moment."
NO_CLUSTER = "The Redis Cluster cannot be reached."

#: What is said of an error, first match first: an error of that kind, or one whose words hold these, as those of a
#: script do. Never the error's own words.
SENTENCES: tuple[tuple[type[Exception] | str, str], ...] = (
    (errors.BusyLoadingError, "Redis is still loading its data."),
    (errors.ReadOnlyError, READ_ONLY),
    ("READONLY ", READ_ONLY),
    (errors.OutOfMemoryError, FULL),
    ("-OOM ", FULL),
    ("MISCONF ", "Redis cannot write to its disk and takes no more decisions."),
    ("NOREPLICAS ", "Redis has fewer replicas than it must have and takes no more decisions."),
    (errors.AuthenticationError, REFUSED),
    (errors.NoPermissionError, FORBIDDEN),
    ("-NOPERM ", FORBIDDEN),
    ("The user executing the script", FORBIDDEN),
    (ssl.SSLError, "The TLS connection to Redis fails; look at its certificate and at ours."),
    (errors.ClusterDownError, NO_PRIMARY),
    (errors.SlotNotCoveredError, NO_PRIMARY),
    (errors.AskError, "The Redis Cluster has just moved this shard."),
    (MasterNotFoundError, "No sentinel names a primary at the moment."),
    (errors.TimeoutError, "Redis did not answer in time."),
    (errors.ConnectionError, "Redis cannot be reached."),
    (errors.RedisClusterException, NO_CLUSTER),
    (errors.RedisError, "Redis refused what was asked."),
)

# redis-py gives these no types.
_sentinel: Callable[..., Any] = Sentinel
_node: Callable[..., Any] = ClusterNode


@dataclass(frozen=True, kw_only=True)
class Access:
    """How every server is spoken to, sentinels apart where they have credentials of their own."""

    #: Longest wait for an answer, seconds.
    timeout: float = 2.0
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: bool = False
    #: Files in PEM: what servers' certificates are checked against, our own certificate, and its key.
    cafile: str | PathLike[str] | None = None
    certfile: str | PathLike[str] | None = None
    keyfile: str | PathLike[str] | None = None

    def options(self) -> dict[str, Any]:
        """The same, as redis-py calls it; what is not said is not among it."""
        said: dict[str, Any] = {"username": self.username, "password": self.password}
        files = {"ssl_ca_certs": self.cafile, "ssl_certfile": self.certfile, "ssl_keyfile": self.keyfile}
        said |= {name: None if path is None else str(path) for name, path in files.items()}
        waits = {"socket_timeout": self.timeout, "socket_connect_timeout": self.timeout}
        tls = {"ssl": True} if self.tls else {}
        return waits | tls | {name: value for name, value in said.items() if value is not None}


class Link:
    """A client that is made when it is used first: that of a Cluster asks for the layout as soon as it is made."""

    def __init__(self, make: Callable[[], Client], timeout: float) -> None:
        #: Longest wait for an answer, seconds.
        self.timeout = timeout
        self._make = make
        self._client: Client | None = None
        self._lock = threading.Lock()

    @property
    def client(self) -> Client:
        """The client; making it may raise what redis-py raises."""
        with self._lock:
            if self._client is None:
                self._client = self._make()
            return self._client

    def server_of(self, key: str) -> Redis:
        """The server that holds the key: a Cluster's client would have to ask another one where a stream's key is."""
        client = self.client
        if isinstance(client, Redis):
            return client
        whole: Any = client
        return client.get_redis_connection(whole.get_node_from_key(key))

    def servers(self) -> list[Redis]:
        """Every primary, to be looked at."""
        client = self.client
        if isinstance(client, Redis):
            return [client]
        whole: Any = client
        return [client.get_redis_connection(node) for node in whole.get_primaries()]

    def failed(self, error: Exception) -> str:
        """What is said of a call's error; where connections lead to what is no primary any more, they are given up."""
        sentence = sentence_of(error)
        if sentence == READ_ONLY or isinstance(error, errors.RedisClusterException):
            self._renew()
        return sentence

    def close(self) -> None:
        """Give the connections back."""
        with self._lock:
            if self._client is not None:
                self._client.close()
            self._client = None

    def _renew(self) -> None:
        with self._lock:
            if isinstance(self._client, Redis):
                self._client.connection_pool.disconnect(inuse_connections=False)
            else:
                self._client = None


def link_of(client: Client | Link) -> Link:
    """A link to a client that is there already, or the link itself.

    Raises:
        ValueError: the client may wait for ever, or does not answer in bytes.
    """
    if isinstance(client, Link):
        return client
    options = client.get_connection_kwargs()
    if not options.get("socket_timeout") or options.get("decode_responses"):
        raise ValueError("The registry's Redis client needs a finite socket_timeout and must not decode responses.")
    return Link(lambda: client, options["socket_timeout"])


def connect(url: str, timeout: float = 2.0) -> Redis:
    """A client of one server; after a failed wait of `timeout` seconds it tries once more, on a fresh connection.

    Raises:
        ValueError: the address is not one of Redis.
    """
    return _one(url, Access(timeout=timeout))


def standalone(url: str, access: Access) -> Link:
    """A link to one server; what the address says of user and password, `access` says better.

    Raises:
        ValueError: the address is not one of Redis.
    """
    client = _one(url, access)
    return Link(lambda: client, access.timeout)


def through_sentinels(nodes: Sequence[Node], service: str, access: Access, sentinels: Access) -> Link:
    """A link to whichever server most of the sentinels call the primary of that service."""

    def make() -> Redis:
        options = sentinels.options() | {"retry": Retry(NoBackoff(), 0)}
        watching = _sentinel(list(nodes), sentinel_kwargs=options, **access.options(), retry=_once_more())
        primary: Redis = watching.master_for(service)
        return primary

    return Link(make, access.timeout)


def cluster(nodes: Sequence[Node], access: Access) -> Link:
    """A link to a Cluster, some of whose nodes are named; a shard is answered though another one has no primary."""

    def make() -> RedisCluster:
        known = [_node(host, port) for host, port in nodes]
        return RedisCluster(startup_nodes=known, require_full_coverage=False, **access.options(), retry=_once_more())

    return Link(make, access.timeout)


def sentence_of(error: BaseException) -> str:
    """What is said of it: of all that led to the error, what the table names first."""
    causes = [error]
    while (cause := causes[-1].__cause__ or causes[-1].__context__) is not None:
        causes.append(cause)
    return next(sentence for told, sentence in SENTENCES if any(_is(cause, told) for cause in causes))


def _is(error: BaseException, told: type[Exception] | str) -> bool:
    return told in str(error) if isinstance(told, str) else isinstance(error, told)


def _once_more() -> Retry:
    return Retry(NoBackoff(), 1)


def _one(url: str, access: Access) -> Redis:
    options = access.options()
    options.pop("ssl", None)  # the address' scheme says so
    try:
        client = Redis.from_url(url, **options, retry=_once_more())
    except ValueError:
        # The cause would quote a part of the address, which may be the password.
        raise ValueError("The Redis address is not of the form redis://[user:password@]host:port/database.") from None
    client.connection_pool.connection_kwargs.update(options)
    return client
