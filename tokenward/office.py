"""The API as an operator speaks to it: bulks and approvals."""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
from urllib3 import PoolManager, Timeout
from urllib3.exceptions import HTTPError

from api.bulk.draft import PART_LINES
from tokenward import __version__
from tokenward.faults import Failure
from tokenward.settings import Settings

Json = dict[str, Any]

PART_BYTES = 1_900_000
"""Below the 2 MiB that the API takes as one part."""


class Office:
    """One operator's connection."""

    def __init__(self, settings: Settings) -> None:
        operator, api = settings.operator, settings.api
        scheme = "https" if api.tls_certfile is not None else "http"
        host = f"[{api.host}]" if ":" in api.host else api.host
        self._url = (operator.url or f"{scheme}://{host}:{api.port}").rstrip("/")
        key = {} if operator.key is None else {"X-Api-Key": operator.key.get_secret_value()}
        self._pool = PoolManager(
            headers={"User-Agent": f"tokenward/{__version__}", **key},
            retries=False,
            timeout=Timeout(operator.timeout_s),
            ca_certs=_name(operator.tls_cafile),
            cert_file=_name(operator.tls_certfile),
            key_file=_name(operator.tls_keyfile),
        )

    def draft(self, asked: Json) -> Json:
        """Begin a bulk."""
        return self._ask("POST", "/v1/bulk", asked)

    def send(self, bulk: str, lines: Iterable[bytes]) -> Iterator[int]:
        """Send lines, part by part; yields how many were sent so far."""
        sent = 0
        for number, part in enumerate(_parts(lines)):
            self._ask("PUT", f"/v1/bulk/{bulk}/parts/{number}", body=b"\n".join(part))
            sent += len(part)
            yield sent

    def bulk(self, bulk: str) -> Json:
        """How it is."""
        return self._ask("GET", f"/v1/bulk/{bulk}")

    def bulks(self) -> list[Json]:
        """All of them."""
        found: list[Json] = self._ask("GET", "/v1/bulk")["bulks"]
        return found

    def dry_run(self, bulk: str) -> Json:
        """What it would do."""
        return self._ask("POST", f"/v1/bulk/{bulk}/dry-run")

    def submit(self, bulk: str) -> Json:
        """Let it be carried out."""
        return self._ask("POST", f"/v1/bulk/{bulk}/submit")

    def undo(self, bulk: str, reason: str) -> Json:
        """Undo it as a whole."""
        return self._ask("POST", f"/v1/bulk/{bulk}/undo", {"reason": reason})

    def approvals(self) -> list[Json]:
        """What waits for a second person, and what was decided lately."""
        found: list[Json] = self._ask("GET", "/v1/approvals")["approvals"]
        return found

    def decide(self, approval: str, verdict: str, reason: str) -> Json:
        """Approve or reject."""
        return self._ask("POST", f"/v1/approvals/{approval}/{verdict}", {"reason": reason})

    def _ask(self, method: str, path: str, asked: Json | None = None, body: bytes | None = None) -> Json:
        """One answer.

        Raises:
            Failure: the API does not answer, or refuses; its own sentence.
        """
        text = body if asked is None else msgspec.json.encode(asked)
        kind = "application/x-ndjson" if asked is None else "application/json"
        headers = {**self._pool.headers, **({} if text is None else {"Content-Type": kind})}
        try:
            answer = self._pool.request(method, self._url + path, body=text, headers=headers)
            told = msgspec.json.decode(answer.data)
        except HTTPError as error:
            raise Failure(f"The API at {self._url} does not answer ({type(error).__name__}).") from None
        except msgspec.DecodeError:
            raise Failure(f"What answers at {self._url} is no Tokenward API.") from None
        if answer.status >= 400 or not isinstance(told, dict):  # noqa: PLR2004 - HTTP's own line
            raise Failure(_refusal(told))
        return told


def _name(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _refusal(told: object) -> str:
    problem = told if isinstance(told, dict) else {}
    faults = [str(fault.get("detail", "")) for fault in problem.get("errors", ()) if isinstance(fault, dict)]
    return " ".join([str(problem.get("detail", "The API refused it.")), *faults])


def _parts(lines: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Lines, in as many as one part takes."""
    rest = iter(lines)
    part: list[bytes] = []
    size = 0
    while some := list(islice(rest, 500)):
        wide = sum(map(len, some)) + len(some)
        if part and (len(part) + len(some) > PART_LINES or size + wide > PART_BYTES):
            yield part
            part, size = [], 0
        part += some
        size += wide
    if part:
        yield part
