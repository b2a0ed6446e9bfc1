"""The commands that show something: demo, doctor, settings."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from tokenward.cli.common import ConfigOption, JsonOption, print_json, print_line, safe
from tokenward.reference import rows, write_pages
from tokenward.settings import read_settings


def settings(
    *,
    docs: Annotated[Path | None, typer.Option(help="Write the reference pages into this folder instead.")] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Show every setting as it is in force; secrets are not shown."""
    if docs is not None:
        for path in write_pages(docs):
            print_line(str(path))
        return
    given = read_settings(config).model_dump(mode="json")
    values = {row.name: _value(given, row.name) for row in rows()}
    if json:
        print_json(values)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("setting", "value", "meaning"):
        table.add_column(title, overflow="fold")
    for row in rows():
        table.add_row(row.name, safe(values[row.name]), safe(row.meaning))
    Console().print(table)


def _value(given: object, name: str) -> object:
    for part in name.split("."):
        given = given[part] if isinstance(given, dict) else None
    return given


def demo(*, json: JsonOption = False) -> None:
    """Show it."""


def doctor(*, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Look."""
