"""What is asked before something is done by hand: why, and, where very many are hit, whether that is meant."""

import sys

import typer

from api.registrar import REASON
from revocation.record import Scope, Subject
from tokenward.cli.common import safe
from tokenward.faults import WrongUse
from tokenward.settings import Settings

_HIT = {
    Scope.ISSUER: "everybody who signed in at {iss}",
    Scope.CLIENT: "everybody who uses that client of {iss}",
    Scope.KEY: "every token that was signed with that key of {iss}",
    Scope.ORIGIN: "everybody at that address",
    Scope.SUBJECT: "all sessions of that person",
    Scope.DEVICE: "all sessions on that device",
    Scope.FAMILY: "that session",
    Scope.TOKEN: "that token",
}


def check_reason(reason: str) -> None:
    """See to it that a reason is a word.

    Raises:
        WrongUse: it is none.
    """
    if REASON.fullmatch(reason) is None:
        raise WrongUse("--reason takes one word of a-z, 0-9, and . _ -, at most 64, such as soc.false_alarm.")


def agree(settings: Settings, subject: Subject, iss: str | None, what: str, *, yes: bool) -> None:
    """Ask whether it is meant, of scopes that take two persons over the API; here one may do it, in an emergency.

    Raises:
        WrongUse: nobody can be asked, and `--yes` was not given.
        typer.Abort: it is not meant.
    """
    if yes or subject.scope.value not in settings.access.approval_scopes:
        return
    whom = _HIT[subject.scope].format(iss="that issuer" if iss is None else safe(iss))
    if not sys.stdin.isatty():
        raise WrongUse(f"This would {what} {whom}: add --yes if that is meant. Over the API it takes two persons.")
    typer.confirm(f"This will {what} {whom}. Is that meant?", abort=True, err=True)
