"""`tokenward train`: telemetry to a forest in a file, and what is no such file."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from detector.training import fit
from detector.verdict import MEASUREMENTS
from tests.tokenward.command import tokenward
from tokenward import forests
from tokenward.faults import Failure
from tokenward.training import Reservoir


@pytest.fixture(scope="module")
def telemetry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A simulated hour."""
    folder = tmp_path_factory.mktemp("telemetry")
    done = tokenward(
        "simulate", "--sessions", "600", "--hours", "1", "--thefts", "8", "--out", "t.ndjson", folder=folder
    )
    assert 0 == done.returncode, done.stderr
    return folder / "t.ndjson"


def test_a_forest_is_trained_and_read_back(telemetry: Path, tmp_path: Path) -> None:
    """train says what it learnt from; the same seed gives the same file, byte for byte."""
    runs = [tokenward("train", str(telemetry), "--out", name, "--json", folder=tmp_path) for name in ("a.npz", "b.npz")]

    told = json.loads(runs[0].stdout)
    assert told["version"] == forests.load(tmp_path / "a.npz").version
    assert 256 <= told["sampled"] == told["measured"] < told["events"]
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_the_sample_is_bounded(telemetry: Path, tmp_path: Path) -> None:
    """--sample bounds what is learnt from."""
    done = tokenward("train", str(telemetry), "--out", "a.npz", "--sample", "300", "--json", folder=tmp_path)

    assert 300 == json.loads(done.stdout)["sampled"]


def test_too_little_telemetry_is_a_sentence(tmp_path: Path) -> None:
    """A file of a few events is refused, and nothing is written."""
    (tmp_path / "t.ndjson").write_text("")

    done = tokenward("train", "t.ndjson", "--out", "a.npz", folder=tmp_path)

    assert (1, 1) == (done.returncode, done.stderr.count("\n"))
    assert "at least 256 measured events" in done.stderr
    assert not (tmp_path / "a.npz").exists()


def test_a_reservoir_is_fair() -> None:
    """Of 10,000 rows in batches of any size, early and late ones are kept alike."""
    reservoir = Reservoir(1_000, seed=1)
    numbered = np.zeros((10_000, len(MEASUREMENTS)), np.float32)
    numbered[:, 0] = np.arange(10_000)
    for part in np.array_split(numbered, 17):
        reservoir.add(part)

    kept = reservoir.sample()[:, 0]

    assert 1_000 == len(np.unique(kept))
    assert 4_600 < kept.mean() < 5_400


def saved(path: Path) -> Path:
    """A good forest in a file."""
    forests.save(path, fit(np.random.default_rng(1).random((300, len(MEASUREMENTS))).astype(np.float32), seed=1))
    return path


def rewritten(change: Callable[[dict[str, np.ndarray]], None]) -> Callable[[Path], None]:
    """Changes the arrays of a file."""

    def rewrite(path: Path) -> None:
        with np.load(path) as loaded:
            arrays = dict(loaded)
        change(arrays)
        np.savez(path, **arrays)

    return rewrite


def lying(path: Path) -> None:
    """An array whose head claims more than there is."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts["path.npy"] = parts["path.npy"].replace(b"'shape': (", b"'shape': (9")
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


def bomb(path: Path) -> None:
    """A small file that unpacks to a large one."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("path.npy", bytes(forests.MOST_BYTES + 1))


BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "absent": (Path.unlink, "cannot be read"),
    "no_zip": (lambda path: path.write_bytes(b"no forest"), "not a zip file"),
    "cut": (lambda path: path.write_bytes(path.read_bytes()[:-100]), "cannot be used"),
    "huge": (lambda path: path.write_bytes(bytes(forests.MOST_BYTES + 1)), "more than 64 MiB"),
    "bomb": (bomb, "unpacks to more than 64 MiB"),
    "no_array": (lambda path: zipfile.ZipFile(path, "w").writestr("a", b"x"), "cannot be used"),
    "lying": (lying, "not plain rows of numbers"),
    "objects": (
        rewritten(lambda arrays: arrays.update(path=np.array([{"a": 1}], object))),
        "not plain rows of numbers",
    ),
    "schema": (rewritten(lambda arrays: arrays.update(schema=np.array([9]))), "schema is not 1"),
    "damaged": (rewritten(lambda arrays: arrays["path"].__setitem__(0, 1)), "file is damaged"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_forest_is_a_sentence(tmp_path: Path, name: str) -> None:
    """A file that is missing, too large, damaged or something else is refused with one sentence, never unpickled."""
    damage, sentence = BAD[name]
    path = saved(tmp_path / "forest.npz")
    damage(path)

    with pytest.raises(Failure, match=sentence):
        forests.load(path)
