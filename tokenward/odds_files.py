"""Files of odds: JSON for the settings, and the Python module that is shipped."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal

import msgspec

from detector.odds import Ladder, Odds
from detector.verdict import CHANNELS
from tokenward.faults import Failure

MOST_BYTES = 1 << 20


class Steps(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One channel's ladder: from `edges[i]` on a grade weighs `weights[i]` thousandths of a nat."""

    edges: list[int]
    weights: list[int]


class OddsFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What stands in the file."""

    schema: Literal["tokenward.odds.v1"]
    #: Names the content, so that a file edited by hand is noticed.
    version: str
    source: str
    prior: int
    ladders: dict[str, Steps]


def save(path: Path, odds: Odds) -> None:
    """Write a table as JSON.

    Raises:
        Failure: the file cannot be written.
    """
    ladders = {name: Steps(list(ladder.edges), list(ladder.weights)) for name, ladder in odds.ladders.items()}
    file = OddsFile("tokenward.odds.v1", odds.version, odds.source, odds.prior, ladders)
    write_text(path, msgspec.json.format(msgspec.json.encode(file), indent=2).decode() + "\n")


def load(path: Path) -> Odds:
    """Read a table.

    Raises:
        Failure: the file is missing, or holds no table, or not the one that its version names.
    """
    try:
        with path.open("rb") as file:
            return _odds(file.read(MOST_BYTES + 1))
    except OSError as error:
        raise Failure(f"The table of odds {path} cannot be read: {error.strerror}.") from error
    except (msgspec.DecodeError, ValueError) as error:
        fault = str(error).rstrip(".")
        raise Failure(f"The table of odds {path} cannot be used: {fault}; `tokenward fit` makes one.") from error


def _odds(content: bytes) -> Odds:
    if len(content) > MOST_BYTES:
        raise ValueError("it has more than 1 MiB")
    file = msgspec.json.decode(content, type=OddsFile)
    ladders = {name: Ladder(tuple(steps.edges), tuple(steps.weights)) for name, steps in file.ladders.items()}
    odds = Odds(file.prior, ladders, file.source)
    if odds.version != file.version:
        raise ValueError(f"it calls itself {file.version} and is {odds.version}, so it was changed after the fit")
    return odds


HEAD: Final = (
    '"""The odds that the detector is shipped with: a table for `detector.odds`, rewritten by `tokenward fit`."""\n\n'
    "from typing import Final\n\nfrom detector.odds import Ladder, Odds\n\n"
)
TABLE: Final = re.compile(r"^ODDS: Final = Odds\(\n.*?^\)\n", re.DOTALL | re.MULTILINE)


def save_python(path: Path, odds: Odds) -> None:
    """Write the table into a module such as `detector/weights.py`; what else stands there stays.

    Raises:
        Failure: the file cannot be read or written.
    """
    try:
        before = path.read_text() if path.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"The file {path} cannot be read: {error}.") from error
    table = as_python(odds)
    write_text(path, TABLE.sub(lambda _: table, before, count=1) if TABLE.search(before) else HEAD + table)


def as_python(odds: Odds) -> str:
    """The table as a statement."""
    ladders = "".join(
        f'        "{name}": Ladder({_tuple(odds.ladders[name].edges)}, {_tuple(odds.ladders[name].weights)}),\n'
        for name in CHANNELS
        if name in odds.ladders
    )
    source = msgspec.json.encode(odds.source).decode()
    return (
        f"ODDS: Final = Odds(\n    prior={odds.prior:_},\n    ladders={{\n{ladders}    }},\n    source={source},\n)\n"
    )


def write_text(path: Path, text: str) -> None:
    """Write a file.

    Raises:
        Failure: it cannot be written.
    """
    try:
        path.write_text(text)
    except OSError as error:
        raise Failure(f"The file {path} cannot be written: {error.strerror}.") from error


def _tuple(numbers: Sequence[int]) -> str:
    values = [f"{value:_}" for value in numbers]
    return f"({', '.join(values)}{',' if len(values) == 1 else ''})"
