"""What the commands share: their common options, and how they print."""

import getpass
import sys
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.markup import escape

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config", help="Settings file (default: TOKENWARD_CONFIG, else tokenward.toml).", show_default=False
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]

MOST_CHARS = 100


def print_json(value: Any) -> None:
    """One JSON object on a line of its own; whoever reads along sees it at once."""
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
    sys.stdout.flush()


def print_line(text: str = "") -> None:
    """One line of text."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def safe(text: object) -> str:
    """Foreign text for a terminal: no control characters, no markup, not too long."""
    plain = "".join(char if char.isprintable() else "?" for char in str(text)[:MOST_CHARS])
    return escape(plain)


def user() -> str:
    """Who works at this terminal."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
