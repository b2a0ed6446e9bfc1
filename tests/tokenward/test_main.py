"""The console script: its version, its exit codes, its sentences; whole or bare."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.tokenward.command import environment, program, tokenward
from tokenward import __version__
from tokenward.cli.app import app, run

BARE = "import sys; sys.modules['{0}'] = None; sys.argv = ['tokenward', *sys.argv[1:]]; import runpy; "
BARE += "runpy.run_module('tokenward', run_name='__main__')"


def test_it_tells_its_version(tmp_path: Path) -> None:
    """`tokenward --version` prints it."""
    done = program("--version", folder=tmp_path)

    assert (0, f"tokenward {__version__}\n") == (done.returncode, done.stdout)


@pytest.mark.parametrize("missing", ["typer", "kafka"])
def test_a_bare_installation_says_what_to_install(tmp_path: Path, missing: str) -> None:
    """Where a package of the extra is missing, one sentence names the extra."""
    done = subprocess.run(
        [sys.executable, "-c", BARE.format(missing), "status"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (1, "") == (done.returncode, done.stdout)
    assert f"tokenward: {missing} is not installed; run pip install 'tokenward[server]'.\n" == done.stderr


COMMANDS = sorted(command.name or "" for command in app.registered_commands)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each has --help, and offers --json."""
    code = run([command, "--help"])

    assert 0 == code
    assert "--json" in capsys.readouterr().out


def test_the_promised_commands_are_there() -> None:
    """The commands of the contract exist."""
    promised = "demo route worker origins api replay simulate check list revoke release status rebuild doctor"

    assert set() == set(promised.split()) - set(COMMANDS)


WRONG_USE = {
    "no command": [],
    "no such command": ["judge"],
    "no such option": ["status", "--jason"],
    "no file": ["replay"],
    "no number": ["list", "--limit", "many"],
    "no such format": ["replay", "--format", "xml", "a.ndjson"],
    "no identity": ["check"],
    "nowhere to write": ["simulate"],
}


@pytest.mark.parametrize("arguments", WRONG_USE.values(), ids=list(WRONG_USE))
def test_wrong_use_is_code_two_and_a_sentence(arguments: list[str], tmp_path: Path) -> None:
    """What was called wrongly is said in one line on stderr."""
    done = tokenward(*arguments, folder=tmp_path)

    assert 2 == done.returncode
    assert (True, 1) == (done.stderr.startswith("tokenward: "), done.stderr.count("\n"))


FAILURES = {
    "missing file": ["replay", "none.ndjson"],
    "missing settings": ["status", "--config", "none.toml"],
    "no key": ["revoke", "--iss", "https://a", "--sub", "ann", "--reason", "manual"],
    "no source": ["route"],
}


@pytest.mark.parametrize("arguments", FAILURES.values(), ids=list(FAILURES))
def test_a_failure_is_code_one_and_a_sentence(arguments: list[str], tmp_path: Path) -> None:
    """What cannot be done is said in one line on stderr, without a traceback."""
    settings = {"TOKENWARD_METRICS__ROUTE_PORT": "0"}

    done = tokenward(*arguments, folder=tmp_path, settings=settings)

    assert 1 == done.returncode
    assert (True, 1) == (done.stderr.startswith("tokenward: "), done.stderr.count("\n"))


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    """With --debug a failure shows where it happened, and still ends with its sentence."""
    done = tokenward("--debug", "replay", "none.ndjson", folder=tmp_path)

    assert done.stderr.startswith("Traceback")
    assert "tokenward: There is no file none.ndjson." == done.stderr.splitlines()[-1]
