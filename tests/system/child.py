"""A worker, a stage of origins or a route in a process of its own, which kills itself at a step once it is told to.

`python -m tests.system.child ORDER` with an `Order` as JSON. It dies by SIGKILL after the step `die_at` of a turn that
begins when the file `fuse` exists; `fill` is the moment within the last step at which the transaction lacks its commit.
"""

import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import msgspec

from ingest.sink import Sink
from revocation.redis import RedisRegistry, connect
from tests.rig import Names


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What the child is to be."""

    role: str
    names: Names
    redis_url: str
    #: A file whose existence lights the fuse.
    fuse: str
    die_at: int | str | None = None


class Fuse:
    """Kills the process at the ordered moment, in a turn that began with the fuse lit."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._lit = False

    def burn(self, moment: int | str) -> None:
        """That moment has come."""
        if moment == 1:
            self._lit = Path(self._order.fuse).exists()
        if self._lit and moment == self._order.die_at:
            os.kill(os.getpid(), signal.SIGKILL)


def main(order: Order) -> None:
    """Run until SIGTERM."""
    fuse, stop = Fuse(order), threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())

    class MortalSink(Sink):
        def fill(self, *given: Any) -> None:
            super().fill(*given)
            fuse.burn("fill")

    names = order.names
    topic = {"worker": names.telemetry, "origins": names.tallies, "route": names.provider}[order.role]
    exchange = names.exchange(topic, "1", MortalSink)
    if order.role == "route":
        names.route(exchange=exchange, on_step=fuse.burn).run(stop)
        return
    client = connect(order.redis_url)
    stage = names.worker if order.role == "worker" else names.origins
    ledger = names.ledger(client, order.role)
    stage(RedisRegistry(client), exchange=exchange, on_step=fuse.burn, ledger=ledger).run(stop)


if __name__ == "__main__":
    main(msgspec.json.decode(sys.argv[1], type=Order))
