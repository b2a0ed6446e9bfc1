"""The console script `tokenward`. A bare installation, as gateways have it, knows its version and what is missing."""

import sys

from tokenward import __version__

SERVER = "server"
"""The extra that brings the command line and the services."""


def main() -> int:
    """Run the command line with the arguments of the process; returns its exit code."""
    if sys.argv[1:] == ["--version"]:
        sys.stdout.write(f"tokenward {__version__}\n")
        return 0
    try:
        from tokenward.cli.app import run  # noqa: PLC0415 - a bare installation does not have what this needs
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] in {
            "api",
            "detector",
            "ingest",
            "revocation",
            "tokenward",
        }:
            raise
        sys.stderr.write(f"tokenward: {error.name} is not installed; run pip install 'tokenward[{SERVER}]'.\n")
        return 1
    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
