"""The commands about judgement: train, fit, feedback, explain."""

import secrets
from pathlib import Path
from typing import Annotated

import typer

from ingest.columns import Columns
from ingest.formats import FORMATS
from tokenward import forests
from tokenward.cli.common import ConfigOption, JsonOption, print_json, print_line
from tokenward.faults import WrongUse
from tokenward.lines import check_files, read_lines
from tokenward.policies import PolicyFile
from tokenward.settings import read_settings
from tokenward.study import Study
from tokenward.wiring import issuers_of, places_of

Files = Annotated[list[str], typer.Argument(help="Telemetry, one record a line; .gz and .zst too.")]
FormatOption = Annotated[str, typer.Option("--format", help=f"What the records are: {', '.join(FORMATS)}.")]
Geoip = Annotated[Path | None, typer.Option(help="MMDB file: address to position.")]
Asn = Annotated[Path | None, typer.Option(help="MMDB file: address to autonomous system.")]
PolicyOption = Annotated[Path | None, typer.Option("--policy", help="Policy file.")]


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

    study = _study(files, format_, geoip, asn, policy, config)
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


def _study(
    files: list[str], form: str, geoip: Path | None, asn: Path | None, policy: Path | None, config: Path | None
) -> Study:
    if form not in FORMATS:
        raise WrongUse(f"There is no format {form}; there are {', '.join(FORMATS)}.")
    check_files(files)
    settings = read_settings(config)
    key = settings.key if settings.digest_key is not None else secrets.token_bytes(32)
    issuers = issuers_of(settings, fallback=True)
    places = places_of(geoip or settings.geoip.city, asn or settings.geoip.asn)
    rules = PolicyFile(policy or settings.policy.path, list(issuers), key).rules()
    return Study(FORMATS[form], issuers, Columns(key, places, issuers), rules.detector)
