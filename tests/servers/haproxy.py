"""A real HAProxy from the PATH, in the foreground."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.servers.gateway import Addresses, configuration, until_it_listens
from tests.servers.process import absent, end, start


def find_haproxy() -> str:
    """The path of `haproxy`; the test is skipped without it, and fails with CI=true."""
    return (
        shutil.which("haproxy")
        or shutil.which("haproxy", path="/usr/sbin")
        or absent("haproxy, one of the gateways, is not on the PATH.")
    )


@contextmanager
def haproxy(at: Addresses, switched: Mapping[str, str] | None = None) -> Iterator[Path]:
    """Run HAProxy with `deploy/gateways/haproxy`; yields its log."""
    program = find_haproxy()
    with tempfile.TemporaryDirectory(prefix="tokenward-haproxy-") as place:
        folder = Path(place)
        script = folder / "tokenward.lua"
        script.write_text(configuration("haproxy/tokenward.lua", at))
        text = configuration("haproxy/haproxy.cfg", at, **(switched or {}))
        (folder / "haproxy.cfg").write_text(text.replace("/etc/haproxy/tokenward.lua", str(script)))
        log = folder / "log"
        process = start([program, "-db", "-f", str(folder / "haproxy.cfg")], log)
        try:
            until_it_listens(process, at.gateway, log)
            yield log
        finally:
            end(process)
