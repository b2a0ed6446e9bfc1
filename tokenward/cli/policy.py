"""The commands about the policy file: check it, write its schema, compare two of them on recorded telemetry."""

import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from ingest.formats import FORMATS
from revocation.policy import policy_schema
from tokenward.cli.common import ConfigOption, JsonOption, print_json, print_line, safe
from tokenward.cli.files import MOST_ROWS, WIDTH, progress, replay_of
from tokenward.difference import CHANGES, Difference
from tokenward.faults import WrongUse
from tokenward.lines import check_files, read_lines
from tokenward.policies import PolicyFile
from tokenward.settings import read_settings
from tokenward.wiring import issuers_of

COLOURS = {"only_a": "yellow", "only_b": "bold red", "stronger": "red", "weaker": "cyan"}

app = typer.Typer(name="policy", help="The policy file: check, schema, diff.", no_args_is_help=True)


@app.command()
def check(
    *, file: Annotated[Path, typer.Argument(help="Policy file.")], config: ConfigOption = None, json: JsonOption = False
) -> None:
    """Say whether a policy would be accepted, and which of its names nothing in the settings answers to."""
    rules = PolicyFile(file, list(issuers_of(read_settings(config))), b"").rules()
    if json:
        print_json({"accepted": True, "mode": rules.policy.mode, "config": rules.config, "unused": rules.unused})
        return
    print_line(f"{file}: accepted, mode {rules.policy.mode}.")
    for name in rules.unused:
        print_line(f"{safe(name)}: no configured issuer has that name, so this part of the policy never holds.")


@app.command()
def schema() -> None:
    """Print the JSON schema of the policy file, by which editors complete and check it."""
    sys.stdout.write(policy_schema().decode())


@app.command()
def diff(
    *,
    a: Annotated[Path, typer.Argument(help="Policy file, as it is.")],
    b: Annotated[Path, typer.Argument(help="Policy file, as it might be.")],
    files: Annotated[
        list[str], typer.Argument(help="Telemetry, one record a line; - is standard input, .gz and .zst too.")
    ],
    format_: Annotated[str, typer.Option("--format", help=f"What the records are: {', '.join(FORMATS)}.")] = "native",
    geoip: Annotated[Path | None, typer.Option(help="MMDB file: address to position.")] = None,
    asn: Annotated[Path | None, typer.Option(help="MMDB file: address to autonomous system.")] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Show what policy B would have decided otherwise than policy A on recorded telemetry. Nothing is enforced."""
    if format_ not in FORMATS:
        raise WrongUse(f"There is no format {format_}; there are {', '.join(FORMATS)}.")
    size = check_files(files)
    one, other = (replay_of(format_, geoip, asn, path, config) for path in (a, b))
    difference = Difference(one, other)
    began = time.perf_counter()
    with progress(size) as advance:
        changes = difference.lines(read_lines(files, advance))
        table = None if json else _table(changes)
        for change in changes:  # the table has taken all of them
            print_json(change)
    summary = difference.summary(time.perf_counter() - began)
    if table is None:
        print_json(summary)
    else:
        _print(table, summary)


def _table(changes: Iterable[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("at", "change", "a", "b"):
        table.add_column(title, no_wrap=True)
    for title in ("who", "client", "why"):
        table.add_column(title, overflow="fold")
    for change in changes:
        if table.row_count < MOST_ROWS:
            colour = COLOURS[change["change"]]
            table.add_row(
                change["at"],
                f"[{colour}]{change['change'].replace('_', ' ')}[/]",
                *(_does(change[side]) for side in "ab"),
                safe(change.get("sub") or change.get("sid") or change["kind"]),
                safe(change.get("client_id", "")),
                ", ".join(change["reasons"]),
            )
    return table


def _does(side: dict[str, Any] | None) -> str:
    return "-" if side is None else f"{side['level']} ({side['enforcement']})"


def _print(table: Table, summary: dict[str, Any]) -> None:
    console = Console()
    console = console if console.is_terminal else Console(width=WIDTH)
    if table.row_count:
        console.print(table)
        console.print()
    counts = ", ".join(f"{summary[change]:,} {change.replace('_', ' ')}" for change in CHANGES)
    console.print(f"{summary['events']:,} events; decisions: {counts}.", highlight=False, soft_wrap=True)
