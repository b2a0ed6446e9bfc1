"""Told: an alert as people were told of it, from the topic `refresh.alerts` or from the output of `replay --json`."""

from collections.abc import Iterable
from typing import Any

import msgspec

from tokenward import topics
from tokenward.faults import Failure
from tokenward.lines import check_files, read_lines
from tokenward.settings import Settings

KINDS = ("decision", "incident", "page")


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What is needed of an alert, under the names that it has there; older alerts lack some of it."""

    id: str
    kind: str = "decision"
    at: str
    level: str
    score: float
    reasons: list[str]
    scope: str = "family"
    iss: str = ""
    sub: str = ""
    sid: str = ""
    digest: str = ""
    client_id: str = ""
    cause: str = ""
    measurements: dict[str, float] = {}
    #: By channel: what its ladder was asked, and the nats that it added.
    grades: dict[str, int] = {}
    weights: dict[str, float] = {}
    odds: str = ""
    config: str = ""
    thresholds: dict[str, float] = {}
    excused: list[str] = []
    repeat: bool = False
    limited: bool = False
    segment: str = ""
    enforcement: str = "none"
    expires_at: str = ""
    advice: list[str] = []


def find(settings: Settings, alert_id: str, file: str | None) -> Told:
    """The alert with that id, from `file` (what `replay --json` printed), else from the topic.

    Raises:
        Failure: there is none, or it cannot be read.
    """
    where = file or f"the topic {settings.topics.alerts}"
    if file is None:
        values: Iterable[bytes] = topics.values(settings, settings.topics.alerts)
    else:
        check_files([file])
        values = (line.value for line in read_lines([file]))
    wanted = alert_id.encode()
    for value in values:
        if wanted in value and (told := _told(value)) is not None and told.id == alert_id:
            return told
    raise Failure(f"There is no alert {alert_id} in {where}.")


def _told(value: bytes) -> Told | None:
    """One line; None where it is no alert."""
    try:
        line: dict[str, Any] = msgspec.json.decode(value, type=dict[str, Any])
        if "specversion" in line:
            members = {**line["data"], "id": line["id"], "at": line["time"]}
        else:
            members = {**line, "kind": line["type"]}
        told = msgspec.convert(members, Told)
    except (msgspec.DecodeError, msgspec.ValidationError, KeyError, TypeError):
        return None
    return told if told.kind in KINDS else None
