"""The commands about bulks, and about what waits for a second person. They speak to the API, as everybody does."""

import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from api.bulk.draft import MOST_LINES
from ingest.instant import epoch_ms, rfc3339
from revocation.record import Scope, State
from tokenward import topics
from tokenward.cli.agreement import check_reason
from tokenward.cli.common import ConfigOption, JsonOption, print_json, print_line, safe
from tokenward.faults import Failure, WrongUse
from tokenward.office import Json, Office
from tokenward.sessions import Picked, Picker, Wanted, network_named
from tokenward.settings import Settings, read_settings
from tokenward.wiring import issuers_of, places_of

app = typer.Typer(
    name="bulk", help="One decision about very many: draft, dry-run, submit, status, undo, list.", no_args_is_help=True
)
waiting = typer.Typer(
    name="approvals", help="What waits for a second person: list, approve, reject.", no_args_is_help=True
)

BulkId = Annotated[str, typer.Argument(metavar="ID", help="The bulk's id.")]
ApprovalId = Annotated[str, typer.Argument(metavar="ID", help="The approval's id.")]
Reason = Annotated[str, typer.Option(help="Why: one word, such as soc.leaked_secret.")]
Moment = Annotated[str | None, typer.Option(help="RFC 3339, such as 2026-11-23T09:45:00Z.")]

POLL_SECONDS = 0.5
RUNNING = ("running", "undoing")
SLACK_MS = 3_600_000
"""Records may be older than what they tell of, by as much as clocks differ; an hour is far more."""


