"""What the documents promise is what the code does."""

import re
from pathlib import Path

import msgspec
import pytest

from revocation.policy import ClientPolicy, Policy, TenantPolicy, load_policy
from revocation.sections import AllowPolicy, RolloverPolicy

DOCS = Path(__file__).parents[1] / "docs"


def blocks(document: str, language: str) -> list[str]:
    """The fenced blocks of a document, indentation taken off."""
    text = (DOCS / document).read_text()
    found = re.findall(rf"^( *)```{language}\n(.*?)^\1```", text, re.DOTALL | re.MULTILINE)
    return ["\n".join(line.removeprefix(indent) for line in block.splitlines()) for indent, block in found]


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
