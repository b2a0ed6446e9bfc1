"""A reader of the feed for the tests: small, and written from `docs/feed.md` alone."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from typing import Any, NamedTuple, Self

import httpx

from revocation.record import Revocation
from revocation.registry import Registry
from tests.api.running import Running

SNAPSHOT = "/v1/revocations"
CHANGES = "/v1/revocations/changes"
STREAM = "/v1/revocations/stream"
ACKNOWLEDGEMENTS = "/v1/revocations/acknowledgements"
REPLICAS = "/v1/revocations/replicas"

Json = dict[str, Any]


class Told(NamedTuple):
    """A snapshot or an answer of changes, read and checked."""

    header: Json
    entries: list[Json]
    end: Json

    @property
    def ids(self) -> list[str]:
        """The ids of the entries, in order."""
        return [entry["id"] for entry in self.entries]


def told(text: bytes) -> Told:
    """What the lines say; an assertion where the end line does not agree."""
    *lines, last = text.splitlines(keepends=True)
    first, *entries = [json.loads(line) for line in lines]
    end = json.loads(last)
    digest = blake2b(b"".join(lines), digest_size=16).hexdigest()
    assert ("end", digest, len(entries), len(entries)) == (end["type"], end["digest"], end["count"], first["count"])
    return Told(first, entries, end)


def snapshot(http: httpx.Client) -> Told:
    """A snapshot."""
    return told(http.get(SNAPSHOT).raise_for_status().content)


def changes(http: httpx.Client, cursor: str, **asked: object) -> Told:
    """What came after a position."""
    parameters: Any = {"cursor": cursor, **asked}
    return told(http.get(CHANGES, params=parameters).raise_for_status().content)


def asking(api: Running, target: str, receive_bytes: int | None = None) -> socket.socket:
    """A connection on which that has been asked; `receive_bytes`: how much the kernel takes while nobody reads."""
    connection = socket.socket()
    if receive_bytes is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    connection.settimeout(20)
    connection.connect((api.address.host, api.address.port))
    connection.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    return connection


def answer_of(connection: socket.socket) -> bytes:
    """The body of the answer that has a length."""
    with connection.makefile("rb") as file:
        headers = dict(line.rstrip().lower().split(b": ", 1) for line in iter(file.readline, b"\r\n") if b": " in line)
        return file.read(int(headers[b"content-length"]))


class Event(NamedTuple):
    """One Server-Sent Event."""

    kind: str
    id: str | None
    content: Json


@contextmanager
def streamed(http: httpx.Client, cursor: str | None = None, last: str | None = None) -> Iterator[Iterator[Event]]:
    """The events of a stream while the block runs."""
    headers = {} if last is None else {"Last-Event-ID": last}
    parameters = {} if cursor is None else {"cursor": cursor}
    with http.stream("GET", STREAM, params=parameters, headers=headers) as answer:
        answer.raise_for_status()
        yield _events(answer.iter_lines())


def _events(lines: Iterator[str]) -> Iterator[Event]:
    members: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(": ")
            members[name] = value
        else:
            yield Event(members["event"], members.get("id"), json.loads(members["data"]))
            members = {}


class Follower:
    """What a replica knows that has taken a snapshot and follows the changes: entries by subject."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http
        self.position = ""
        self.entries: dict[tuple[str, str], Json] = {}

    def load(self) -> None:
        """Take a snapshot."""
        whole = snapshot(self._http)
        self.position = whole.header["cursor"]
        self.entries = {}
        self._take(whole.entries)

    def catch_up(self, **asked: object) -> Self:
        """Take changes until there are none."""
        while (page := changes(self._http, self.position, **asked)).entries:
            self._take(page.entries)
            self.position = page.end["cursor"]
        return self

    def states(self) -> dict[tuple[str, str], str]:
        """State by subject."""
        return {subject: entry["state"] for subject, entry in self.entries.items()}

    def _take(self, entries: list[Json]) -> None:
        for entry in entries:
            self.entries[entry["scope"], entry["digest"]] = entry


def states(*shards: Registry) -> dict[tuple[str, str], str]:
    """The same of the registry itself."""
    entries: list[Revocation] = [entry for registry in shards for entry in registry.snapshot().entries]
    return {(entry.subject.scope.value, entry.subject.digest.hex()): entry.state.slug for entry in entries}
