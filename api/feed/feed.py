"""The feed, whole: its routes ahead of FastAPI, and what else the application has to tell it."""

from collections.abc import Callable, Sequence

import msgspec

from api.body import BodyReader, Disconnected, Message, Receive, Scope, Send
from api.feed.asked import Acknowledgement, position_of
from api.feed.limits import CHANGES_BYTES, FeedLimits
from api.feed.past import Past
from api.feed.poll import Poll
from api.feed.reader import Reader
from api.feed.readers import Readers
from api.feed.recent import Recent
from api.feed.replicas import Replicas
from api.feed.snapshot import Snapshots
from api.feed.stream import Stream
from api.metrics import Counts
from api.problems import BAD_REQUEST, INTERNAL_ERROR, REGISTRY_UNAVAILABLE, RESYNC, Problem, Refused
from api.raw import refuse
from revocation.errors import RegistryUnavailable
from revocation.registry import Registry
from revocation.replica import Replica

SNAPSHOT = "/v1/revocations"
CHANGES = "/v1/revocations/changes"
STREAM = "/v1/revocations/stream"
ACKNOWLEDGEMENTS = "/v1/revocations/acknowledgements"
ACKNOWLEDGEMENT_BYTES = 8 * 1024


class Feed:
    """Serves the feed of `replica`, which followers of `shards` keep up to date. `clock` gives epoch milliseconds."""

    def __init__(
        self,
        replica: Replica,
        shards: Sequence[Registry],
        clock: Callable[[], int],
        counts: Counts,
        limits: FeedLimits,
    ) -> None:
        self.recent = Recent(replica, len(shards), clock, most_lines=limits.changes, most_bytes=CHANGES_BYTES)
        self.readers = Readers(limits.readers, limits.snapshot_readers)
        self.replicas = Replicas(
            self.recent,
            clock,
            most=limits.replicas,
            forgotten_ms=int(limits.forgotten_s * 1000),
            laggard_ms=int(limits.laggard_s * 1000),
        )
        self._counts = counts
        reader = Reader(self.recent, Past(shards), replica, clock)
        self._poll = Poll(reader, self.readers, self.replicas)
        self._stream = Stream(reader, self.readers, limits.heartbeat_s)
        snapshots = Snapshots(replica, reader, self.readers, limits.snapshot_share_s)
        self._acknowledgement = BodyReader(ACKNOWLEDGEMENT_BYTES)
        self._decoder = msgspec.json.Decoder(Acknowledgement)
        self._routes = {
            SNAPSHOT: snapshots.serve,
            CHANGES: self._poll.serve,
            STREAM: self._stream.serve,
            ACKNOWLEDGEMENTS: self._acknowledge,
        }
        #: What answers at which path.
        self.raw = dict.fromkeys(self._routes, self.serve)

    def end(self) -> None:
        """The server is about to end: answer whoever waits, and end the streams."""
        self._poll.ending = self._stream.ending = True
        self.recent.news.wake()

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request of a path of `raw`."""
        route = scope["path"]
        started = False

        async def counting(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                self._counts.request(route, message["status"])
            await send(message)

        try:
            await self._routes[route](scope, receive, counting)
        except Disconnected:
            return
        except Refused as refused:
            self.readers.resyncs += refused.problem is RESYNC
            await self._refuse(send, route, refused.problem, refused.members)
        except RegistryUnavailable:
            await self._refuse(send, route, REGISTRY_UNAVAILABLE, {})
        except Exception:
            if not started:
                await self._refuse(send, route, INTERNAL_ERROR, {})
            raise

    async def _acknowledge(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._acknowledgement.admit(scope)
        body = await self._acknowledgement.join(await receive(), receive)
        try:
            said = self._decoder.decode(body)
            position = position_of(said.cursor)
        except (msgspec.MsgspecError, RecursionError, ValueError):
            raise Refused(BAD_REQUEST) from None
        self.replicas.acknowledge(said.replica, position)
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def _refuse(self, send: Send, route: str, problem: Problem, members: dict[str, object]) -> None:
        allow = b"POST" if route == ACKNOWLEDGEMENTS else b"GET, HEAD"
        await refuse(send, self._counts, route, problem, members, allow=allow)
