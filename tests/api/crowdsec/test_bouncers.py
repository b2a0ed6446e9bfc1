"""Bouncers that nobody here wrote: CrowdSec's own program enforces what is condemned, with no code of ours in it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.api.crowdsec.condemning import CROWD, PATH, THIEF, condemned, condemning
from tests.api.running import NOW
from tests.servers.process import absent, end, start, until

pytestmark = pytest.mark.crowdsec

TOLD = '#!/bin/sh\necho "$1 $2 $4" >> "$(dirname "$0")/told"\n'
"""What the bouncer calls with `add` or `del`, the address, the seconds, and the scenario."""


def find_bouncer() -> str:
    """CrowdSec's bouncer for programs of one's own; without it the test is skipped, and fails with CI=true."""
    found = shutil.which("crowdsec-custom-bouncer")
    if found is None:
        absent("crowdsec-custom-bouncer is missing; Debian's package of that name has it.")
    return found


@contextmanager
def bouncing(url: str, folder: Path) -> Iterator[Path]:
    """Run it against that local API; yields the file with what it enforces, line by line."""
    program, told, settings = folder / "enforce.sh", folder / "told", folder / "bouncer.yaml"
    program.write_text(TOLD)
    program.chmod(0o755)
    told.touch()
    settings.write_text(
        f"bin_path: {program}\nfeed_via_stdin: false\npiddir: {folder}\nupdate_frequency: 100ms\ndaemonize: false\n"
        f"log_mode: stdout\nlog_level: info\napi_url: {url}\napi_key: a-key\ncache_retention_duration: 1s\n"
        "prometheus:\n  enabled: false\n  listen_addr: 127.0.0.1\n  listen_port: 60602\n"
    )
    process = start([find_bouncer(), "-c", str(settings)], folder / "log")
    try:
        yield told
    finally:
        end(process)


def enforced(told: Path, count: int) -> list[str]:
    """What it has enforced, once it is so much."""
    until(lambda: len(told.read_text().splitlines()) >= count, f"{count} decisions are enforced", seconds=15)
    return sorted(told.read_text().splitlines())


@pytest.mark.parametrize("path", [PATH, ""])
def test_a_bouncer_enforces_what_is_condemned(tmp_path: Path, path: str) -> None:
    """What was condemned before it started, what is condemned afterwards, and what is released."""
    with condemning(path) as mount:
        mount.condemn(THIEF, CROWD, reason="spread.addresses")
        with bouncing(f"{mount.api.address.url}{path}/", tmp_path) as told:
            enforced(told, 2)
            mount.condemn("2001:db8::7")
            enforced(told, 3)
            mount.api.registry.release([condemned(THIEF).subject], NOW, "ann")

            assert [
                f"add {CROWD} tokenward/spread.addresses",
                "add 2001:db8::7 tokenward/manual",
                f"add {THIEF} tokenward/spread.addresses",
                f"del {THIEF} tokenward/spread.addresses",
            ] == enforced(told, 4)
