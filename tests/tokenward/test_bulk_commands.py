"""bulk and approvals, against a running API: the work of an operator and of the one who approves it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.bulk.drafting import lines
from tests.api.running import Running, entry, running
from tests.api.writes.callers import ACCESS, key_of
from tests.servers.process import free_port
from tests.tokenward.command import KEY, Done, tokenward

WHY = ("--reason", "soc.test")


class Shell:
    """A shell of somebody with a key of the API."""

    def __init__(self, folder: Path, api: Running, name: str) -> None:
        self.folder = folder
        self._settings = {
            "TOKENWARD_OPERATOR__URL": api.address.url,
            "TOKENWARD_OPERATOR__KEY": key_of(name),
            "TOKENWARD_DIGEST_KEY": KEY,
        }

    def run(self, *arguments: str) -> Done:
        """Run one command."""
        return tokenward(*arguments, folder=self.folder, settings=self._settings)

    def json(self, *arguments: str) -> list[dict[str, Any]]:
        """Run one command that must not fail; returns what it printed."""
        done = self.run(*arguments, "--json")
        assert 0 == done.returncode, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def api() -> Iterator[Running]:
    """An API that asks who calls, and two persons about three identities or more."""
    with running(access=ACCESS, approval_lines=3) as parts:
        yield parts


@pytest.fixture
def ann(api: Running, tmp_path: Path) -> Shell:
    """Who asks."""
    return Shell(tmp_path, api, "ann")


@pytest.fixture
def bob(api: Running, tmp_path: Path) -> Shell:
    """Who approves."""
    return Shell(tmp_path, api, "bob")


def drafted(shell: Shell, *sids: str) -> dict[str, Any]:
    """Draft a bulk of these sessions; its dry run."""
    (shell.folder / "lines").write_bytes(lines(sids))
    (told,) = shell.json("bulk", "draft", *WHY, "--file", str(shell.folder / "lines"))
    return told


def test_from_the_file_to_the_undoing(ann: Shell, bob: Shell) -> None:
    """Drafted, submitted, approved by another, followed to its end, undone, followed again."""
    dry = drafted(ann, "c1", "c2", "c3")
    (waits,) = ann.json("bulk", "submit", dry["id"])
    (approved,) = bob.json("approvals", "approve", waits["approval"], *WHY)
    done = ann.json("bulk", "status", dry["id"], "--follow")[-1]
    ann.json("bulk", "undo", dry["id"], *WHY)
    undone = ann.json("bulk", "status", dry["id"], "--follow")[-1]

    assert ((3, 0, True), "waiting", "approved") == (
        (dry["hit"], dry["already"], dry["needs_approval"]),
        waits["stage"],
        approved["status"],
    )
    assert (("done", 3), ("undone", 0)) == ((done["stage"], done["done"]), (undone["stage"], undone["done"]))


def test_it_says_what_to_do_next(ann: Shell, bob: Shell) -> None:
    """Without --json people read sentences: the dry run, who has to approve, what became of it."""
    bulk = drafted(ann, "d1", "d2", "d3")["id"]
    dry, submitted = ann.run("bulk", "dry-run", bulk).stdout, ann.run("bulk", "submit", bulk).stdout
    approval = ann.json("bulk", "status", bulk)[0]["approval"]
    listed, bulks = bob.run("approvals", "list").stdout, bob.run("bulk", "list").stdout
    rejected = bob.run("approvals", "reject", approval, *WHY).stdout

    assert (True, True) == ("3 would be hit" in dry, f"tokenward bulk submit {bulk}" in dry)
    assert f"tokenward approvals approve {approval}" in submitted
    assert (True, True) == ("waiting" in listed, "draft" in bulks or "waiting" in bulks)
    assert f"{approval} is rejected: bulk, asked for by ann.\n" == rejected


def test_a_draft_may_be_of_the_registry(ann: Shell, api: Running) -> None:
    """What one reason decided is let pass: the filter is the API's own."""
    api.refuse(entry("f1", reasons=("cli.rule",)), entry("f2", reasons=("cli.rule",)))
    asked = ("--registry", "--release", "--because", "cli.rule", "--since", "2026-01-01T00:00:00Z")
    (dry,) = ann.json("bulk", "draft", *WHY, *asked)

    assert (2, 0) == (dry["hit"], dry["already"])


def test_what_the_api_refuses_is_a_sentence(ann: Shell) -> None:
    """Its own, with code 1."""
    done = ann.run("bulk", "submit", "00" * 16)

    assert (1, True) == (done.returncode, done.stderr.startswith("tokenward: There is none of that id"))


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("draft", *WHY), 2),
        (("draft", *WHY, "--telemetry", "--registry"), 2),
        (("draft", "--registry", "--reason", "Two words"), 2),
        (("draft", *WHY, "--registry", "--since", "yesterday"), 2),
        (("draft", *WHY, "--telemetry", "--network", "everywhere"), 2),
        (("draft", *WHY, "--file", "none"), 1),
    ],
)
def test_what_is_no_draft(ann: Shell, arguments: tuple[str, ...], code: int) -> None:
    """Nobody, twice somebody, no reason, no moment, no file."""
    assert code == ann.run("bulk", *arguments).returncode


def test_an_api_that_is_away_is_a_sentence(tmp_path: Path) -> None:
    """It names the address."""
    url = f"http://127.0.0.1:{free_port()}"
    done = tokenward("bulk", "list", folder=tmp_path, settings={"TOKENWARD_OPERATOR__URL": url})

    assert (1, True) == (done.returncode, url in done.stderr)


def test_a_key_is_asked_for(api: Running, tmp_path: Path) -> None:
    """Without one the API's own sentence is shown."""
    done = tokenward("bulk", "list", folder=tmp_path, settings={"TOKENWARD_OPERATOR__URL": api.address.url})

    assert (1, True) == (done.returncode, "Nobody is shown" in done.stderr)
