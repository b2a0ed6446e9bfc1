"""Reads the documents' examples, so that tests can run what people copy."""

import re
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"


def blocks(document: str, language: str) -> list[str]:
    """The fenced blocks of a document, indentation taken off."""
    text = (DOCS / document).read_text()
    found = re.findall(rf"^( *)```{language}\n(.*?)^\1```", text, re.DOTALL | re.MULTILINE)
    return ["\n".join(line.removeprefix(indent) for line in block.splitlines()) for indent, block in found]


def program(document: str, name: str) -> str:
    """The Python block of a document that says in its first line that it is the file of that name."""
    (found,) = (block for block in blocks(document, "python") if block.startswith(f"# {name}"))
    return found
