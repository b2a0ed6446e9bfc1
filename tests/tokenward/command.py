"""Runs the console script's own entry in a process of its own, with an environment that names nothing of ours."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
KEY = "0123456789abcdef0123456789abcdef"
PATIENCE = 120.0

Done = subprocess.CompletedProcess[str]


def environment(settings: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment without any setting but the given ones."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("TOKENWARD_")}
    return {**plain, "PYTHONPATH": str(ROOT), **(settings or {})}


def tokenward(*arguments: str, folder: Path, settings: Mapping[str, str] | None = None, stdin: str = "") -> Done:
    """Run `tokenward` in `folder`, away from any settings file; returns how it ended."""
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


def start(*arguments: str, folder: Path, settings: Mapping[str, str]) -> subprocess.Popen[str]:
    """Start a service; its log goes to the pipe of stderr."""
    return subprocess.Popen(
        [sys.executable, "-m", "tokenward", *arguments],
        cwd=folder,
        env=environment(settings),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
