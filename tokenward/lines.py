"""Lines of files: plain, gzip, zstandard or standard input; in bounded memory, whatever is in them."""

import gzip
import io
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import zstandard

from tokenward.faults import Failure

STDIN = "-"
PIECE = 1 << 16
"""Bytes unpacked at once."""
PACKED_PIECE = 1 << 12
"""Bytes of zstandard read at once; the worst of them unpack to 128 MiB."""
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
        return io.BufferedReader(_Frames(raw), PIECE)
    return raw


def _cut(whole: BinaryIO | gzip.GzipFile | io.BufferedReader) -> Iterator[bytes]:
    while line := whole.readline(MOST_BYTES):
        rest = line
        while len(rest) == MOST_BYTES and not rest.endswith(b"\n"):
            rest = whole.readline(MOST_BYTES)
        yield line.strip()


class _Frames(io.RawIOBase):
    """The content of zstandard frames, one after another.

    The library's own reader takes a file that was cut off for a whole one.
    """

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self._frame = zstandard.ZstdDecompressor().decompressobj()
        self._begun = False
        self._packed = b""
        self._content = b""

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        while not self._content:
            self._packed = self._packed or self._raw.read(PACKED_PIECE)
            if not self._packed:
                if self._begun:
                    raise EOFError("it ends in the middle")
                return 0
            self._content, self._begun = self._frame.decompress(self._packed), True
            self._packed = self._frame.unused_data
            if self._frame.eof:
                self._frame, self._begun = zstandard.ZstdDecompressor().decompressobj(), False
        part = self._content[: len(target)]
        target[: len(part)] = part
        self._content = self._content[len(part) :]
        return len(part)
