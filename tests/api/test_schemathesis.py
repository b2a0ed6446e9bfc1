"""What the OpenAPI document says is held against a running API, by inputs that nobody here thought of."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from api.protocols.inbound import InboundSettings
from api.protocols.ssf.desk import Desk
from revocation.ssf.memory import MemoryStore
from tests.api.access.calling import ACCESS, TRANSMITTER, key_of
from tests.api.crowdsec.condemning import CROWD, THIEF, Condemning, condemning
from tests.api.gates import PROFILES, SIGNER
from tests.api.protocols.callers import TELLING, telling
from tests.api.running import NOW, entry
from tests.api.verifying import trusted
from tests.revocation.events import EXAMPLES as EVENTS
from tests.servers.issuer import issuing

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "missing_required_header",
    "ignored_auth",
    "unsupported_method",
    "allow_header_conformance",
)
ENDLESS = "/v1/revocations/stream"
"""Not asked: each good question is answered by events until somebody leaves, and schemathesis looks at whole answers
only, so that each would be a timeout. `tests/api/test_stream.py` has its answers and its errors."""
SHOWN = {"X-Api-Key": key_of("all")}
"""The key of a caller who may do everything."""
REACHED = {
    ("/v1/revocations", "201"),
    ("/v1/revocations/release", "204"),
    ("/v1/ssf/events", "202"),
    ("/v1/bulk/{bulk}/parts/{part}", "200"),
}
"""Some answers that are only given behind the gate, to what has come through all checks of its form."""
WRITTEN = Path(__file__).with_name("media_types.py")
"""Writes bodies of the media types that schemathesis does not know."""
EXAMPLES, SEED, SECONDS = 15, 20_260_726, 240


@pytest.fixture(scope="module")
def api() -> Iterator[Condemning]:
    """An API with everything that can be switched on, something in it, and a caller who may do all of it."""
    desk = Desk(MemoryStore(), replace(TRANSMITTER, poll_wait_s=0.5), lambda: NOW)
    with (
        issuing(SIGNER, TELLING) as issuer,
        condemning(
            issuers=[trusted(issuer.uri)],
            profiles=PROFILES,
            access=ACCESS,
            ssf=desk,
            protocols=InboundSettings(transmitters=(telling(issuer.uri),)),
        ) as mount,
    ):
        mount.condemn(THIEF, CROWD)
        mount.api.refuse(*(entry(f"s{number}") for number in range(50)))
        yield mount


NONSENSE: tuple[object, ...] = (7, "", [], {"": None})


def signed_events() -> list[str]:
    """The specifications' events as of now, and some about nothing and nobody, all rightly signed."""
    good = [{**said, "jti": name, "iat": NOW // 1000} for name, (said, _) in EVENTS.items()]
    bad = [{**good[0], "jti": name, name: value} for name in good[0] for value in NONSENSE]
    return [TELLING.sign(said, {"typ": "secevent+jwt"}) for said in (*good, *bad)]


@pytest.mark.slow
def test_schemathesis_finds_nothing(api: Condemning, tmp_path: Path) -> None:
    """No 500, no status, type or body that is not in the document, and nothing taken that it calls wrong."""
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{api.api.address.url}/openapi.json"]
    # Keys and tokens that it makes up would be refused before anything else is looked at.
    shown = [
        *(f"--header={name}: {value}" for name, value in SHOWN.items()),
        "--generation-with-security-parameters=false",
    ]
    bounds = ["--max-examples", str(EXAMPLES), "--seed", str(SEED), "--generation-deterministic", "--workers", "1"]
    shape = ["--phases", "examples,coverage,fuzzing", "--exclude-path", ENDLESS, "--continue-on-failure", "--no-color"]
    (tmp_path / "events.json").write_text(json.dumps(signed_events()))
    found = subprocess.run(
        [*command, *shown, "--checks", ",".join(CHECKS), *bounds, *shape, "--request-timeout", "10"],
        cwd=tmp_path,
        env=os.environ | {"SCHEMATHESIS_HOOKS": str(WRITTEN)},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )

    assert 0 == found.returncode, found.stdout[-8_000:] + found.stderr[-1_000:]
    counted = api.api.http.get("/metrics", headers=SHOWN).text
    assert REACHED <= set(re.findall(r'tokenward_http_requests_total\{route="(.+)",status="(\d+)"\}', counted))
