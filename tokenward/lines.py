"""Lines of files: plain, gzip, zstandard or standard input; in bounded memory, whatever is in them."""

import gzip
import io
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, NamedTuple

import zstandard

from tokenward.faults import Failure

STDIN = "-"
MOST_BYTES = 1 << 20
"""A longer line is cut here, and the rest of it passed over: no format takes a record of that size."""


class Line(NamedTuple):
    """One line: its file, its number from 1, its content without the line end."""

    file: str
    number: int
    value: bytes


def check_files(names: Sequence[str]) -> int:
    """How many bytes the files have together; standard input counts 0.

    Raises:
        Failure: one is missing, or is none.
    """
    total = 0
    for name in names:
        if name != STDIN:
            path = Path(name)
            if not path.is_file():
                raise Failure(f"There is no file {name}.")
            total += path.stat().st_size
    return total


def read_lines(names: Sequence[str], on_bytes: Callable[[int], None] = lambda _read: None) -> Iterator[Line]:
    """The lines of all files, one file after another; blank ones are passed over. `on_bytes` is told of the progress.

    Raises:
        Failure: a file cannot be read, or is damaged.
    """
    done = 0
    for name in names:
        with ExitStack() as stack:
            try:
                raw = sys.stdin.buffer if name == STDIN else stack.enter_context(Path(name).open("rb"))
                for number, value in enumerate(_cut(_unpacked(name, raw)), 1):
                    if number % 1024 == 0 and name != STDIN:
                        on_bytes(done + raw.tell())
                    if value:
                        yield Line(name, number, value)
            except (EOFError, gzip.BadGzipFile, zlib.error, zstandard.ZstdError) as error:
                raise Failure(f"The file {name} is damaged or not what its name says: {error}.") from error
            except OSError as error:
                raise Failure(f"The file {name} cannot be read: {error.strerror or error}.") from error
            done += raw.tell() if name != STDIN else 0
            on_bytes(done)


def _unpacked(name: str, raw: BinaryIO) -> BinaryIO | gzip.GzipFile | io.BufferedReader:
    if name.endswith(".gz"):
        return gzip.GzipFile(fileobj=raw)
    if name.endswith((".zst", ".zstd")):
        reader = zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True, closefd=False)
        return io.BufferedReader(reader, 1 << 16)
    return raw


def _cut(whole: BinaryIO | gzip.GzipFile | io.BufferedReader) -> Iterator[bytes]:
    while line := whole.readline(MOST_BYTES):
        rest = line
        while len(rest) == MOST_BYTES and not rest.endswith(b"\n"):
            rest = whole.readline(MOST_BYTES)
        yield line.strip()
