"""The audit trail, read: from its topic with the heads in Redis, or from a file of the topic's values, line by line."""

import heapq
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec

from revocation.chain import ANNOUNCED, Head, Record, keys_of
from revocation.registry import Whole
from revocation.retelling import Abandoned, Difference, Retelling, read_record
from revocation.verification import Finding, Line, Verification
from tokenward import topics
from tokenward.faults import Failure
from tokenward.lines import check_files, read_lines
from tokenward.settings import Settings
from tokenward.wiring import clock, heads_of

MOST_HEADS_BYTES = 64 << 20


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What a verification has read."""

    records: int
    chains: int
    #: Chains whose beginning has been deleted by age.
    shortened: int
    #: Whether heads said how far the chains must go.
    anchored: bool


def verify(
    settings: Settings, file: str | None, heads: Path | None, on_finding: Callable[[Finding], None]
) -> tuple[Seen, list[Head]]:
    """Verify the topic against Redis' heads, or a file against none; and in both cases against those in a file.

    Raises:
        Failure: something cannot be read.
    """
    kept = [] if heads is None else _read_heads(heads)
    live = file is None
    verification = Verification([*_heads(settings), *kept] if live else kept, keys_of(settings.audit.verifying))
    lines = topics.lines(settings, settings.topics.audit) if file is None else _file(file)
    for line in lines:
        for finding in verification.read(line):
            on_finding(finding)
    # Whoever began since the heads were read is known by now; a file of heads does not say who may be there besides.
    for finding in verification.end(_heads(settings) if live else None):
        on_finding(finding)
    found = verification.heads
    return (
        Seen(
            records=verification.records,
            chains=len(found),
            shortened=verification.shortened,
            anchored=live or bool(kept),
        ),
        found,
    )


def records(settings: Settings, file: str | None) -> Iterator[Record]:
    """The records that can be read, in the order of their time as far as each partition keeps it."""
    if file is not None:
        streams = [_file(file)]
    else:
        topic = settings.topics.audit
        streams = [topics.lines(settings, topic, number) for number in topics.partitions(settings, topic)]
    found = (filter(None, (read_record(line.value) for line in stream)) for stream in streams)
    return heapq.merge(*found, key=lambda record: record.event.at)


def retell(settings: Settings, file: str | None, registry: Whole) -> tuple[Retelling, list[Difference]]:
    """The registry as the trail tells it, and what differs from the one in force.

    Raises:
        Failure: the trail cannot be read.
    """
    abandoned = Abandoned()
    for record in records(settings, file):
        abandoned.read(record)
    entries = list(chain.from_iterable(shard.snapshot().entries for shard in registry.shards))
    retelling = Retelling(abandoned)
    for record in records(settings, file):
        retelling.tell(record)
    return retelling, retelling.differences(entries, clock())


def _heads(settings: Settings) -> list[Head]:
    """The heads in Redis; a chain that ended before what is kept need not be there any more."""
    since = clock() - settings.audit.kept_ms
    return [
        noted.head if noted.at >= since else Head(chain=noted.head.chain, number=ANNOUNCED)
        for noted in heads_of(settings).all()
    ]


def _file(name: str) -> Iterator[Line]:
    check_files([name])
    return (Line(line.value, 0, line.number - 1) for line in read_lines([name]))


def _read_heads(path: Path) -> list[Head]:
    """Heads as `audit heads --json` prints them, one a line."""
    try:
        if path.stat().st_size > MOST_HEADS_BYTES:
            raise Failure(f"The file {path} is too large to be one of heads.")
        return [msgspec.json.decode(line, type=Head) for line in path.read_bytes().splitlines() if line.strip()]
    except OSError as error:
        raise Failure(f"The file {path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise Failure(f"The file {path} does not hold heads, as `tokenward audit heads --json` prints them.") from error


def wanted(
    found: Iterable[Record], *, actor: str | None, action: str | None, digest: str | None, since: int, until: int
) -> Iterator[Record]:
    """The records that are asked for; None: whichever."""
    for record in found:
        event = record.event
        about = [*(entry.digest for entry in event.entries), event.details.get("digest")]
        if (
            actor in {None, event.actor}
            and action in {None, event.action}
            and (digest is None or digest in about)
            and since <= event.at < until
        ):
            yield record


def known_heads(settings: Settings) -> list[dict[str, Any]]:
    """The heads in Redis of chains that have records, worth keeping elsewhere."""
    return [msgspec.to_builtins(head) for head in _heads(settings) if head.number > ANNOUNCED]
