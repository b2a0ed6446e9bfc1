"""Finding: one line of the doctor's."""

from typing import Literal

import msgspec

State = Literal["ok", "warn", "fail"]


class Finding(msgspec.Struct, frozen=True):
    """What was looked at, how it is, and what to do where it is not well."""

    name: str
    state: State
    sentence: str


def ok(name: str, sentence: str) -> Finding:
    """All is well."""
    return Finding(name, "ok", sentence)


def warn(name: str, sentence: str) -> Finding:
    """It works, but less than it could."""
    return Finding(name, "warn", sentence)


def fail(name: str, sentence: str) -> Finding:
    """It does not work."""
    return Finding(name, "fail", sentence)
