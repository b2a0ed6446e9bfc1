"""The commands about the audit trail: verify it, show what is in it, replay it, and note how far it goes."""

from collections import deque
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from ingest.instant import rfc3339
from revocation.chain import Record, canonical
from revocation.feed import public
from revocation.record import Revocation
from revocation.verification import Finding
from tokenward import auditing
from tokenward.cli.common import ConfigOption, JsonOption, print_json, print_line, safe
from tokenward.faults import Failure, WrongUse
from tokenward.settings import read_settings
from tokenward.wiring import clock, registry_of

FromFile = Annotated[
    str | None,
    typer.Option("--from-file", help="The topic's values, one a line, instead of the topic; - is standard input."),
]
ALWAYS = 2**63 - 1

app = typer.Typer(name="audit", help="The audit trail: verify, show, replay, heads.", no_args_is_help=True)


@app.command()
def verify(
    *,
    from_file: FromFile = None,
    heads: Annotated[
        Path | None, typer.Option(help="Heads that were noted earlier, as `audit heads --json` prints them.")
    ] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Say whether anybody changed, removed, swapped, cut or forged records; exit code 1 where somebody did."""
    faults = 0

    def tell(finding: Finding) -> None:
        nonlocal faults
        faults += 1
        if json:
            print_json({"type": "finding", **_members(finding)})
        else:
            print_line(_sentence(finding))

    seen, _ = auditing.verify(read_settings(config), from_file, heads, tell)
    if json:
        told = {"records": seen.records, "chains": seen.chains, "shortened": seen.shortened, "anchored": seen.anchored}
        print_json({"type": "summary", "ok": not faults, "faults": faults, **told})
    else:
        print_line(f"{seen.records} records in {seen.chains} chains.")
        if seen.shortened:
            print_line(f"{seen.shortened} chains begin before what the topic still holds.")
        if not seen.anchored:
            print_line("No heads were given, so that a tail that was cut, or a forged chain, cannot be seen.")
    if faults:
        raise Failure(f"The audit trail has been bent: {faults} findings.")


@app.command()
def show(
    *,
    actor: Annotated[str | None, typer.Option(help="Who did it.")] = None,
    action: Annotated[str | None, typer.Option(help="What was done, such as revoke, release, reload.")] = None,
    digest: Annotated[str | None, typer.Option(help="Whom it was about, as lists and alerts show it.")] = None,
    since: Annotated[str | None, typer.Option(help="From this moment on, such as 2026-01-02T03:00:00Z.")] = None,
    until: Annotated[str | None, typer.Option(help="Before this moment.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="Most records shown: the newest.")] = 100,
    from_file: FromFile = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Show who did what. With --json each line is a record as the topic holds it."""
    found = auditing.records(read_settings(config), from_file)
    asked = auditing.wanted(
        found, actor=actor, action=action, digest=digest, since=_moment(since, 0), until=_moment(until, ALWAYS)
    )
    newest = deque(asked, maxlen=limit)
    if json:
        for record in newest:
            print_line(canonical(record).decode())
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("at", "actor", "via", "action", "about", "reason", "request"):
        table.add_column(title, overflow="fold")
    for record in newest:
        event = record.event
        words = (event.actor, event.via, event.action, _about(record), event.reason, event.request)
        table.add_row(rfc3339(event.at), *map(safe, words))
    Console().print(table)


@app.command()
def replay(*, from_file: FromFile = None, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Build the registry from the trail, and say whether it is the one in force; exit code 1 where it is not."""
    settings = read_settings(config)
    retelling, differences = auditing.retell(settings, from_file, registry_of(settings))
    for difference in differences:
        subject = difference.subject
        if json:
            sides = {"trail": difference.trail, "registry": difference.registry}
            told = {name: public(entry, with_actor=True) for name, entry in sides.items() if entry is not None}
            print_json({"type": "difference", "scope": subject.scope, "digest": subject.digest.hex(), **told})
        else:
            trail, registry = _state(difference.trail), _state(difference.registry)
            print_line(
                f"{subject.scope.value} {subject.digest.hex()}: the trail says {trail}, the registry {registry}."
            )
    entries = len(retelling.entries(clock()))
    if json:
        counts = {"applied": retelling.applied, "skipped": retelling.skipped, "unreadable": retelling.unreadable}
        print_json({"type": "summary", "equal": not differences, "entries": entries, **counts})
    elif not differences:
        print_line(f"{retelling.applied} records lead to the registry as it is: {entries} entries.")
    if differences:
        raise Failure(f"Trail and registry differ in {len(differences)} entries.")


@app.command()
def heads(*, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Print how far each chain is, to be noted where nobody who writes Kafka or Redis can write."""
    for head in auditing.known_heads(read_settings(config)):
        if json:
            print_json(head)
        else:
            print_line(f"{safe(head['chain'])} {head['number']} {head['hash']}")


def _members(finding: Finding) -> dict[str, object]:
    members = {name: getattr(finding, name) for name in finding.__struct_fields__}
    return {name: value for name, value in members.items() if value not in {None, ""}}


def _sentence(finding: Finding) -> str:
    chain = f" chain {safe(finding.chain)}" if finding.chain else ""
    number = f" number {finding.number}" if finding.number is not None else ""
    place = f" at {finding.partition}:{finding.offset}" if finding.offset is not None else ""
    return f"{finding.fault}:{chain}{number}{place}: {finding.says}"


def _about(record: Record) -> str:
    entries, details = record.event.entries, record.event.details
    if not entries:
        return ", ".join(f"{name} {value}" for name, value in details.items())
    more = f" and {len(entries) - 1} more" if len(entries) > 1 else ""
    return f"{entries[0].scope.value} {entries[0].digest}{more}"


def _state(entry: Revocation | None) -> str:
    return "nothing" if entry is None else f"{entry.state.slug} until {rfc3339(entry.expires_at)}"


def _moment(text: str | None, otherwise: int) -> int:
    """Epoch milliseconds; without an offset it is UTC."""
    if text is None:
        return otherwise
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise WrongUse("A moment is written as 2026-01-02T03:00:00Z.") from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
