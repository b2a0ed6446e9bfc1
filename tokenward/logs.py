"""Logs of the services: one line a record on stderr, as JSON where asked for."""

import logging
import sys
from typing import Any

import msgspec

from ingest.instant import rfc3339

USUAL = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}
"""The members that every record has; all others are what it says."""
QUIET = ("kafka", "uvicorn", "asyncio")
"""Libraries that speak of every connection; their warnings suffice."""


def set_up(*, json: bool, level: int = logging.INFO) -> None:
    """Log to stderr from now on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if json else _Text())
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))


def _members(record: logging.LogRecord) -> dict[str, Any]:
    own = {name: value for name, value in record.__dict__.items() if name not in USUAL}
    if record.exc_info and record.exc_info[0] is not None:
        own["error"] = f"{record.exc_info[0].__name__}: {record.exc_info[1]}"
    return own


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        told = {"at": rfc3339(int(record.created * 1000)), "level": record.levelname.lower(), "logger": record.name}
        told |= {"message": record.getMessage(), **_members(record)}
        return msgspec.json.encode(told, enc_hook=str).decode()


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        members = " ".join(f"{name}={value}" for name, value in _members(record).items())
        return (
            f"{rfc3339(int(record.created * 1000))} {record.levelname.lower()} {record.getMessage()} {members}".rstrip()
        )
