"""What the OpenAPI document says is held against a running API, by inputs that nobody here thought of."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from api.protocols.ssf.desk import Desk
from revocation.ssf.memory import MemoryStore
from tests.api.access.calling import ACCESS, TRANSMITTER, key_of
from tests.api.crowdsec.condemning import CROWD, THIEF, Condemning, condemning
from tests.api.gates import PROFILES, SIGNER
from tests.api.running import NOW, entry
from tests.api.verifying import trusted
from tests.servers.issuer import issuing

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "missing_required_header",
)
ENDLESS = "/v1/revocations/stream"
"""Its answer does not end; `tests/api/test_stream.py` has its errors."""
NOT_WRITTEN = ("/v1/ssf/events", "/v1/bulk/{bulk}/parts/{part}")
"""Bodies of media types that schemathesis cannot write: `tests/api/protocols/test_push.py` and `tests/api/bulk` have
malformed ones."""
EXAMPLES, SEED, SECONDS = 40, 20_260_726, 240


@pytest.fixture(scope="module")
def api() -> Iterator[Condemning]:
    """An API with everything that can be switched on, something in it, and a caller who may do all of it."""
    desk = Desk(MemoryStore(), replace(TRANSMITTER, poll_wait_s=0.5), lambda: NOW)
    with (
        issuing(SIGNER) as issuer,
        condemning(issuers=[trusted(issuer.uri)], profiles=PROFILES, access=ACCESS, ssf=desk) as mount,
    ):
        mount.condemn(THIEF, CROWD)
        mount.api.refuse(*(entry(f"s{number}") for number in range(50)))
        yield mount


@pytest.mark.slow
def test_schemathesis_finds_nothing(api: Condemning, tmp_path: Path) -> None:
    """No 500, no status, type or body that is not in the document, and nothing taken that it calls wrong."""
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{api.api.address.url}/openapi.json"]
    shown = ["--header", f"X-Api-Key: {key_of('all')}"]
    bounds = ["--max-examples", str(EXAMPLES), "--seed", str(SEED), "--generation-deterministic", "--workers", "1"]
    left_out = [word for path in (ENDLESS, *NOT_WRITTEN) for word in ("--exclude-path", path)]
    shape = ["--phases", "examples,coverage,fuzzing", *left_out, "--continue-on-failure", "--no-color"]
    found = subprocess.run(
        [*command, *shown, "--checks", ",".join(CHECKS), *bounds, *shape, "--request-timeout", "10"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )

    assert 0 == found.returncode, found.stdout[-8_000:] + found.stderr[-1_000:]
