"""The command that works on files: replay."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from ingest.columns import Columns
from ingest.formats import FORMATS
from tokenward.cli.common import ConfigOption, JsonOption, print_json, safe
from tokenward.faults import WrongUse
from tokenward.lines import check_files, read_lines
from tokenward.policies import PolicyFile
from tokenward.replay import Replay, Tally
from tokenward.settings import read_settings
from tokenward.wiring import issuers_of, model_of, odds_of, places_of

FILE_KEY = b"Files without a key of their own."[:32]
"""Digests what files say where the settings hold no key: the same file, the same ids. Nothing is enforced on them."""
COLOURS = {"watch": "cyan", "quarantine": "yellow", "revoke": "bold red"}
WIDTH = 160
"""Columns of a table that goes to no terminal."""
MOST_NUMBERS = 20
"""Numbers of rejected lines that are shown for each reason."""


def replay(
    *,
    files: Annotated[
        list[str], typer.Argument(help="Telemetry, one record a line; - is standard input, .gz and .zst too.")
    ],
    format_: Annotated[str, typer.Option("--format", help=f"What the records are: {', '.join(FORMATS)}.")] = "native",
    geoip: Annotated[Path | None, typer.Option(help="MMDB file: address to position.")] = None,
    asn: Annotated[Path | None, typer.Option(help="MMDB file: address to autonomous system.")] = None,
    policy: Annotated[Path | None, typer.Option(help="Policy file.")] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show watched decisions too, and the numbers of rejected lines.")
    ] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Judge recorded telemetry: decode, enrich, detect and decide over files. Nothing is enforced."""
    if format_ not in FORMATS:
        raise WrongUse(f"There is no format {format_}; there are {', '.join(FORMATS)}.")
    size = check_files(files)
    run = replay_of(format_, geoip, asn, policy, config)
    began = time.perf_counter()
    with progress(size) as advance:
        decisions = run.decisions(read_lines(files, advance))
        found = None if json else _as_table(decisions, watched=verbose)
        for decision in decisions:  # the table has taken all of them
            print_json(decision)
    summary = run.tally.summary(time.perf_counter() - began)
    if found is None:
        print_json(summary)
    else:
        _print_summary(found, summary)
    if verbose:
        _print_refused(run.tally)


def replay_of(form: str, geoip: Path | None, asn: Path | None, policy: Path | None, config: Path | None) -> Replay:
    """A replay as the options say, by the settings where they say nothing."""
    settings = read_settings(config)
    key = settings.key if settings.digest_key is not None else FILE_KEY
    issuers = issuers_of(settings, fallback=True)
    places = places_of(geoip or settings.geoip.city, asn or settings.geoip.asn)
    rules = PolicyFile(policy or settings.policy.path, list(issuers), key, odds_of(settings)).rules()
    return Replay(FORMATS[form], issuers, Columns(key, places, issuers), rules, model=model_of(settings))


@contextmanager
def progress(size: int) -> Iterator[Callable[[int], None]]:
    """A progress bar on a terminal's stderr; yields what is to be told the bytes read so far."""
    console = Console(stderr=True)
    if not console.is_terminal or size == 0:
        yield lambda _read: None
        return
    columns = (TextColumn("replay"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("replay", total=size)
        yield lambda read: bar.update(task, completed=read)


MOST_ROWS = 200
"""Decisions in the table for people; the summary counts all, --json prints all."""


def _as_table(decisions: Iterator[dict[str, Any]], *, watched: bool) -> Table:
    """The first decisions; those that are only watched where asked for."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("at", "level"):
        table.add_column(title, no_wrap=True)
    for title in ("who", "client", "from", "why", "score"):
        table.add_column(title, overflow="fold")
    for decision in decisions:
        level = decision["level"]
        if table.row_count < MOST_ROWS and (watched or level != "watch" or decision["type"] != "decision"):
            table.add_row(
                decision["at"],
                f"[{COLOURS[level]}]{level}[/]",
                safe(decision.get("sub") or decision.get("sid") or ""),
                safe(decision.get("client_id", "")),
                safe(decision.get("ip", "")),
                ", ".join(decision["reasons"]),
                f"{decision['score']:.3f}",
            )
    return table


def _print_summary(table: Table, summary: dict[str, Any]) -> None:
    console = Console()
    console = console if console.is_terminal else Console(width=WIDTH)
    if table.row_count:
        console.print(table)
        console.print()
    rejected = sum(summary["rejected"].values())
    reasons = ", ".join(f"{reason} {count}" for reason, count in summary["rejected"].items())
    console.print(
        f"{summary['events']:,} events in {summary['seconds']:g} s ({summary['events_per_second']:,}/s); decisions: "
        f"{summary['revoked']} revoked, {summary['quarantined']} quarantined, {summary['watched']} watched; "
        f"{rejected} records rejected" + (f" ({reasons})." if reasons else "."),
        highlight=False,
        soft_wrap=True,
    )


def _print_refused(tally: Tally) -> None:
    by_reason: dict[tuple[str, str], list[int]] = {}
    for file, number, reason in tally.refused:
        by_reason.setdefault((file, reason), []).append(number)
    for (file, reason), numbers in by_reason.items():
        shown = ", ".join(map(str, numbers[:MOST_NUMBERS]))
        more = ", ..." if len(numbers) > MOST_NUMBERS else ""
        sys.stderr.write(f"{file}: {reason}: lines {shown}{more}\n")
