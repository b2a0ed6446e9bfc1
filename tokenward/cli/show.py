"""The commands that show something: demo, doctor, settings."""

import logging
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tokenward import logs
from tokenward.cli.common import ConfigOption, JsonOption, print_json, print_line, safe
from tokenward.demo.run import run_demo, succeeded
from tokenward.demo.show import choose
from tokenward.doctor.examine import examine
from tokenward.faults import Failure
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


def demo(
    *,
    seconds: Annotated[float, typer.Option(min=4, max=86_400, help="Live traffic; starting takes some more.")] = 36.0,
    sessions: Annotated[int, typer.Option(min=200, max=100_000, help="Honest people.")] = 1000,
    seed: Annotated[int, typer.Option(help="The same seed has the same people and thieves.")] = 1,
    json: JsonOption = False,
) -> None:
    """Show the whole system at work: live traffic, four kinds of theft, and what the gateway answers."""
    logs.set_up(json=json, level=logging.ERROR)
    if not succeeded(run_demo(choose(json=json), seconds=seconds, sessions=sessions, seed=seed)):
        raise Failure("An attack got away, or an honest person was touched; the summary says which.")


SIGNS = {"ok": "[green]ok  [/]", "warn": "[yellow]warn[/]", "fail": "[bold red]fail[/]"}


def doctor(*, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Look at settings, servers, topics and telemetry, and say what to do. Exit code 1 where something fails."""
    console = Console(soft_wrap=True, highlight=False)
    failed = False
    for finding in examine(read_settings(config)):
        failed |= finding.state == "fail"
        if json:
            print_json(finding)
        else:
            console.print(f"{SIGNS[finding.state]} {safe(finding.name)}: {escape(finding.sentence)}")
    if failed:
        raise typer.Exit(1)
