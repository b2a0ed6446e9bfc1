"""`tokenward fit`: labelled telemetry to a table of odds in a file, which the detector then weighs by."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from detector import weights
from detector.odds import Ladder, Odds
from detector.weights import ODDS
from tests.tokenward.command import tokenward
from tokenward import odds_files
from tokenward.faults import Failure
from tokenward.feedback import Judgement
from tokenward.fitting import judgements

TRAVEL_ONLY = Odds(-9_000, {"travel": Ladder((2,), (5_000,))}, source="a test")


@pytest.fixture(scope="module")
def telemetry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two simulated hours with many thefts, and their labels."""
    folder = tmp_path_factory.mktemp("telemetry")
    arguments = ("--sessions", "1500", "--hours", "2", "--thefts", "280", "--out", "t.ndjson")
    assert 0 == tokenward("simulate", *arguments, folder=folder).returncode
    return folder / "t.ndjson"


def test_a_table_is_fitted_and_used(telemetry: Path, tmp_path: Path) -> None:
    """fit writes the same table twice, with its figures; a replay by it names its version."""
    runs = [tokenward("fit", str(telemetry), "--out", name, "--json", folder=tmp_path) for name in ("a", "b")]
    settings = {"TOKENWARD_DETECTOR__ODDS": str(tmp_path / "a")}
    replayed = tokenward("replay", str(telemetry), "--json", folder=tmp_path, settings=settings).stdout

    told = json.loads(runs[0].stdout)
    used = {json.loads(line).get("odds") for line in replayed.splitlines()[:-1]}
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert {told["version"]} == {odds_files.load(tmp_path / "a").version} == used
    assert 0 <= told["expected_calibration_error"] < 0.05
    assert 280 == told["stolen"]


def test_people_get_tables_and_a_module(telemetry: Path, tmp_path: Path) -> None:
    """Without --json there are sentences and two tables; --python writes a module with the same table."""
    done = tokenward("fit", str(telemetry), "--out", "a", "--python", "weights.py", folder=tmp_path)

    module: dict[str, Any] = {}
    exec((tmp_path / "weights.py").read_text(), module)  # noqa: S102 - the module that was just written
    assert "Expected calibration error" in done.stdout
    assert "was theft" in done.stdout
    assert odds_files.load(tmp_path / "a").version == module["ODDS"].version


def test_judgements_are_learnt_from(telemetry: Path, tmp_path: Path) -> None:
    """False alarms of impossible travel, told by people, take weight off it."""
    lines = [
        msgspec.json.encode(Judgement(alert=f"{n:032x}", truth=False, at="", actor="bob", grades={"travel": 2}))
        for n in range(1 << 64, (1 << 64) + 40)
    ]
    lines = [line.replace(b'"alert":"0', b'"alert":"%x' % (n % 16)) for n, line in enumerate(lines)]
    (tmp_path / "judged").write_bytes(b"\n".join(lines))
    weighed = []
    for extra in ((), ("--feedback-file", "judged", "--feedback-weight", "50")):
        done = tokenward("fit", str(telemetry), "--out", "a", *extra, "--json", folder=tmp_path)
        assert 0 == done.returncode, done.stderr
        weighed.append({step["grade"]: step["now"] for step in json.loads(done.stdout)["ladders"]["travel"]}[2])

    assert weighed[1] < weighed[0]


def test_alerts_without_grades_teach_nothing() -> None:
    """A judgement on an alert that does not say what was asked is passed over; so are none at all."""
    bare = Judgement(alert="0" * 32, truth=True, at="", actor="bob", grades={})

    assert 0 == len(judgements([bare], 5).session)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("none.ndjson",), "no file none.ndjson.labels"),
        (("t", "--labels", "none"), "no file none"),
        (("t", "--labels", "t"), "is no label"),
        (("t", "--labels", "empty"), "at least 20 stolen"),
        (("t", "--labels", "empty", "--feedback-file", "t"), "is no judgement"),
        (("t", "--labels", "empty", "--format", "nope"), "no format nope"),
    ],
)
def test_what_cannot_be_fitted_is_a_sentence(tmp_path: Path, arguments: tuple[str, ...], sentence: str) -> None:
    """Missing or wrong files, and too little telemetry, end the command with one sentence, and nothing is written."""
    (tmp_path / "t").write_text("[]\n")
    (tmp_path / "empty").write_text("")

    done = tokenward("fit", *arguments, "--out", "odds.json", folder=tmp_path)

    assert (True, 1) == (done.returncode > 0, done.stderr.count("\n"))
    assert sentence in done.stderr
    assert not (tmp_path / "odds.json").exists()


def test_tables_come_back_from_their_files(tmp_path: Path) -> None:
    """JSON and Python hold all of a table, and what else the module holds stays."""
    odds_files.save(tmp_path / "odds.json", ODDS)
    loaded = odds_files.load(tmp_path / "odds.json")
    module: dict[str, Any] = {}
    shipped = tmp_path / "weights.py"
    shipped.write_text(Path(weights.__file__).read_text())
    odds_files.save_python(shipped, TRAVEL_ONLY)
    exec(shipped.read_text(), module)  # noqa: S102 - the module that was just made

    assert (ODDS.version, ODDS.source) == (loaded.version, loaded.source)
    assert (TRAVEL_ONLY.version, TRAVEL_ONLY.source) == (module["ODDS"].version, module["ODDS"].source)
    assert weights.ORIGIN_ODDS.version == module["ORIGIN_ODDS"].version


def edited(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    """Changes the JSON of a file."""

    def edit(path: Path) -> None:
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))

    return edit


BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "absent": (Path.unlink, "cannot be read"),
    "no_json": (lambda path: path.write_text("{"), "cannot be used"),
    "huge": (lambda path: path.write_bytes(bytes(odds_files.MOST_BYTES + 1)), "more than 1 MiB"),
    "edited": (edited(lambda odds: odds.update(prior=-1)), "changed after the fit"),
    "schema": (edited(lambda odds: odds.update(schema="tokenward.odds.v2")), "cannot be used"),
    "unknown": (edited(lambda odds: odds.update(priors=1)), "cannot be used"),
    "falling": (edited(lambda odds: odds["ladders"]["travel"].update(edges=[1, 2], weights=[2, 1])), "rising edges"),
    "channel": (edited(lambda odds: odds["ladders"].update(luck={"edges": [], "weights": []})), "no channel luck"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_table_is_a_sentence(tmp_path: Path, name: str) -> None:
    """A file that is missing, damaged or edited by hand is refused with one sentence."""
    damage, sentence = BAD[name]
    path = tmp_path / "odds.json"
    odds_files.save(path, TRAVEL_ONLY)
    damage(path)

    with pytest.raises(Failure, match=sentence):
        odds_files.load(path)
