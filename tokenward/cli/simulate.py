"""The command that writes labelled telemetry."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from ingest.instant import epoch_ms
from tokenward.cli.common import ConfigOption, JsonOption, print_json, print_line
from tokenward.faults import WrongUse
from tokenward.settings import read_settings
from tokenward.simulate.provider import HOUR
from tokenward.simulate.run import Span, write_labels
from tokenward.simulate.run import labels as describe
from tokenward.simulate.run import simulate as run_simulation
from tokenward.simulate.shapes import SHAPES
from tokenward.simulate.storms import STORMS
from tokenward.simulate.targets import file_target, topic_target
from tokenward.simulate.thefts import CLASSIC, KINDS
from tokenward.wiring import clock

FIRST_MOMENT = epoch_ms("2026-01-05T08:00:00Z")
"""When simulations in files begin: a Monday's morning."""

Word = TypeVar("Word", bound=str)


def simulate(
    *,
    seed: Annotated[int, typer.Option(help="The same seed gives the same telemetry.")] = 1,
    sessions: Annotated[int, typer.Option(min=1, max=1_000_000, help="People at a time.")] = 1000,
    hours: Annotated[float, typer.Option(min=0.01, max=24 * 31, help="How long, in hours of stream time.")] = 2.0,
    thefts: Annotated[int, typer.Option(min=0, max=100_000, help="How many attacks there are.")] = 20,
    attacks: Annotated[
        str | None, typer.Option(help=f"Their kinds, in turn, with commas between: {', '.join(KINDS)}.")
    ] = None,
    storm: Annotated[
        str | None, typer.Option(help=f"Storms that are no attacks, with commas between: {', '.join(STORMS)}.")
    ] = None,
    habits: Annotated[
        bool, typer.Option("--habits", help="People have nights, habits and places; else they never rest.")
    ] = False,
    format_: Annotated[
        str, typer.Option("--format", help=f"What the records look like: {', '.join(SHAPES)}.")
    ] = "native",
    out: Annotated[Path | None, typer.Option(help="File to write, one record a line; .gz is packed.")] = None,
    topic: Annotated[str | None, typer.Option(help="Kafka topic to write, instead of a file.")] = None,
    labels: Annotated[Path | None, typer.Option(help="File for the truth (default: beside --out).")] = None,
    start: Annotated[
        str | None, typer.Option(help="First moment, RFC 3339 (default: a fixed one; topics: so that it ends now).")
    ] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Write labelled telemetry: honest people with their oddities, attacks and storms, and the truth about them."""
    if (out is None) == (topic is None):
        raise WrongUse("Say where to write: either --out FILE or --topic TOPIC.")
    if format_ not in SHAPES:
        raise WrongUse(f"There is no format {format_}; there are {', '.join(SHAPES)}.")
    span = Span(
        seed=seed,
        sessions=sessions,
        hours=hours,
        thefts=thefts,
        start=_start(start, hours, to_topic=topic is not None),
        attacks=_chosen("attack", attacks, KINDS) or CLASSIC,
        storms=_chosen("storm", storm, STORMS),
        habits=habits,
    )
    encode = SHAPES[format_]
    path = out.with_name(out.name + ".labels") if labels is None and out is not None else labels
    if out is not None:
        target = file_target(out)
    else:
        target = topic_target(read_settings(config), str(topic), keyed=format_ == "native")
    with target as write:
        truth = run_simulation(span, lambda event: write(event, encode(event)))
    lines = describe(span, truth)
    if path is not None:
        write_labels(path, lines)
    if json:
        print_json(lines[-1])
    else:
        print_line(
            f"{truth.events} events, {len(truth.thefts)} attacks; the truth is in {path or 'no file: use --labels'}."
        )


def _chosen(what: str, text: str | None, words: Iterable[Word]) -> tuple[Word, ...]:
    """The words named in `text`, in that order."""
    known = {str(word): word for word in words}
    names = [name.strip() for name in text.split(",")] if text else []
    for name in names:
        if name not in known:
            raise WrongUse(f"There is no {what} {name}; there are {', '.join(known)}.")
    return tuple(known[name] for name in names)


def _start(text: str | None, hours: float, *, to_topic: bool) -> int:
    try:
        return epoch_ms(text) if text is not None else clock() - round(hours * HOUR) if to_topic else FIRST_MOMENT
    except ValueError as error:
        raise WrongUse(str(error)) from error
