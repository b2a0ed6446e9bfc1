"""Bulks over HTTP, for their tests."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import httpx

from tests.api.running import ISSUER
from tests.api.writes.callers import shown
from tests.servers.process import until

Json = dict[str, Any]


class Asked(Protocol):
    """Whatever has a client of an API."""

    @property
    def http(self) -> httpx.Client:
        """The client."""
        ...


def lines(sids: Iterable[str], iss: str = ISSUER) -> bytes:
    """Sessions, one a line."""
    return b"".join(json.dumps({"iss": iss, "sid": sid}).encode() + b"\n" for sid in sids)


def draft(api: Asked, by: str = "ann", **body: Any) -> Json:
    """Begin one."""
    told = api.http.post("/v1/bulk", json={"reason": "soc.test"} | body, headers=shown(by))
    begun: Json = told.raise_for_status().json()
    return begun


def part(api: Asked, bulk: Json, text: bytes, number: int = 0, by: str = "ann") -> httpx.Response:
    """Send a part."""
    return api.http.put(f"/v1/bulk/{bulk['id']}/parts/{number}", content=text, headers=shown(by))


def ask(api: Asked, bulk: Json, what: str, by: str = "ann", **headers: str) -> httpx.Response:
    """Dry run, submission, or undoing."""
    body: Mapping[str, Any] = {"json": {"reason": "soc.undone"}} if what == "undo" else {}
    return api.http.post(f"/v1/bulk/{bulk['id']}/{what}", headers=shown(by) | headers, timeout=60, **body)


def read(api: Asked, bulk: Json, by: str = "ann") -> Json:
    """How it is."""
    told: Json = api.http.get(f"/v1/bulk/{bulk['id']}", headers=shown(by)).raise_for_status().json()
    return told


def approve(api: Asked, bulk: Json, by: str = "bob", verdict: str = "approve") -> httpx.Response:
    """Decide about it."""
    name = read(api, bulk)["approval"]
    return api.http.post(f"/v1/approvals/{name}/{verdict}", json={"reason": "soc.agreed"}, headers=shown(by))


def ended(api: Asked, bulk: Json, stage: str, seconds: float = 30) -> Json:
    """Wait until it is done, or undone."""
    until(lambda: read(api, bulk)["stage"] == stage, f"the bulk is {stage}", seconds=seconds)
    return read(api, bulk)


def answers(api: Asked, sids: Iterable[str]) -> list[str]:
    """What gateways are answered about these sessions."""
    tokens = [{"iss": ISSUER, "sid": sid} for sid in sids]
    told = api.http.post("/v1/check/batch", json=tokens, headers=shown("gateway")).raise_for_status().json()
    return [answer["decision"] for answer in told["answers"]]
