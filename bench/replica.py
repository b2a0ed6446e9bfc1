"""`replica`: nanoseconds of one check in a full replica, its bytes an entry, and how soon a whole snapshot is applied.

The reference is what no implementation can leave out: the keyed digests of the same identities. The snapshot is read as
a gateway reads it: lines in a file, checked whole, then taken. Memory is what the process grew by, as the kernel says.
"""

import argparse
import gc
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, cast

from bench.report import Figures, compared
from bench.served import ISSUER, KEY, SCOPES, entries, milliseconds
from revocation.claims import Claims
from revocation.feed import decode_snapshot, encode_snapshot
from revocation.record import Cursor, Position, Revocation, digester
from revocation.replica import Replica

LEAST_ENTRIES, MOST_ENTRIES = 1_000, 10_000_000
TOKENS = 20_000
ROUNDS = 7
POSITION = Position((Cursor("0123456789abcdef", 1),))
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def run(args: Sequence[str]) -> Figures:
    """Measure; see `--help`."""
    options = _options(args)
    now = milliseconds()
    replica = Replica(KEY)
    with tempfile.TemporaryFile() as temporary:
        file = cast("BinaryIO", temporary)
        megabytes = _write(file, options.entries, now) / 1e6
        bare = _seconds(lambda: _read(file))
        before = _resident()
        applied = _seconds(lambda: _apply(file, replica, now))
        taken = _resident() - before
    tokens = [_token(number) for number in range(TOKENS)]
    refused = [Claims(iss=ISSUER, sid=f"v{number * 3}") for number in range(min(TOKENS, options.entries // 3))]
    checks, references = [], []
    for _ in range(ROUNDS):
        references.append(_each(_digests(), tokens))
        checks.append(_each(lambda claims: replica.check(claims, now), tokens))
    return compared(
        "replica",
        "ns a check",
        checks,
        references,
        "the three keyed digests of the same token",
        fastest_ns=round(min(checks)),
        refused_ns=round(_each(lambda claims: replica.check(claims, now), refused)),
        entries=len(replica),
        bytes_per_entry=round(taken / options.entries, 1),
        snapshot_seconds=round(applied, 2),
        snapshot_megabytes=round(megabytes, 1),
        bare_read_seconds=round(bare, 2),
    )


def _options(args: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench replica", description=__doc__)
    parser.add_argument("--entries", type=int, default=1_000_000, help="of the replica (default 1000000)")
    options = parser.parse_args(args)
    if not LEAST_ENTRIES <= options.entries <= MOST_ENTRIES:
        parser.error(f"entries from {LEAST_ENTRIES} to {MOST_ENTRIES}")
    return options


def _token(number: int) -> Claims:
    """An honest token, as a gateway sees many of."""
    return Claims(
        iss=ISSUER,
        sub=f"99beb27c-{number:08}",
        sid=f"c8a3f0de-{number:08}",
        jti=f"1b6f02aa-{number:08}",
        iat=1_795_427_100 + number,
        client_id="spa",
    )


def _digests() -> Callable[[Claims], object]:
    family, token, subject = (digester(KEY, scope, ISSUER) for scope in SCOPES)
    return lambda claims: (family(claims.sid or ""), token(claims.jti or ""), subject(claims.sub or ""))


def _write(file: BinaryIO, count: int, now: int) -> int:
    """Write the snapshot; say how many bytes it has."""
    file.writelines(encode_snapshot(POSITION, _Counted(count, now), now))
    return file.tell()


class _Counted:
    """Entries made while they are read, whose number is known."""

    def __init__(self, count: int, now: int) -> None:
        self._count, self._now = count, now

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Revocation]:
        return entries(self._count, self._now)

    def __contains__(self, _: object) -> bool:
        return False


def _read(file: BinaryIO) -> None:
    """What it takes to read the lines and do nothing with them."""
    file.seek(0)
    for _ in file:
        pass


def _apply(file: BinaryIO, replica: Replica, now: int) -> None:
    file.seek(0)
    heard = decode_snapshot(file)
    replica.replace(heard.position, heard.entries, now)


def _each(check: Callable[[Claims], object], tokens: Sequence[Claims]) -> float:
    """Nanoseconds for each token."""
    return 1e9 * _seconds(lambda: [check(claims) for claims in tokens] and None) / len(tokens)


def _seconds(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def _resident() -> int:
    """Bytes of memory that this process holds."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES
