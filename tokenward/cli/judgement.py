"""The commands about judgement: train, fit, feedback, explain."""

from pathlib import Path
from typing import Annotated

import typer

from detector.weights import ODDS
from ingest.columns import Columns
from ingest.formats import FORMATS
from tokenward import feedback as feedbacks
from tokenward import forests, odds_files
from tokenward.cli.common import ConfigOption, JsonOption, print_json, print_line, user
from tokenward.cli.files import FILE_KEY
from tokenward.explain import explained, sentences
from tokenward.faults import WrongUse
from tokenward.labels import thefts_of
from tokenward.lines import check_files, read_lines
from tokenward.policies import PolicyFile
from tokenward.settings import Settings, read_settings
from tokenward.study import Study
from tokenward.told import find
from tokenward.wiring import clock, issuers_of, model_of, odds_of, places_of

Files = Annotated[list[str], typer.Argument(help="Telemetry, one record a line; .gz and .zst too.")]
FormatOption = Annotated[str, typer.Option("--format", help=f"What the records are: {', '.join(FORMATS)}.")]
Geoip = Annotated[Path | None, typer.Option(help="MMDB file: address to position.")]
Asn = Annotated[Path | None, typer.Option(help="MMDB file: address to autonomous system.")]
PolicyOption = Annotated[Path | None, typer.Option("--policy", help="Policy file.")]
AlertId = Annotated[str, typer.Argument(metavar="ID", help="The alert's id.")]
FromFile = Annotated[
    str | None, typer.Option("--from", help="What `replay --json` printed, instead of the topic refresh.alerts.")
]


def train(
    *,
    files: Files,
    out: Annotated[Path, typer.Option(help="File to write, .npz.")],
    format_: FormatOption = "native",
    sample: Annotated[int, typer.Option(min=256, max=10_000_000, help="Most events that are learnt from.")] = 200_000,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="The same seed gives the same forest.")] = 1,
    geoip: Geoip = None,
    asn: Asn = None,
    policy: PolicyOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Learn from recorded telemetry, mostly honest, what is usual: a forest that the worker asks ([detector] model)."""
    from tokenward import training  # noqa: PLC0415 - scikit-learn takes a second that no other command should wait

    study = _study(files, format_, geoip, asn, policy, read_settings(config))
    forest, measured = training.train(study.batches(read_lines(files)), sample=sample, seed=seed)
    forests.save(out, forest)
    told = {
        "version": forest.version,
        "events": study.events,
        "measured": measured,
        "sampled": min(measured, sample),
        "trees": len(forest.root),
        "out": str(out),
    }
    if json:
        print_json(told)
    else:
        print_line(
            f"{out} holds forest {forest.version}: {len(forest.root)} trees, learnt from {told['sampled']:,} of "
            f"{measured:,} measured events among {study.events:,}. Set [detector] model to it."
        )


def fit(
    *,
    files: Files,
    out: Annotated[Path, typer.Option(help="File to write, JSON.")],
    labels: Annotated[
        list[str] | None, typer.Option(help="Truth about the files (default: each file's name with .labels).")
    ] = None,
    feedback: Annotated[bool, typer.Option("--feedback", help="Learn from the topic refresh.feedback too.")] = False,
    feedback_file: Annotated[list[str] | None, typer.Option(help="Learn from judgements in files too.")] = None,
    feedback_weight: Annotated[int, typer.Option(min=1, max=10_000, help="Sessions that a judgement counts as.")] = 5,
    share: Annotated[float, typer.Option(min=1e-6, max=0.2, help="Of all real sessions, how many are stolen.")] = 1e-4,
    python: Annotated[Path | None, typer.Option(help="Write the table as a Python module too.")] = None,
    format_: FormatOption = "native",
    geoip: Geoip = None,
    asn: Asn = None,
    policy: PolicyOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Fit the table of odds on labelled telemetry and on people's judgements, and say how far it can be believed."""
    from tokenward import fitting  # noqa: PLC0415 - scikit-learn takes a second that no other command should wait
    from tokenward.cli.outcome import as_json, print_outcome  # noqa: PLC0415 - likewise

    settings = read_settings(config)
    gathering = fitting.Gathering(thefts_of(labels or [f"{name}.labels" for name in files]))
    for name in files:  # each is a stream of its own
        gathering.add(_study([name], format_, geoip, asn, policy, settings).batches(read_lines([name])))
    given = feedbacks.of_topic(settings) if feedback else []
    given += feedbacks.of_files(feedback_file) if feedback_file else []
    labelled, before = gathering.labelled(), odds_of(settings).get("odds", ODDS)
    counts = f"{labelled.sessions(stolen=False):,} honest and {labelled.sessions(stolen=True):,} stolen sessions"
    source = f"fitted on {counts} and {len(given)} judgements; one real session in {round(1 / share):,} is stolen"
    outcome = fitting.fitted(labelled, given, before, weight=feedback_weight, share=share, source=source)
    odds_files.save(out, outcome.odds)
    if python is not None:
        odds_files.save_python(python, outcome.odds)
    if json:
        print_json(as_json(outcome))
    else:
        print_outcome(outcome)


def feedback(
    *,
    alert: AlertId,
    truth: Annotated[bool | None, typer.Option("--true/--false", help="Whether it was theft.")] = None,
    note: Annotated[str, typer.Option(help="What was found out, for people.")] = "",
    from_: FromFile = None,
    actor: Annotated[str | None, typer.Option(help="Who says so (default: the user's name).")] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Say whether an alert was right; the next fit learns from it."""
    if truth is None:
        raise WrongUse("Say whether it was theft: --true or --false.")
    settings = read_settings(config)
    told = find(settings, alert, from_)
    judgement = feedbacks.judged(told, truth=truth, actor=actor or user(), note=note, now=clock())
    feedbacks.record(settings, judgement)
    if json:
        print_json(judgement)
    else:
        print_line(f"Alert {alert} was {'theft' if truth else 'no theft'}: noted for the next fit.")


def explain(*, alert: AlertId, from_: FromFile = None, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Explain a decision: what was seen, what is usual, what each signal weighed, and what would have changed it."""
    settings = read_settings(config)
    explanation = explained(find(settings, alert, from_), odds_of(settings).get("odds", ODDS))
    if json:
        print_json(explanation)
    else:
        for line in sentences(explanation):
            print_line(line)


def _study(
    files: list[str], form: str, geoip: Path | None, asn: Path | None, policy: Path | None, settings: Settings
) -> Study:
    if form not in FORMATS:
        raise WrongUse(f"There is no format {form}; there are {', '.join(FORMATS)}.")
    check_files(files)
    key = settings.key if settings.digest_key is not None else FILE_KEY
    issuers = issuers_of(settings, fallback=True)
    places = places_of(geoip or settings.geoip.city, asn or settings.geoip.asn)
    rules = PolicyFile(policy or settings.policy.path, list(issuers), key).rules()
    return Study(FORMATS[form], issuers, Columns(key, places, issuers), rules.detector, model_of(settings))
