"""`python -m bench [NAME [its options]] [--json]`: runs one bench, or all of them."""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from bench.report import Figures, NotRun, as_json, show

BENCHES = {
    "api": "bench.api",
    "bulk": "bench.bulk",
    "burst": "bench.burst",
    "deny": "bench.deny",
    "engine": "bench.engine",
    "geoip": "bench.geoip",
    "nginx": "bench.nginx",
    "propagation": "bench.propagation",
    "quality": "bench.quality",
    "registry": "bench.registry",
    "replica": "bench.replica",
    "reuse": "bench.reuse",
    "rollover": "bench.rollover",
    "travel": "bench.travel",
    "worker": "bench.worker",
}
"""Name -> module; its `run(args: Sequence[str]) -> Figures` takes the rest of the command line."""


def main(arguments: Sequence[str]) -> None:
    """Run what the command line names."""
    parser = argparse.ArgumentParser(
        prog="python -m bench", description=__doc__, add_help=arguments[:1] in (["-h"], ["--help"])
    )
    parser.add_argument("name", nargs="?", choices=sorted(BENCHES), help="one bench; all of them by default")
    parser.add_argument("--json", action="store_true", help="one JSON object a line instead of a table")
    options, rest = parser.parse_known_args(arguments)
    if options.name is None and rest:
        parser.error(f"only a single bench takes options: {' '.join(rest)}")
    names = [options.name] if options.name else sorted(BENCHES)
    results, missing = [], {}
    for name in names:
        try:
            results.append(_run(name, rest))
        except NotRun as why:
            missing[name] = str(why)
    if options.json:
        print("\n".join(map(as_json, results)))
    elif results:
        show(results)
    for name, reason in missing.items():
        print(f"{name} was not run: {reason}", file=sys.stderr)
    sys.exit(1 if missing else 0)


def _run(name: str, arguments: Sequence[str]) -> Figures:
    figures: Figures = import_module(BENCHES[name]).run(arguments)
    return figures


if __name__ == "__main__":
    main(sys.argv[1:])
