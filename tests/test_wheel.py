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

import httpx
import jwt
import msgspec
import pytest

from revocation.record import Scope, Subject, digester
from tests.api.running import ISSUER, Running, entry, running
from tests.documents import program
from tests.servers.process import end, free_port, listens, until

ROOT = Path(__file__).parents[1]
PACKAGES = {"api", "detector", "ingest", "revocation", "tokenward"}
PATIENCE = 300.0

pytestmark = pytest.mark.slow

SERVICES = ("numpy", "redis", "fastapi", "flask", "cryptography", "kafka", "urllib3")
"""Distributions that the bare one does without."""
FRAMEWORKS = {
    *("fastapi", "starlette", "anyio", "idna", "pydantic", "pydantic-core", "annotated-types", "annotated-doc"),
    *("typing-extensions", "typing-inspection", "opentelemetry-api", "uvicorn", "h11", "click"),
    *("flask", "werkzeug", "jinja2", "markupsafe", "itsdangerous", "blinker"),
}
"""FastAPI and Flask with what they need themselves, and a server."""
DIGEST_KEY = "of-the-tests-and-of-nobody-else."
SITES = {
    "gateway.py": ("uvicorn", "gateway:app", "--port"),
    "shop.py": ("flask", "--app", "shop", "run", "--port"),
}
"""The programs of docs/client.md, and how it says that they are run."""


def environment_of(folder: Path, **more: str) -> dict[str, str]:
    """Next to no environment: where to find packages, and nothing of ours but what is given."""
    kept = ("PIP_", "UV_", "SSL_", "HTTP", "http", "NO_PROXY", "no_proxy")
    environment = {name: value for name, value in os.environ.items() if name.startswith(kept)}
    return environment | {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(folder), "TMPDIR": str(folder)} | more


def run(*command: str | Path, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a program in `folder`."""
    return subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env=environment_of(folder, **more),
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


def of_the_lock(names: set[str]) -> str:
    """The lines of the lock for development that pin these distributions."""
    pins = re.split(r"\n(?=[^\s#])", (ROOT / "requirements" / "dev.txt").read_text())
    chosen = [pin for pin in pins if pin.partition("==")[0] in names]
    assert len(names) == len(chosen)
    return "\n".join(chosen)


@contextmanager
def installed(wheel: Path, lock: str, more: str = "") -> Iterator[Path]:
    """A new environment with one lock file, `more` pins and the wheel, and nothing else; yields its folder."""
    with temporary_folder() as folder:
        environment, requirements = folder / "env", folder / "requirements.txt"
        requirements.write_text((ROOT / "requirements" / f"{lock}.txt").read_text() + more)
        if importlib.util.find_spec("pip"):
            succeed(sys.executable, "-m", "venv", environment, folder=folder)
            install: list[str | Path] = [environment / "bin" / "python", "-m", "pip", "install", "--quiet"]
        else:  # this environment was made by uv, and so is that one
            uv = Path(sys.executable).with_name("uv")
            succeed(uv, "venv", "--quiet", "--python", sys.executable, environment, folder=folder)
            install = [uv, "pip", "install", "--quiet", "--python", environment / "bin" / "python"]
        succeed(*install, "--no-deps", "--require-hashes", "-r", requirements, folder=folder)
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


@pytest.fixture(scope="module")
def framed(wheel: Path) -> Iterator[Path]:
    """An environment as a resource server has it: the bare one, FastAPI and Flask."""
    with installed(wheel, "gateway", of_the_lock(FRAMEWORKS)) as environment:
        yield environment


@pytest.fixture(scope="module")
def api() -> Iterator[Running]:
    """A registry in which one session is revoked, and its API."""
    digest = digester(DIGEST_KEY.encode(), Scope.FAMILY, ISSUER)("stolen")
    with running() as parts:
        parts.refuse(msgspec.structs.replace(entry("stolen"), subject=Subject(Scope.FAMILY, digest)))
        yield parts


def told(api: Running) -> dict[str, str]:
    """What the programs of docs/client.md read from their environment."""
    return {"TOKENWARD_URL": api.address.url, "TOKENWARD_DIGEST_KEY": DIGEST_KEY}


def bearer(sid: str) -> dict[str, str]:
    """A request's header with a token of that session."""
    return {"Authorization": f"Bearer {jwt.encode({'iss': ISSUER, 'sid': sid}, 'k' * 32, algorithm='HS256')}"}


@contextmanager
def serving(command: list[str | Path], port: int, folder: Path, **more: str) -> Iterator[httpx.Client]:
    """Run a server that listens on that port while the block runs; yields a client of it."""
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=environment_of(folder, **more), stdout=output, stderr=output
        )
    try:
        until(lambda: listens(port) or process.poll() is not None, "the application", seconds=60)
        assert process.poll() is None, log.read_text()[-2000:]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
            yield client
    finally:
        end(process)


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
    """Without an extra it asks for what decodes and what reads tokens, and nothing else."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        headers = HeaderParser().parsestr(archive.read(name).decode())
    required = [line for line in headers.get_all("Requires-Dist", []) if "extra ==" not in line]

    assert {"msgspec", "pyjwt"} == {re.split(r"[<>=;\[ ]", line)[0] for line in required}


def test_the_bare_program_says_its_version(bare: Path, wheel: Path) -> None:
    """`tokenward --version` works without any extra."""
    said = run(bare / "bin" / "tokenward", "--version", folder=bare)

    assert (0, wheel.name.split("-")[1]) == (said.returncode, said.stdout.rpartition(" ")[2].strip()), said.stderr


def test_the_bare_distribution_follows_the_feed(bare: Path, api: Running) -> None:
    """A program that is plain Python is told of a revoked session, with nothing installed but the wheel's own needs."""
    (bare / "ask.py").write_text(program("client.md", "ask.py"))
    listing = f"import importlib.util; print([name for name in {SERVICES} if importlib.util.find_spec(name)])"
    found = run(bare / "bin" / "python", "-I", "-c", listing, folder=bare)
    said = run(bare / "bin" / "python", "ask.py", folder=bare, **told(api))

    assert ("[]", "deny reuse.theft_confirmed") == (found.stdout.strip(), said.stdout.strip()), said.stderr


@pytest.mark.parametrize("site", SITES)
def test_the_middleware_works_from_the_wheel(framed: Path, api: Running, site: str) -> None:
    """FastAPI and Flask, with the program of docs/client.md as it stands there, refuse the revoked session only."""
    (framed / site).write_text(program("client.md", site))
    port, module, *arguments = free_port(), *SITES[site]
    command: list[str | Path] = [framed / "bin" / "python", "-m", module, *arguments, str(port)]
    with serving(command, port, framed, **told(api)) as client:
        answers = [client.get("/", headers=headers) for headers in (bearer("stolen"), bearer("fine"), {})]

    assert [401, 200, 200] == [answer.status_code for answer in answers]
    assert [{"token": "active"}, {"token": "none"}] == [answer.json() for answer in answers[1:]]
    assert 'error="invalid_token"' in answers[0].headers["WWW-Authenticate"]


def test_the_installed_demo_ends_well(wheel: Path) -> None:
    """With the embedded extra `tokenward demo --seconds 10` shows the attacks refused, and exits with 0."""
    with installed(wheel, "embedded") as environment:
        demo = run(environment / "bin" / "tokenward", "demo", "--seconds", "10", folder=environment)

    assert demo.returncode == 0, demo.stdout[-2000:] + demo.stderr[-2000:]
