"""The command line: which commands there are, and how each ends.

Exit codes: 0 ok, 1 failed, 2 wrong use. An error is one sentence on stderr; `--debug` adds the traceback.
"""

import os
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated

import typer

from revocation.errors import RegistryError
from tokenward import __version__
from tokenward.cli import access, audit, bulk, files, judgement, policy, registry, services, show, simulate
from tokenward.faults import Failure, WrongUse

HELP = "Recognises stolen refresh tokens in a Kafka stream and makes every gateway refuse them."
INTERRUPTED = 130
USAGE_ERRORS: tuple[type[Exception], ...] = typer.BadParameter.__bases__
"""The base of all faults in arguments; typer gives it no name of its own."""

app = typer.Typer(
    name="tokenward", help=HELP, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)
for command in (
    show.demo,
    services.route,
    services.worker,
    services.origins,
    services.notify,
    services.api,
    files.replay,
    simulate.simulate,
    judgement.train,
    judgement.fit,
    judgement.feedback,
    judgement.explain,
    registry.check,
    registry.list_,
    registry.revoke,
    registry.release,
    registry.status,
    registry.rebuild,
    access.key,
    show.doctor,
    show.settings,
):
    app.command(name=command.__name__.rstrip("_"))(command)
app.add_typer(policy.app)
app.add_typer(bulk.app)
app.add_typer(bulk.waiting)
app.add_typer(audit.app)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it so
    if wanted:
        typer.echo(f"tokenward {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Print a traceback when a command fails.")] = False,
) -> None:
    """Options of all commands; `run` reads --debug itself, since it has to hold before anything is parsed."""
    del version, debug


def run(arguments: Sequence[str]) -> int:
    """Run one command; returns its exit code."""
    try:
        return int(app(args=list(arguments), standalone_mode=False) or 0)
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader left; nothing more to flush
        return 0
    except Exception as error:  # noqa: BLE001 - the last resort of a command line: a sentence instead of a traceback
        if "--debug" in arguments:
            traceback.print_exception(error)
        code, sentence = _verdict(error)
        sys.stderr.write(f"tokenward: {' '.join(sentence.split())}\n")
        return code


def _verdict(error: Exception) -> tuple[int, str]:
    """The exit code, and what to say."""
    if isinstance(error, USAGE_ERRORS):
        return 2, f"{getattr(error, 'format_message', error.__str__)()} See tokenward --help."
    if isinstance(error, (Failure, RegistryError)):
        return 2 if isinstance(error, WrongUse) else 1, str(error)
    return 1, f"{type(error).__name__}: {error} (this should not happen; --debug shows where)."
