"""The house keeps its own rules: floors, sizes, words, commands, documents and locks are as the documents say."""

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("api", "detector", "ingest", "revocation", "tokenward")
LONGEST_MODULE = 400
MAKE_TARGETS = {"demo", "test", "check", "stack", "stack-stop", "bench", "lock", "notebooks"}

# Written so that they do not match themselves.
UNFINISHED = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X|NotImplemented" + r"Error)\b")
MACHINE = re.compile(r"(?<![\w.])/(work|root|home|tmp/w)/")
REGISTRY_HOST = re.compile(
    r"pypi\.|pythonhosted\.|repo1?\.maven|npmjs\.|(deb|security)\.debian|crates\.io|proxy\.golang"
)
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")
NAMED_FILE = re.compile(r"`([\w.-]+(?:/[\w.-]+)+\.(?:py|lua|md|json|toml|txt|xml|yml|properties|ndjson))`")


def tracked(*suffixes: str) -> list[Path]:
    """The files of the repository, committed or about to be, with one of these suffixes (all without any)."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    paths = (ROOT / name for name in listed)
    return [path for path in paths if path.is_file() and (not suffixes or path.suffix in suffixes)]


def texts() -> list[tuple[Path, str]]:
    """Every text file with its text."""
    found = []
    for path in tracked():
        content = path.read_bytes()
        if b"\0" not in content:
            found.append((path, content.decode()))
    return found


def places(pattern: re.Pattern[str]) -> list[str]:
    """Where the pattern stands in the repository's text: `file:line`."""
    return [
        f"{path.relative_to(ROOT)}:{number}"
        for path, text in texts()
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]


def table() -> dict[str, object]:
    """What pyproject.toml says."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.mark.slow
def test_imports_point_down_and_the_core_is_pure() -> None:
    """The import contracts of pyproject.toml hold."""
    program = Path(sys.executable).with_name("lint-imports")
    linted = subprocess.run([program, "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)

    assert linted.returncode == 0, linted.stdout + linted.stderr


def test_only_the_settings_read_the_environment() -> None:
    """Below the tests and benches, no file but tokenward/settings.py touches the environment."""
    reads = [
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        if re.search(r"\bos\.(environ|getenv)\b|import environ", path.read_text())
    ]

    assert set() == set(reads) - {"tokenward/settings.py"}


def test_modules_are_short() -> None:
    """No Python module has more than 400 lines."""
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in tracked(".py")}

    assert {} == {name: lines for name, lines in lengths.items() if lines > LONGEST_MODULE}


def test_every_test_says_its_claim() -> None:
    """Each test's docstring is a sentence."""
    mute = []
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                claim = (ast.get_docstring(node) or "").strip()
                if not re.search(r"\w.*[.!?]$", claim, re.DOTALL):
                    mute.append(f"{path.relative_to(ROOT)}::{node.name}")

    assert [] == mute


def test_nothing_is_left_unfinished() -> None:
    """No word in the repository says that something is still to be done."""
    assert [] == places(UNFINISHED)


def test_no_machine_and_no_registry_is_named() -> None:
    """No file holds a path of the machine it was written on, or the address of a package registry."""
    assert [] == places(MACHINE) + places(REGISTRY_HOST)


