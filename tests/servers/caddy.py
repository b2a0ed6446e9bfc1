"""A real Caddy from the PATH, in the foreground, with a home of its own."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.servers.gateway import Addresses, configuration, until_it_listens
from tests.servers.process import absent, end, start


def find_caddy() -> str:
    """The path of `caddy`; the test is skipped without it, and fails with CI=true."""
    return shutil.which("caddy") or absent("caddy, one of the gateways, is not on the PATH.")


@contextmanager
def caddy(at: Addresses, switched: Mapping[str, str] | None = None) -> Iterator[Path]:
    """Run Caddy with `deploy/gateways/caddy/Caddyfile`; yields its log."""
    program = find_caddy()
    with tempfile.TemporaryDirectory(prefix="tokenward-caddy-") as place:
        folder = Path(place)
        (folder / "Caddyfile").write_text(configuration("caddy/Caddyfile", at, **(switched or {})))
        log = folder / "log"
        homes = [f"{name}={place}" for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")]
        process = start(
            ["env", *homes, program, "run", "--adapter", "caddyfile", "--config", f"{place}/Caddyfile"], log
        )
        try:
            until_it_listens(process, at.gateway, log)
            yield log
        finally:
            end(process)
