"""`python -m tests.scenarios` writes the folder of each scenario, beside this file."""

import json
from pathlib import Path

from tests.scenarios.stories import SCENARIOS, Scenario

HERE = Path(__file__).parent


def files(name: str, scenario: Scenario) -> dict[str, bytes]:
    """The contents of a scenario's folder, by file name."""
    title = name.replace("_", " ").capitalize()
    return {
        "events.ndjson": b"".join(line + b"\n" for line in scenario.lines),
        "expected.json": (json.dumps(scenario.expected, indent=2) + "\n").encode(),
        "README.md": f"# {title}\n\n{scenario.paragraph}\n".encode(),
    }


def main() -> None:
    """Write every folder."""
    for name, scenario in SCENARIOS.items():
        folder = HERE / name
        folder.mkdir(exist_ok=True)
        for file_name, content in files(name, scenario).items():
            (folder / file_name).write_bytes(content)


if __name__ == "__main__":
    main()
