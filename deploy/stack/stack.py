"""Starts and stops a real Kafka (KRaft, one node) and a real redis-server on 127.0.0.1, for `make stack`.

Needs only Python's standard library, `java` and `redis-server` on the PATH, and Kafka's jars, which `make` fetches by
Maven. Each server has a folder of its own with its log, its files and its process id. Both survive this program and are
ended by `stop`. Starting what runs and stopping what does not run do nothing, and say so.
"""

import argparse
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
HOST = "127.0.0.1"
START_SECONDS = 60.0  # a cold JVM on a busy laptop; some 6 s are usual
STOP_SECONDS = 20.0  # a broker writes its logs out before it ends
POLL_SECONDS = 0.1
HEAP = "512m"
# ApiVersions, version 0, without a client id: the one request that a broker answers to anybody.
KAFKA_HELLO = b"\x00\x00\x00\x0a\x00\x12\x00\x00\x00\x00\x00\x01\xff\xff"
REDIS_HELLO = b"PING\r\n"


class StackError(Exception):
    """A server could not be started or stopped; the text is a sentence for the person at the terminal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One server: where it lives, how it is started, and the request that it answers when it is ready."""

    name: str
    folder: Path
    port: int
    hello: bytes
    prepare: Callable[["Server"], list[str]]  # writes what it needs and returns its command

    @property
    def log(self) -> Path:
        """The file with what it prints."""
        return self.folder / "log"

    @property
    def pid(self) -> int | None:
        """Its process id, when it runs: the number in the file, if that process still is the one that was started."""
        try:
            pid, mark = (self.folder / "pid").read_text().split()
            return int(pid) if started_at(int(pid)) == mark else None
        except (OSError, ValueError):  # never started, or gone
            return None

    def answers(self) -> bool:
        """Whether something on its port answers its request."""
        try:
            with socket.create_connection((HOST, self.port), timeout=2) as connection:
                connection.sendall(self.hello)
                return bool(connection.recv(1))
        except OSError:
            return False

    def start(self) -> None:
        """Start it unless it runs, and wait until it answers.

        Raises:
            StackError: its port is taken, it runs on another, it ended, or it did not answer in time.
        """
        if self.pid is not None:
            if not self.answers():
                raise StackError(
                    f"{self.name} runs, but does not answer on port {self.port}; try make stack-stop first."
                )
            print(f"{self.name}: runs already (process {self.pid})")
            return
        if taken(self.port):
            raise StackError(f"Port {self.port} is taken; choose another: make stack {self.name.upper()}_PORT=...")
        self.folder.mkdir(parents=True, exist_ok=True)
        command = self.prepare(self)
        with self.log.open("wb") as log:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        (self.folder / "pid").write_text(f"{process.pid} {started_at(process.pid)}")
        if not within(START_SECONDS, lambda: process.poll() is not None or self.answers()):
            self.stop()
            raise StackError(f"{self.name} did not answer within {START_SECONDS:g} s; see {self.log}.")
        if process.poll() is not None:
            raise StackError(f"{self.name} ended with {process.returncode}; see {self.log}.")
        print(f"{self.name}: answers on {HOST}:{self.port} (process {process.pid})")

    def stop(self) -> None:
        """Ask it to end, wait, and kill it when it does not."""
        pid = self.pid
        if pid is None:
            print(f"{self.name}: does not run")
            return
        for number, patience in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, STOP_SECONDS)):
            with suppress(ProcessLookupError):
                os.kill(pid, number)
            if within(patience, lambda: self.pid is None):
                (self.folder / "pid").unlink()
                print(f"{self.name}: stopped")
                return
        raise StackError(f"{self.name}: process {pid} does not end.")


def started_at(pid: int) -> str:
    """When that process was started, in the kernel's ticks: tells it from a later one with the same number.

    Raises:
        OSError: there is no such process.
    """
    state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return "ended" if state == "Z" else fields[18]  # Z: it only waits for its parent; 18: field 22 of proc(5)


def taken(port: int) -> bool:
    """Whether somebody listens on that port already."""
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex((HOST, port)) == 0


def within(seconds: float, condition: Callable[[], bool]) -> bool:
    """Whether the condition came to hold within that time."""
    deadline = time.monotonic() + seconds
    while not (held := condition()) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    return held


def program(name: str, hint: str) -> str:
    """The path of a program.

    Raises:
        StackError: it is not on the PATH.
    """
    path = shutil.which(name)
    if path is None:
        raise StackError(f"{name} is not on the PATH; {hint}.")
    return path


def redis(server: Server) -> list[str]:
    """The command of a redis-server that keeps its entries over a restart."""
    path = program("redis-server", "Debian's package is redis-server")
    command = [path, "--port", str(server.port), "--bind", HOST, "--dir", str(server.folder)]
    return [*command, "--save", "", "--appendonly", "yes"]


def kafka(server: Server) -> list[str]:
    """The command of a broker; its storage is formatted first when it is new."""
    path = program("java", "Kafka needs Java 17 or newer, on Debian the package default-jre-headless")
    java = [path, f"-Xmx{HEAP}", f"-Xms{HEAP}", "-cp", f"{server.folder / 'jars'}/*"]
    properties = server.folder / "server.properties"
    template = (HERE / "server.properties").read_text().partition("\n")[2]
    properties.write_text(template.format(broker=server.port, controller=server.port + 1, folder=server.folder))
    if not (server.folder / "logs" / "meta.properties").exists():
        cluster = urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
        formatting = [*java, "kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", "-c", str(properties)]
        formatted = subprocess.run(
            formatting, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=START_SECONDS, check=False
        )
        if formatted.returncode:
            raise StackError(f"Kafka's storage could not be formatted: {formatted.stderr.strip()[-300:]}")
    return [*java, "kafka.Kafka", str(properties)]


def read(arguments: Sequence[str] | None) -> argparse.Namespace:
    """What was asked for on the command line."""
    parser = argparse.ArgumentParser(description="Starts and stops a real Kafka and a real Redis on this machine.")
    parser.add_argument("action", choices=("start", "stop"))
    parser.add_argument("--folder", type=Path, default=HERE.parents[1] / ".stack", help="where the servers live")
    parser.add_argument("--kafka-port", type=int, default=9092, help="the controller takes the port after it")
    parser.add_argument("--redis-port", type=int, default=6379)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what was asked for; the answer is the exit code."""
    asked = read(arguments)
    folder = asked.folder.resolve()
    servers = (
        Server(name="redis", folder=folder / "redis", port=asked.redis_port, hello=REDIS_HELLO, prepare=redis),
        Server(name="kafka", folder=folder / "kafka", port=asked.kafka_port, hello=KAFKA_HELLO, prepare=kafka),
    )
    try:
        for server in servers:
            server.start() if asked.action == "start" else server.stop()
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    if asked.action == "start":
        print("Point tokenward at them:")
        print(f"  export TOKENWARD_KAFKA__BOOTSTRAP_SERVERS={HOST}:{asked.kafka_port}")
        print(f"  export TOKENWARD_REDIS__URL=redis://{HOST}:{asked.redis_port}/0")
    return 0


if __name__ == "__main__":
    sys.exit(main())
