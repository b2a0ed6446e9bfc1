"""`nginx`: what a check costs nginx, by a replica of its own and by asking the API, in microseconds of processor time.

Three nginx, one worker each, stand in front of the same application, another nginx that answers a constant: one that
checks nothing, one with `deploy/gateways/nginx/replica.conf`, one with `tokenward.conf`. wrk sends each the same
request with a good token, in turn. The processor time of a request is that of the nginx, and of the API where it is
asked; what a check costs is the difference to the nginx that checks nothing. So a busy machine hardly matters.
"""

import argparse
import re
import shutil
import statistics
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from bench.cpu import cpu_seconds
from bench.report import Figures, NotRun
from tests.gateways.registry import KEY, Registry, house, registry, token
from tests.servers.gateway import Addresses
from tests.servers.nginx import find_nginx, frame, nginx, replica, running
from tests.servers.process import free_port, until

CONNECTIONS = 16
APPLICATION = "server {{ listen 127.0.0.1:{port}; keepalive_requests 1000000; return 200 'ok'; }}"
BARE = """
upstream application {{ server 127.0.0.1:{application}; keepalive 32; }}
server {{
    listen 127.0.0.1:{port};
    location / {{
        proxy_set_header Connection "";
        proxy_http_version 1.1;
        proxy_pass http://application;
    }}
}}
"""


def run(args: Sequence[str]) -> Figures:
    """Measure; see `--help`."""
    options = _options(args)
    if shutil.which("wrk") is None:
        raise NotRun("wrk is not on the PATH; Debian's package is wrk")
    with ExitStack() as stack:
        try:
            api = stack.enter_context(registry(stack.enter_context(house())))
            servers = _servers(stack, api)
        except (pytest.skip.Exception, pytest.fail.Exception) as absent:
            raise NotRun(str(absent)) from None
        until(lambda: api.follows("nginx"), "nginx follows the registry")
        bearer = token()
        costs: dict[str, list[float]] = {name: [] for name in servers}
        for _ in range(options.rounds):
            for name, (port, processes) in servers.items():
                costs[name].append(_cost(port, bearer, processes, options.seconds))
    bare, own, asking = (statistics.median(costs[name]) for name in ("bare", "replica", "asking"))
    return {
        "name": "nginx",
        "value": round(own - bare, 1),
        "unit": "us of processor time a check, by the replica",
        "reference": round(asking - bare, 1),
        "reference_name": "the same, asking the API by auth_request",
        "ratio": round((own - bare) / (asking - bare), 3),
        "request_without_a_check_us": round(bare, 1),
        "request_with_the_replica_us": round(own, 1),
        "request_that_asks_us": round(asking, 1),
    }


def _options(args: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench nginx", description=__doc__)
    parser.add_argument("--seconds", type=int, default=3, help="of load, each time (default 3)")
    parser.add_argument("--rounds", type=int, default=3, help="of all three (default 3)")
    return parser.parse_args(args)


def _servers(stack: ExitStack, api: Registry) -> dict[str, tuple[int, list[int]]]:
    """Name -> the port of an nginx, and the processes whose time its requests take."""
    behind = free_port()
    stack.enter_context(_site(APPLICATION.format(port=behind), behind))
    ports = {name: free_port() for name in ("bare", "replica", "asking")}
    at = {name: Addresses(api.port, behind, port) for name, port in ports.items()}
    logs = {
        "bare": stack.enter_context(_site(BARE.format(application=behind, port=ports["bare"]), ports["bare"])),
        "replica": stack.enter_context(replica(at["replica"], key=KEY)),
        "asking": stack.enter_context(nginx(at["asking"])),
    }
    own = {name: _process(log.parent / "nginx.pid") for name, log in logs.items()}
    return {name: (ports[name], [own[name], *([] if name == "bare" else [api.pid])]) for name in ports}


def _process(file: Path) -> int:
    """What nginx writes there, a moment after it listens."""
    until(lambda: file.exists() and file.read_text().strip().isdecimal(), "nginx's process id")
    return int(file.read_text())


@contextmanager
def _site(text: str, port: int) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="tokenward-bench-") as place:
        frame(Path(place), text)
        with running(Path(place), port, find_nginx()) as log:
            yield log


def _cost(port: int, bearer: str, processes: Sequence[int], seconds: int) -> float:
    """Microseconds of processor time that a request takes."""
    before = _spent(processes)
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-H", f"Authorization: Bearer {bearer}"]
    done = subprocess.run(
        [*command, f"http://127.0.0.1:{port}/"], capture_output=True, text=True, check=True, timeout=seconds + 20
    )
    answered = re.search(r"(\d+) requests in", done.stdout)
    if answered is None or "Non-2xx" in done.stdout:
        raise RuntimeError(done.stdout)
    return (_spent(processes) - before) / int(answered[1]) * 1e6


def _spent(processes: Sequence[int]) -> float:
    return sum(cpu_seconds(process) or 0.0 for process in processes)
