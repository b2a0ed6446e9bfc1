"""Bodies of the media types that schemathesis cannot write by itself: its program loads this file.

It runs in a process and a folder of its own, so what only the test can sign stands in a file beside it.
"""

import json
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import strategies as st
from schemathesis.core import NotSet

VALUES = st.none() | st.integers() | st.text()
LINES = st.lists(st.dictionaries(st.sampled_from(["iss", "sid", "sub", "ip", "scope", "who"]), VALUES), max_size=5).map(
    lambda lines: "\n".join(map(json.dumps, lines))
)
#: By path, beside any text: what comes further than any text does.
BODIES = {
    "/v1/ssf/events": st.sampled_from(json.loads(Path("events.json").read_text())),
    "/v1/bulk/{bulk}/parts/{part}": LINES,
}


@schemathesis.serializer("application/secevent+jwt", "application/x-ndjson")
def text(_: object, value: str) -> bytes:
    """Text as it stands."""
    return value.encode("utf-8", "surrogatepass")


@schemathesis.hook
def filter_case(context: Any, case: Any) -> bool:
    """As any text may be sent, none is of a wrong type; what is no text cannot be sent."""
    return context.operation.path not in BODIES or isinstance(case.body, str | NotSet)


@schemathesis.hook
def before_generate_body(context: Any, strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Half of the bodies are of the kind that comes further."""
    further = BODIES.get(context.operation.path)
    return strategy if further is None else strategy | further
