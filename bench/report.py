"""The shape that benches report in, and how it is shown."""

import json
import statistics
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table


class NotRun(Exception):  # noqa: N818 - a bench that cannot run here is no error of the others
    """What a bench needs is not there; the sentence says what."""


Figures = Mapping[str, object]
"""`name` and the bench's figures. Those with a reference have what `compared` returns; a bench may add more."""


def compared(
    name: str, unit: str, values: Sequence[float], references: Sequence[float], reference_name: str, **more: object
) -> Figures:
    """The figures of a bench with a reference: the medians of rounds that alternated, and their ratio."""
    value, reference = statistics.median(values), statistics.median(references)
    return {
        "name": name,
        "value": round(value),
        "unit": unit,
        "reference": round(reference),
        "reference_name": reference_name,
        "ratio": round(value / reference, 3),
    } | more


def as_json(figures: Figures) -> str:
    """One line."""
    return json.dumps(figures)


def show(all_figures: Sequence[Figures]) -> None:
    """Print a table: the common members in columns, the others as they are."""
    columns = ("name", "value", "unit", "reference", "reference_name", "ratio")
    table = Table(*columns, "more")
    for figures in all_figures:
        more = [
            f"{name} {_text(value)}" for name, value in figures.items() if name not in (*columns, *_matrices(figures))
        ]
        table.add_row(*(_text(figures.get(column, "")) for column in columns), "\n".join(more))
    Console().print(table)
    for figures in all_figures:
        for name, matrix in _matrices(figures).items():
            _show_matrix(f"{figures['name']}: {name}", matrix)


def _matrices(figures: Figures) -> dict[str, Mapping[str, Mapping[str, object]]]:
    """The members that are tables themselves: rows by name, each a mapping."""
    return {
        name: value
        for name, value in figures.items()
        if isinstance(value, Mapping) and value and all(isinstance(row, Mapping) for row in value.values())
    }


def _show_matrix(title: str, matrix: Mapping[str, Mapping[str, object]]) -> None:
    columns = list(dict.fromkeys(column for row in matrix.values() for column in row))
    table = Table("", *columns, title=title)
    for name, row in matrix.items():
        table.add_row(name, *(_text(row.get(column, "")) for column in columns))
    Console().print(table)


def _text(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)
