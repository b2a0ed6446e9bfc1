"""What the documents promise is what the code does."""

import re
from fnmatch import filter as matching

import msgspec
import pytest
import typer

from bench.__main__ import BENCHES
from detector.verdict import CHANNELS, Reason
from revocation.policy import ClientPolicy, Policy, TenantPolicy, load_policy
from revocation.sections import AllowPolicy, RolloverPolicy
from tests.documents import DOCS, blocks
from tokenward.cli.app import app

SUBSECTIONS: dict[str, tuple[str, type[msgspec.Struct]]] = {
    "clients": ("clients.NAME.", ClientPolicy),
    "tenants": ("tenants.NAME.", TenantPolicy),
    "allow": ("allow.", AllowPolicy),
    "rollovers": ("rollovers.", RolloverPolicy),
}
"""Members of the policy that hold sections of their own."""


def policy_members(section: type[msgspec.Struct], prefix: str = "") -> dict[str, object]:
    """Every member of the policy by its dotted name, with its default."""
    members: dict[str, object] = {}
    for field in msgspec.structs.fields(section):
        default = field.default_factory() if callable(field.default_factory) else field.default
        if isinstance(default, msgspec.Struct):
            members |= policy_members(type(default), f"{prefix}{field.name}.")
        elif prefix + field.name in SUBSECTIONS:
            name, subsection = SUBSECTIONS[prefix + field.name]
            members |= policy_members(subsection, name)
        else:
            members[prefix + field.encode_name] = default
    return members


def test_every_member_of_the_policy_is_documented_with_its_default() -> None:
    """The table of docs/policy.md is the policy's."""
    rows = re.findall(r"^\| `([\w.]+)` \| (.*?) \|", (DOCS / "policy.md").read_text(), re.MULTILINE)
    shown = {name: default.strip('`"') for name, default in rows}

    words: dict[object, str] = {None: "as for all", False: "false", (): "[]", msgspec.NODEFAULT: "must be given"}
    expected = {
        name: words[default] if default in words else str(default)
        for name, default in policy_members(Policy).items()
        if name != "scopes"
    }
    assert shown.pop("scopes") == "see below"
    assert shown == expected


@pytest.mark.parametrize("text", blocks("policy.md", "toml"))
def test_the_policys_examples_are_policies(text: str) -> None:
    """Every example of docs/policy.md is accepted, and is not the default."""
    assert load_policy(text) != Policy()


def named(pattern: str) -> set[str]:
    """What the pattern's group finds in any document."""
    documents = [*DOCS.glob("*.md"), DOCS.parent / "README.md"]
    return {name for path in documents for name in re.findall(pattern, path.read_text(), re.MULTILINE)}


def test_benches_named_in_documents_exist() -> None:
    """Whoever copies a figure's command can run it."""
    benches = named(r"python -m bench ([a-z]+)")

    assert set() == benches - set(BENCHES)
    assert benches


def test_tests_named_in_documents_exist() -> None:
    """What a document says that a test holds, a test of that name holds."""
    files = (DOCS.parent / "tests").rglob("test_*.py")
    tests = {name for path in files for name in re.findall(r"^def (test_\w+)", path.read_text(), re.MULTILINE)}
    claimed = named(r"`(test_[a-z0-9_]+)`")

    assert set() == claimed - tests
    assert claimed


def test_commands_named_in_documents_exist() -> None:
    """Every command in backticks or on a line of its own is one of the program's."""
    command = typer.main.get_command(app)
    assert isinstance(command, typer.core.TyperGroup)
    commands = named(r"(?:`|^ {4}|\$ )tokenward ([a-z]+)")

    assert set() == commands - set(command.commands)
    assert commands


def test_every_signal_is_described() -> None:
    """docs/detection.md has a section for each signal that can be a reason or weigh."""
    sections = set(re.findall(r"^### (\w+):", (DOCS / "detection.md").read_text(), re.MULTILINE))

    signals = {reason.slug.partition(".")[0] for reason in Reason} | set(CHANNELS)
    assert signals - {"systemic"} == sections


def test_what_tunes_a_signal_is_a_member_of_the_policy() -> None:
    """What docs/detection.md tells people to tune stands in the policy, under that name."""
    tuned = re.findall(r"^\*Tune:\*(.*?)\n$", (DOCS / "detection.md").read_text(), re.DOTALL | re.MULTILINE)
    names = {name for text in tuned for name in re.findall(r"`([a-z]+\.[a-z_*]+)`", text)}

    assert set() == {name for name in names if not matching(policy_members(Policy), name)}
    assert names
