"""A process of replicas for the bench of propagation: `python -m bench.following PORT DOOR REPLICAS DECISIONS`.

It follows the API at PORT with so many clients, asks them over and over about the next decision, and notes when each
says deny for the first time. As many bare connections to DOOR are read beside them. It prints `ready`, `refused` when
it has seen all decisions, and at the end the moments, epoch nanoseconds, as one line of JSON.
"""

import json
import os
import selectors
import signal
import socket
import sys
import threading
import time
from contextlib import ExitStack

from api.server import TURN_SECONDS
from bench.served import ISSUER, KEY
from revocation.claims import Claims
from revocation.record import Scope, Subject, digester
from tokenward.client import Replica

READY_SECONDS = 60
PATIENCE_SECONDS = 60
LOOK_SECONDS = 0.002
"""Between two rounds of questions; what a figure may be too high by."""


def probe(number: int) -> Subject:
    """The family that the decision of that number is about."""
    return Subject(Scope.FAMILY, digester(KEY, Scope.FAMILY, ISSUER)(f"probe-{number}"))


def main() -> None:
    """Follow and report."""
    port, door, replicas, decisions = map(int, sys.argv[1:])
    # Some gateways share this process, and its lock; elsewhere each has a process of its own.
    sys.setswitchinterval(TURN_SECONDS)
    threading.Thread(target=_end_with_input, daemon=True).start()
    with ExitStack() as stack:
        bare = [stack.enter_context(socket.create_connection(("127.0.0.1", door))) for _ in range(replicas)]
        clients = [
            stack.enter_context(Replica(f"http://127.0.0.1:{port}", KEY, name=f"bench-{os.getpid()}-{number}"))
            for number in range(replicas)
        ]
        if not all(client.wait_ready(READY_SECONDS) for client in clients):
            raise RuntimeError("A replica did not come by a snapshot.")
        print("ready", flush=True)
        refused = _refused(clients, decisions)
        print("refused", flush=True)
        touched = _touched(bare, decisions)
        print(json.dumps({"refused": refused, "touched": touched}))


def _refused(clients: list[Replica], decisions: int) -> list[list[int]]:
    """When each client said deny about each decision, the client's in a row; no client waits for another."""
    claims = [Claims(iss=ISSUER, sid=f"probe-{number}") for number in range(decisions)]
    moments: list[list[int]] = [[] for _ in clients]
    last = time.monotonic()
    while any(len(times) < decisions for times in moments):
        for client, times in zip(clients, moments, strict=True):
            while len(times) < decisions and client.check(claims[len(times)]).decision == "deny":
                times.append(time.time_ns())
                last = time.monotonic()
        if time.monotonic() - last > PATIENCE_SECONDS:
            raise RuntimeError("A decision did not arrive.")
        time.sleep(LOOK_SECONDS)
    return moments


def _touched(bare: list[socket.socket], rounds: int) -> list[list[int]]:
    """When each connection brought the byte of each round."""
    moments: list[list[int]] = [[] for _ in bare]
    with selectors.DefaultSelector() as selector:
        for number, one in enumerate(bare):
            selector.register(one, selectors.EVENT_READ, number)
        while any(len(times) < rounds for times in moments):
            for key, _ in selector.select(PATIENCE_SECONDS):
                received = bare[key.data].recv(1)
                moments[key.data].append(time.time_ns())
                if not received:
                    raise RuntimeError("The bench ended before its connections were done.")
    return moments


def _end_with_input() -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
