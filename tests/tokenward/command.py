"""Runs commands as a shell does: in this process where that suffices, else in one of their own."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

from tokenward.cli.app import run

ROOT = Path(__file__).parents[2]
KEY = "0123456789abcdef0123456789abcdef"
PATIENCE = 120.0

Done = subprocess.CompletedProcess[str]


def environment(settings: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment without any setting but the given ones."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("TOKENWARD_")}
    return {**plain, "PYTHONPATH": str(ROOT), **(settings or {})}


def tokenward(*arguments: str, folder: Path, settings: Mapping[str, str] | None = None) -> Done:
    """Run a command in `folder`, away from any settings file; returns how it ended."""
    out, err = StringIO(), StringIO()
    with chdir(folder), _environ(environment(settings)), redirect_stdout(out), redirect_stderr(err):
        code = run(arguments)
    return Done(list(arguments), code, out.getvalue(), err.getvalue())


def program(*arguments: str, folder: Path, settings: Mapping[str, str] | None = None, stdin: str = "") -> Done:
    """The same in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "tokenward", *arguments],
        cwd=folder,
        env=environment(settings),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def start(*arguments: str, folder: Path, settings: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start a service; its log is written to `folder/log`."""
    with (folder / "log").open("w") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "tokenward", *arguments],
            cwd=folder,
            env=environment(settings),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )


@contextmanager
def _environ(given: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(given)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
