"""Lines of files of every kind."""

import gzip
from pathlib import Path

import pytest
import zstandard

from tokenward.faults import Failure
from tokenward.lines import MOST_BYTES, check_files, read_lines

TEXT = b'{"a":1}\n\n  \r\n{"b":2}\r\n{"c":3}'
LINES = [(1, b'{"a":1}'), (4, b'{"b":2}'), (5, b'{"c":3}')]


def content_of(path: Path) -> list[tuple[int, bytes]]:
    """Number and value of each line."""
    return [(line.number, line.value) for line in read_lines([str(path)])]


def test_plain_gzip_and_zstandard_hold_the_same_lines(tmp_path: Path) -> None:
    """The ending of the name says how a file is packed; blank lines count, but are passed over."""
    frames = [zstandard.ZstdCompressor().compress(part) for part in (TEXT[:9], TEXT[9:])]
    contents = {"a": TEXT, "a.gz": gzip.compress(TEXT[:9]) + gzip.compress(TEXT[9:]), "a.zst": b"".join(frames)}
    paths = [tmp_path / name for name in contents]
    for path in paths:
        path.write_bytes(contents[path.name])

    assert [LINES] * 3 == [content_of(path) for path in paths]


def test_several_files_are_one_stream(tmp_path: Path) -> None:
    """Files follow one another; each counts its own lines."""
    for name in ("a", "b"):
        (tmp_path / name).write_text(f"{name}1\n{name}2\n")

    read = [(Path(line.file).name, line.number) for line in read_lines([str(tmp_path / "b"), str(tmp_path / "a")])]

    assert [("b", 1), ("b", 2), ("a", 1), ("a", 2)] == read


def test_progress_ends_at_the_size_of_the_files(tmp_path: Path) -> None:
    """The bytes told of never shrink and end at what the files have."""
    path = tmp_path / "a"
    path.write_bytes(b"x" * 50 + b"\n")
    path.write_bytes(path.read_bytes() * 3000)
    told: list[int] = []

    lines = list(read_lines([str(path), str(path)], told.append))

    assert 6000 == len(lines)
    assert sorted(told) == told
    assert check_files([str(path), str(path)]) == told[-1]


def test_an_endless_line_takes_bounded_memory(tmp_path: Path) -> None:
    """What is longer than any record is cut; the next line is whole."""
    path = tmp_path / "a"
    path.write_bytes(b"x" * (3 * MOST_BYTES + 5) + b"\nnext\n")

    assert [MOST_BYTES, 4] == [len(value) for _, value in content_of(path)]


DAMAGED = {
    "a.gz": gzip.compress(TEXT * 1000)[:-20],
    "b.gz": b"no gzip",
    "c.zst": zstandard.ZstdCompressor().compress(TEXT)[:4] + b"rest",
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_file_is_said_so(tmp_path: Path, name: str) -> None:
    """Cut off or not packed at all: a sentence that names the file."""
    path = tmp_path / name
    path.write_bytes(DAMAGED[name])

    with pytest.raises(Failure, match=f"{name} is damaged or not what its name says"):
        content_of(path)


def test_a_missing_file_is_found_before_anything_is_read(tmp_path: Path) -> None:
    """A folder is no file either."""
    with pytest.raises(Failure, match="There is no file"):
        check_files([str(tmp_path)])
