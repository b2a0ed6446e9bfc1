"""Load for an HTTP server: `wrk` where it is on the PATH, else a small generator of our own. 127.0.0.1 only.

Both keep 16 connections busy with one request each for a set time, and take the bodies in turn.
"""

import asyncio
import json
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from itertools import cycle
from typing import NamedTuple, cast

import uvloop

CONNECTIONS = 16
_GRACE_SECONDS = 20

_SCRIPT = """\
local bodies = {bodies}
local requests, at = {{}}, 0
init = function()
  for i, body in ipairs(bodies) do
    requests[i] = wrk.format("POST", nil, {headers}, body)
  end
end
request = function()
  at = at % #requests + 1
  return requests[at]
end
"""


class Load(NamedTuple):
    """What a server did under load."""

    per_second: float
    #: How many answers that were.
    answered: int
    #: None where the generator does not measure it.
    p99_ms: float | None


def generator() -> str:
    """The name of the load generator on this machine."""
    return "wrk" if shutil.which("wrk") else "asyncio"


def load(port: int, path: str, bodies: Sequence[bytes], seconds: float, key: str | None = None) -> Load:
    """POST the bodies for that long and count the answers; `key` is shown with each.

    Raises:
        RuntimeError: an answer was not 200.
    """
    if generator() == "wrk":
        return _wrk(port, path, bodies, seconds, key)
    return uvloop.run(own(port, path, bodies, seconds, key))


def _headers(key: str | None) -> dict[str, str]:
    return {"Content-Type": "application/json"} | ({} if key is None else {"X-Api-Key": key})


def _wrk(port: int, path: str, bodies: Sequence[bytes], seconds: float, key: str | None) -> Load:
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        # A JSON string of ASCII is a Lua string, too.
        texts = ",\n".join(json.dumps(body.decode("ascii")) for body in bodies)
        headers = ", ".join(f'["{name}"] = "{value}"' for name, value in _headers(key).items())
        script.write(_SCRIPT.format(bodies=f"{{{texts}}}", headers=f"{{{headers}}}"))
        script.flush()
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{round(seconds)}s", "--latency", "-s", script.name]
        command.append(f"http://127.0.0.1:{port}{path}")
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=seconds + _GRACE_SECONDS)
    if "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        raise RuntimeError(done.stdout)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s)", done.stdout)
    answered = re.search(r"(\d+) requests in", done.stdout)
    if rate is None or p99 is None or answered is None:
        raise RuntimeError(done.stdout)
    return Load(float(rate[1]), int(answered[1]), float(p99[1]) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[p99[2]])


async def own(port: int, path: str, bodies: Sequence[bytes], seconds: float, key: str | None = None) -> Load:
    """The generator of our own: what `load` does without wrk."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in _headers(key).items())
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{lines}Content-Length: "
    requests = [f"{head}{len(body)}\r\n\r\n".encode() + body for body in bodies]
    loop = asyncio.get_running_loop()
    begin = time.perf_counter()
    clients = [_Client(requests[at:] + requests[:at]) for at in range(CONNECTIONS)]
    transports = [(await loop.create_connection(partial(_same, one), "127.0.0.1", port))[0] for one in clients]
    await asyncio.sleep(seconds)
    took = time.perf_counter() - begin
    answered = sum(client.answered for client in clients)
    for transport in transports:
        transport.abort()
    if any(client.failed for client in clients):
        raise RuntimeError("The server did not answer 200.")
    return Load(answered / took, answered, None)


class _Client(asyncio.Protocol):
    """One connection: the next request goes out when the answer before is whole."""

    def __init__(self, requests: Sequence[bytes]) -> None:
        self.answered = 0
        self.failed = False
        self._requests = cycle(requests)
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own is none by inheritance
        self._transport.write(next(self._requests))

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, blank, body = self._received.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        if blank and length is not None and len(body) >= int(length[1]):
            self.failed = self.failed or not head.startswith(b"HTTP/1.1 200")
            self.answered += 1
            self._received = b""
            self._transport.write(next(self._requests))


def _same(client: _Client) -> _Client:
    return client