def test_every_promised_make_target_explains_itself() -> None:
    """`make` alone lists the promised targets with a line each."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    listing = subprocess.run(
        ["make", "help"], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=True
    ).stdout
    helped = set(re.findall(r"^ *make ([\w-]+) +\S", listing, re.MULTILINE))

    assert set() == MAKE_TARGETS - helped


def test_a_commit_runs_what_make_check_runs() -> None:
    """The steps of `make check` and the hooks of pre-commit are the same."""
    makefile = (ROOT / "Makefile").read_text()
    hooks = (ROOT / ".pre-commit-config.yaml").read_text()
    steps = re.findall(r"^(check-[\w-]+):", makefile, re.MULTILINE)

    assert sorted(steps) == sorted(re.findall(r"entry: make (check-[\w-]+)", hooks))


def test_the_console_script_is_there() -> None:
    """The distribution brings the program `tokenward`, and its entry point loads."""
    (script,) = entry_points(group="console_scripts", name="tokenward")

    assert callable(script.load())


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_are_typed(package: str) -> None:
    """Each package carries the marker that tells type checkers so."""
    assert (ROOT / package / "py.typed").is_file()


def test_every_opt_out_of_the_linter_has_its_reason() -> None:
    """Each rule that ruff is told to ignore stands in a line with a comment."""
    lint = (
        (ROOT / "pyproject.toml")
        .read_text()
        .partition("[tool.ruff.lint]")[2]
        .partition("[tool.ruff.lint.pydocstyle]")[0]
    )
    rules = [line for line in lint.splitlines() if re.match(r' +"[A-Z]+\d*",', line)]

    assert [] == [line for line in rules if " # " not in line]
    assert rules


def test_links_lead_somewhere() -> None:
    """Every relative link in a document leads to a file."""
    broken = [
        f"{path.relative_to(ROOT)}: {target}"
        for path in tracked(".md")
        for target in LINK.findall(path.read_text())
        if "://" not in target and not target.startswith("mailto:") and not (path.parent / target).exists()
    ]

    assert [] == broken


def test_files_named_in_documents_exist() -> None:
    """A path in backticks in a document is a file, from the root or from the document."""
    missing = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in tracked(".md")
        for name in NAMED_FILE.findall(path.read_text())
        if not (ROOT / name).exists() and not (path.parent / name).exists()
    ]

    assert [] == missing


def test_the_changelog_has_a_place_for_what_comes_next() -> None:
    """CHANGELOG.md keeps an Unreleased section."""
    assert "\n## [Unreleased]\n" in (ROOT / "CHANGELOG.md").read_text()


def test_notebooks_hold_no_outputs() -> None:
    """Notebooks are stored without what they printed; `make notebooks` shows it again."""
    printed = [
        str(path.relative_to(ROOT))
        for path in tracked(".ipynb")
        if any(cell.get("outputs") or cell.get("execution_count") for cell in json.loads(path.read_text())["cells"])
    ]

    assert [] == printed


@pytest.mark.parametrize("lock", sorted((ROOT / "requirements").glob("*.txt")), ids=lambda path: path.stem)
def test_locks_pin_by_hash_and_name_no_index(lock: Path) -> None:
    """Each requirement is one version with its hashes, and no line is an option of an index."""
    entries = re.split(r"\n(?=[^\s#])", lock.read_text())[1:]

    assert [] == [entry for entry in entries if not re.match(r"[\w.\[\]-]+==\S+.*\\\n +--hash=sha256:", entry)]
    assert entries


def test_locks_hold_every_requirement() -> None:
    """Whatever pyproject.toml asks for is in the lock for development: who changes one runs `make lock`."""
    project = table()["project"]
    assert isinstance(project, dict)
    extras = project["optional-dependencies"]
    asked = {
        re.split(r"[\[<>=;]", requirement)[0].lower().replace("_", "-")
        for requirement in [*project["dependencies"], *(one for extra in extras.values() for one in extra)]
    } - {"tokenward"}
    locked = set(re.findall(r"^([\w.-]+)==", (ROOT / "requirements" / "dev.txt").read_text(), re.MULTILINE))

    assert set() == asked - locked


def test_ci_is_executable() -> None:
    """`.ci/run` can be run as it is."""
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


@pytest.mark.slow
def test_a_missing_broker_is_named_and_fails_in_ci(tmp_path: Path) -> None:
    """A test on a real broker that cannot be had is listed as not run, and is a failure with CI=true."""
    (tmp_path / "test_it.py").write_text(
        "import pytest\n@pytest.mark.kafka\ndef test_it(kafka_bootstrap):\n    raise AssertionError\n"
    )
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = kafka: needs a broker\n")
    command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "--rootdir", str(tmp_path), str(tmp_path)]
    environment = {**os.environ, "TOKENWARD_KAFKA_JARS": str(tmp_path / "none"), "PYTHONPATH": str(ROOT)}
    outputs = {
        ci: subprocess.run(
            command, cwd=ROOT, env={**environment, "CI": ci}, capture_output=True, text=True, timeout=60, check=False
        )
        for ci in ("false", "true")
    }

    assert "NOT RUN: 1 tests on a real broker" in outputs["false"].stdout
    assert {"false": 0, "true": 1} == {ci: output.returncode for ci, output in outputs.items()}
