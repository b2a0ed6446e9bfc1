"""Files of forests: numpy's `.npz` without pickles, read within bounds whatever is in them."""

import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from detector.model import Forest
from tokenward.faults import Failure

MOST_BYTES = 64 << 20
"""The largest forest that is allowed has some 36 MB."""
MOST_ARRAYS = 32

UNUSABLE = (zipfile.BadZipFile, ValueError, EOFError, RuntimeError)
"""What zipfile and numpy raise at damaged archives, encrypted or packed in ways they do not know."""


def save(path: Path, forest: Forest) -> None:
    """Write a forest; equal forests give equal files.

    Raises:
        Failure: the file cannot be written.
    """
    packed = BytesIO()
    np.savez(packed, allow_pickle=False, **forest.arrays())
    try:
        path.write_bytes(packed.getvalue())
    except OSError as error:
        raise Failure(f"The file {path} cannot be written: {error.strerror}.") from error


def load(path: Path) -> Forest:
    """Read a forest.

    Raises:
        Failure: the file is missing, too large, damaged, or holds no forest.
    """
    try:
        return Forest.of(_arrays(path))
    except OSError as error:
        raise Failure(f"The forest {path} cannot be read: {error.strerror}.") from error
    except UNUSABLE as error:
        raise Failure(
            f"The forest {path} cannot be used: {str(error).rstrip('.')}; `tokenward train` makes one."
        ) from error


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    if path.stat().st_size > MOST_BYTES:
        raise ValueError(f"it has more than {MOST_BYTES >> 20} MiB")
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if len(members) > MOST_ARRAYS or sum(member.file_size for member in members) > MOST_BYTES:
            raise ValueError(f"it unpacks to more than {MOST_BYTES >> 20} MiB, or to more than {MOST_ARRAYS} arrays")
        return {member.filename.removesuffix(".npy"): _array(archive.read(member)) for member in members}


def _array(content: bytes) -> NDArray[Any]:
    """One array; the length that its head claims must be there, so that nothing larger is ever made."""
    stream = BytesIO(content)
    if npy.read_magic(stream) != (1, 0):
        raise ValueError("its arrays are of another version of the format")
    shape, _, dtype = npy.read_array_header_1_0(stream)
    rest = content[stream.tell() :]
    if dtype.kind not in "iuf" or len(shape) != 1 or shape[0] * dtype.itemsize != len(rest):
        raise ValueError("its arrays are not plain rows of numbers")
    return np.frombuffer(rest, dtype)