@app.command()
def draft(
    *,
    reason: Reason,
    comment: Annotated[str, typer.Option(help="For the audit trail.")] = "",
    release: Annotated[bool, typer.Option("--release", help="Let pass instead of refusing.")] = False,
    quarantine: Annotated[bool, typer.Option("--quarantine", help="Ask for a new login only.")] = False,
    ttl: Annotated[int | None, typer.Option(min=1, help="How long, seconds (default: the policy's).")] = None,
    file: Annotated[Path | None, typer.Option(help="Identities, one JSON object a line; - is standard input.")] = None,
    telemetry: Annotated[bool, typer.Option("--telemetry", help="Sessions of the topic refresh.telemetry.")] = False,
    registry: Annotated[bool, typer.Option("--registry", help="Entries of the registry.")] = False,
    iss: Annotated[str | None, typer.Option(help="Telemetry: issuer.")] = None,
    client_id: Annotated[str | None, typer.Option("--client-id", help="Telemetry: client.")] = None,
    asn: Annotated[int | None, typer.Option(min=1, help="Telemetry: number of the autonomous system.")] = None,
    country: Annotated[str | None, typer.Option(help="Telemetry: two letters.")] = None,
    network: Annotated[str | None, typer.Option(help="Telemetry: such as 203.0.113.0/24.")] = None,
    agent: Annotated[str | None, typer.Option(help="Telemetry: user agent; version numbers do not matter.")] = None,
    scope: Annotated[Scope | None, typer.Option(help="Registry: scope.")] = None,
    state: Annotated[str | None, typer.Option(help="Registry: revoked or quarantined.")] = None,
    because: Annotated[str | None, typer.Option(help="Registry: a reason of the entry.")] = None,
    since: Moment = None,
    until: Moment = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Say whom it is about, from a file, telemetry or the registry; nothing is done yet. Prints what it would do."""
    check_reason(reason)
    if (file is not None) + telemetry + registry != 1:
        raise WrongUse("Say whom it is about: --file, --telemetry or --registry.")
    settings = read_settings(config)
    office = Office(settings)
    asked: Json = {
        "reason": reason,
        "comment": comment,
        "action": "release" if release else "revoke",
        "state": State.QUARANTINED.slug if quarantine else State.REVOKED.slug,
    }
    asked |= {} if ttl is None else {"ttl_s": ttl}
    first, last = _moment(since), _moment(until)
    lines: Iterable[bytes] = ()
    if registry:
        entries = {
            "scope": scope,
            "state": state,
            "reason": because,
            "decided_after": first,
            "decided_before": last,
        }
        asked["filter"] = {name: value for name, value in entries.items() if value is not None}
    elif telemetry:
        wanted = Wanted(
            iss=iss,
            client_id=client_id,
            asn=asn,
            country=None if country is None else country.upper(),
            network=network_named(network),
            agent=agent,
            since=first,
            until=last,
        )
        picked = _picked(settings, wanted)
        lines = picked.lines()
    elif file is not None:
        lines = _lines(file)
    bulk = office.draft(asked)
    for _ in office.send(bulk["id"], lines):
        pass
    _show_dry_run(bulk["id"], office.dry_run(bulk["id"]), json=json)


@app.command("dry-run")
def dry_run(*, bulk: BulkId, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Say what it would do now."""
    _show_dry_run(bulk, Office(read_settings(config)).dry_run(bulk), json=json)


@app.command()
def submit(*, bulk: BulkId, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Carry it out, at once or when somebody else has approved it."""
    _show(Office(read_settings(config)).submit(bulk), json=json)


@app.command()
def undo(*, bulk: BulkId, reason: Reason, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Undo it as a whole; what others decided since stays."""
    check_reason(reason)
    _show(Office(read_settings(config)).undo(bulk, reason), json=json)


@app.command()
def status(
    *,
    bulk: BulkId,
    follow: Annotated[bool, typer.Option("--follow", help="Until it has come to its end.")] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Say how far it is."""
    office = Office(read_settings(config))
    told = office.bulk(bulk)
    if follow:
        told = _followed(office, told, json=json)
    _show(told, json=json)


@app.command("list")
def list_(*, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Show all bulks of the last week."""
    bulks = Office(read_settings(config)).bulks()
    if json:
        for bulk in bulks:
            print_json(bulk)
        return
    _print_table(
        ("id", "stage", "by", "reason", "lines", "done", "since"),
        (
            (one["id"], one["stage"], one["by"], one["reason"], one["lines"], one["done"], rfc3339(one["at"]))
            for one in bulks
        ),
    )


@waiting.command("list")
def list_approvals(*, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Show what waits, and what was decided lately."""
    approvals = Office(read_settings(config)).approvals()
    if json:
        for approval in approvals:
            print_json(approval)
        return
    _print_table(
        ("id", "what", "status", "by", "reason", "about", "ends"),
        (
            (one["id"], one["action"], one["status"], one["by"], one["reason"], _about(one), rfc3339(one["ends_at"]))
            for one in approvals
        ),
    )


@waiting.command()
def approve(*, approval: ApprovalId, reason: Reason, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Agree to what somebody else asked for; it is done then."""
    _decide(config, approval, "approve", reason, json=json)


@waiting.command()
def reject(*, approval: ApprovalId, reason: Reason, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Let it be; also what one asked for oneself."""
    _decide(config, approval, "reject", reason, json=json)


def _decide(config: Path | None, approval: str, verdict: str, reason: str, *, json: bool) -> None:
    check_reason(reason)
    told = Office(read_settings(config)).decide(approval, verdict, reason)
    if json:
        print_json(told)
    else:
        print_line(f"{told['id']} is {told['status']}: {told['action']}, asked for by {safe(told['by'])}.")


def _picked(settings: Settings, wanted: Wanted) -> Picked:
    """The sessions, and on stderr what was read."""
    places = places_of(settings.geoip.city, settings.geoip.asn)
    since = None if wanted.since is None else wanted.since - SLACK_MS
    values = topics.values(settings, settings.topics.telemetry, since)
    picked = Picker(wanted, places, settings.key).pick(values, issuers_of(settings))
    sys.stderr.write(
        f"{picked.events} events read, {picked.fitting} fit, of {len(picked.sessions)} sessions; {picked.without} tell "
        f"no session, {picked.unreadable} could not be read.\n"
    )
    return picked


def _lines(file: Path) -> Iterator[bytes]:
    try:
        with sys.stdin.buffer if str(file) == "-" else file.open("rb") as text:
            for number, line in enumerate(text):
                if number == MOST_LINES:
                    raise WrongUse(f"A bulk has at most {MOST_LINES:,} lines.")
                yield line.rstrip(b"\r\n")
    except OSError as error:
        raise Failure(f"{file} cannot be read: {error.strerror}.") from error


def _followed(office: Office, told: Json, *, json: bool) -> Json:
    """The bulk when it has come to its end; a progress bar, or lines of JSON, until then."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=json) as bar:
        task = bar.add_task(told["stage"], total=told["lines"])
        while told["stage"] in RUNNING:
            bar.update(task, description=told["stage"], completed=told["done"])
            if json:
                print_json(told)
            time.sleep(POLL_SECONDS)
            told = office.bulk(told["id"])
    return told


def _show(told: Json, *, json: bool) -> None:
    if json:
        print_json(told)
        return
    print_line(f"{told['id']} is {told['stage']}: {told['done']} of {told['lines']} lines, {told['changed']} changed.")
    if told["stage"] == "waiting":
        print_line(f"Somebody else has to approve it: tokenward approvals approve {told['approval']} --reason …")


def _show_dry_run(bulk: str, told: Json, *, json: bool) -> None:
    if json:
        print_json({"id": bulk, **told})
        return
    print_line(
        f"{bulk}: {told['hit']} would be hit, {told['already']} are so already; {told['unusable']} lines are no use."
    )
    for scope, tally in told["scopes"].items():
        print_line(f"  {scope}: {tally['hit']} hit, {tally['already']} already")
    for fault in told["faults"]:
        print_line(f"  part {fault['part']}, line {fault['line']}: {fault['why']}")
    two = " Somebody else has to approve it then." if told["needs_approval"] else ""
    print_line(f"Nothing is done yet: tokenward bulk submit {bulk}.{two}")


def _about(approval: Json) -> str:
    if approval.get("bulk"):
        return f"bulk {approval['bulk']} of {approval['lines']}"
    return f"{approval.get('scope')} of {approval.get('iss', 'nobody knows whom')}"


def _moment(text: str | None) -> int | None:
    try:
        return None if text is None else epoch_ms(text)
    except ValueError:
        raise WrongUse("--since and --until take a moment such as 2026-11-23T09:45:00Z.") from None


def _print_table(titles: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in titles:
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(*(safe(cell) for cell in row))
    Console().print(table)
