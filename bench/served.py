"""A server process for the API's bench: `python -m bench.served subject|keyed|bare uvicorn|granian PORT ENTRIES`.

It ends when its standard input does, so that it never outlives the bench.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from hashlib import sha256
from itertools import cycle, islice
from typing import Any

from granian import Granian
from granian.constants import Interfaces, Loops

from api.access.access import OPEN_ACCESS, Access, Caller, HashedKey
from api.access.principal import Verb
from api.app import create_app
from api.body import Receive, Send
from api.server import run
from api.writes.whole import Writes
from revocation.followers import Followers
from revocation.memory import MemoryRegistry
from revocation.record import Revocation, Scope, State, Subject, digester
from revocation.replica import Replica

Application = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]

KEY = b"a key of the bench, nothing else"
ISSUER = "https://idp.example.com/realms/acme"
API_KEY = "tw_" + "k" * 43
"""What questions to `keyed` show."""
KEYED = Access(
    callers=(
        Caller(
            name="bench",
            verbs=frozenset({Verb.CHECK, Verb.READ, Verb.FOLLOW}),
            issuers=None,
            keys=(HashedKey(sha256(API_KEY.encode()).digest()),),
        ),
    )
)
DAY_MS = 24 * 60 * 60 * 1000
SCOPES = (Scope.FAMILY, Scope.TOKEN, Scope.SUBJECT)
"""What the entries are about, in turn: those that the detector writes, so three digests a question."""
ANSWER = b'{"decision":"allow","state":"active","registry":{"epoch":"0123456789abcdef","seq":1000000,"age_ms":500}}'


def milliseconds() -> int:
    """Now, since the epoch."""
    return time.time_ns() // 1_000_000


def entries(count: int, now: int) -> Iterator[Revocation]:
    """Entries about identities `v0`, `v1`, and so on."""
    for number, scope in enumerate(islice(cycle(SCOPES), count)):
        yield Revocation(
            id=f"{number:032x}",
            subject=Subject(scope, digester(KEY, scope, ISSUER)(f"v{number}")),
            state=State.REVOKED,
            reasons=("reuse.theft_confirmed",),
            decided_at=now,
            expires_at=now + DAY_MS,
        )


def subject(count: int, access: Access) -> Application:
    """Our API with that many entries, followed from a registry in memory."""
    registry = MemoryRegistry("0123456789abcdef", retained=1)
    registry.apply(list(entries(count, milliseconds())), milliseconds())
    replica = Replica(KEY)
    return create_app(
        replica=replica,
        registry=registry,
        followers=Followers(registry, replica, milliseconds),
        clock=milliseconds,
        digest_key=KEY,
        access=access,
        version="bench",
        writes=Writes.in_memory(registry, milliseconds, KEY),
    )


async def bare(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """The least that can answer: reads the body, and says a constant as long as our answer."""
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    more = True
    while more:
        more = (await receive()).get("more_body", False)
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(ANSWER))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": ANSWER})


def main() -> None:
    """Serve what the command line names."""
    which, server, port, count = sys.argv[1:]

    def build() -> Application:
        # In granian's worker process, too, which would outlive a parent that was killed.
        threading.Thread(target=end_with_input, daemon=True).start()
        return bare if which == "bare" else subject(int(count), KEYED if which == "keyed" else OPEN_ACCESS)

    if server == "granian":
        granian = Granian(
            which, port=int(port), interface=Interfaces.ASGI, loop=Loops.uvloop, websockets=False, log_enabled=False
        )
        # Built in granian's worker process: a thread does not survive its fork.
        threading.Thread(target=end_with_input, daemon=True).start()
        granian.serve(target_loader=lambda *_, **__: build(), wrap_loader=False)
    else:
        run(build(), port=int(port))


def end_with_input() -> None:
    """End this process when nobody is at the other end of its input any more."""
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
