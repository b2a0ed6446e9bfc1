"""`deploy/systemd/`: units that systemd takes, and that leave a service nothing that it does not need."""

import shutil
import subprocess
from configparser import ConfigParser
from pathlib import Path

import pytest

UNITS = Path(__file__).parents[2] / "deploy" / "systemd"
SERVICES = {"route", "worker", "origins", "api", "notify"}
EXPOSURE = "15"
"""The most that `systemd-analyze security` may find, in tenths: what listens and asks the network cannot have less."""

#: What every unit says, and what it keeps out.
HARDENING = {
    "DynamicUser": "yes",
    "NoNewPrivileges": "yes",
    "CapabilityBoundingSet": "",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "PrivateDevices": "yes",
    "PrivateUsers": "yes",
    "RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX",
    "RestrictNamespaces": "yes",
    "MemoryDenyWriteExecute": "yes",
    "LimitCORE": "0",
    "UMask": "0077",
}


def units() -> list[Path]:
    """All of them."""
    return sorted(UNITS.glob("*.service"))


def service_of(unit: Path) -> dict[str, str]:
    """What the section `[Service]` says; of a line that may stand several times, the last."""
    parser = ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(unit)
    return dict(parser["Service"])


def test_each_service_has_a_unit() -> None:
    """It starts the command of its own name."""
    started = {unit.stem: service_of(unit)["ExecStart"].split()[1] for unit in units()}

    assert {f"tokenward-{service}": service for service in SERVICES} == started


@pytest.mark.parametrize("unit", units(), ids=lambda unit: unit.stem)
def test_a_unit_keeps_out_what_its_service_does_not_need(unit: Path) -> None:
    """No root, no home, no devices, no new code in memory, no core with a key in it; `notify` alone keeps files."""
    said = service_of(unit)
    written = {name for name in said if name.endswith("Directory") or name == "ReadWritePaths"}

    assert HARDENING == {name: said.get(name) for name in HARDENING}
    assert ({"StateDirectory"} if unit.stem == "tokenward-notify" else set()) == written


@pytest.mark.parametrize("unit", units(), ids=lambda unit: unit.stem)
def test_no_secret_stands_in_a_unit(unit: Path) -> None:
    """They come as credentials, each service its own; only the digest key is shared."""
    lines = unit.read_text().splitlines()
    service = unit.stem.removeprefix("tokenward-")
    loaded = [line.partition("=")[2].partition(":")[2] for line in lines if line.startswith("LoadCredential=")]

    assert [
        f"/etc/tokenward/secrets/{name}"
        for name in ("digest-key", f"{service}-kafka-password", f"{service}-redis-password")
    ] == loaded


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not here")
@pytest.mark.parametrize("unit", units(), ids=lambda unit: unit.stem)
def test_systemd_takes_the_unit(unit: Path, tmp_path: Path) -> None:
    """It knows every line, and finds little exposed."""
    here = tmp_path / unit.name
    here.write_text(unit.read_text().replace("/opt/tokenward/bin/tokenward", shutil.which("true") or ""))
    verified = subprocess.run(["systemd-analyze", "verify", here], capture_output=True, text=True, check=False)
    exposed = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE}", here],
        capture_output=True,
        text=True,
        check=False,
    )

    assert ((0, ""), 0) == ((verified.returncode, verified.stderr), exposed.returncode)
