"""A real nginx from the PATH, one worker, everything it writes in a folder of its own."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.servers.gateway import CONFIGURATIONS, Addresses, configuration, until_it_listens
from tests.servers.process import absent, end, start

MODULES = Path("/usr/lib/nginx/modules")
LUA = ("ndk_http_module.so", "ngx_http_lua_module.so")
"""What libnginx-mod-http-lua loads, in that order."""

# What /etc/nginx/nginx.conf is on a machine: the frame into which a site's file is put.
FRAME = """\
{modules}
daemon off;
worker_processes 1;
pid nginx.pid;
error_log stderr notice;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    include site.conf;
}}
"""


def find_nginx(*, lua: bool = False) -> str:
    """The path of `nginx`; the test is skipped without it, or without its Lua, and fails with CI=true."""
    nginx = (
        shutil.which("nginx")
        or shutil.which("nginx", path="/usr/sbin")
        or absent("nginx, one of the gateways, is not on the PATH.")
    )
    if lua and not all((MODULES / name).exists() for name in LUA):
        absent("nginx, one of the gateways, has no Lua: Debian's package is libnginx-mod-http-lua.")
    return nginx


def frame(folder: Path, site: str, *, lua: bool = False) -> None:
    """Write what nginx needs to run in that folder; `site` stands in its http context."""
    modules = "\n".join(f"load_module {MODULES / module};" for module in LUA) if lua else ""
    (folder / "nginx.conf").write_text(FRAME.format(modules=modules))
    (folder / "site.conf").write_text(site)


@contextmanager
def nginx(at: Addresses, switched: Mapping[str, str] | None = None) -> Iterator[Path]:
    """Run nginx with `deploy/gateways/nginx/tokenward.conf`; yields its log."""
    with tempfile.TemporaryDirectory(prefix="tokenward-nginx-") as place:
        folder = Path(place)
        frame(folder, configuration("nginx/tokenward.conf", at, **(switched or {})))
        with running(folder, at.gateway, find_nginx()) as log:
            yield log


@contextmanager
def replica(at: Addresses, switched: Mapping[str, str] | None = None, *, key: str) -> Iterator[Path]:
    """Run nginx with `deploy/gateways/nginx/replica.conf` and the digest key; yields its log."""
    program = find_nginx(lua=True)
    with tempfile.TemporaryDirectory(prefix="tokenward-nginx-") as place:
        folder = Path(place)
        (folder / "digest_key").write_text(key)
        text = configuration("nginx/replica.conf", at, **(switched or {}))
        text = text.replace(f"{CONFIGURATIONS / 'nginx'}/digest_key", f"{place}/digest_key")
        frame(folder, text.replace("port = 8080", f"port = {at.api}"), lua=True)
        with running(folder, at.gateway, program) as log:
            yield log


@contextmanager
def running(folder: Path, port: int, program: str) -> Iterator[Path]:
    """Run nginx in a folder that has its frame, until it listens on the port; yields its log."""
    log = folder / "log"
    process = start([program, "-p", str(folder), "-c", "nginx.conf", "-e", "stderr"], log)
    try:
        until_it_listens(process, port, log)
        yield log
    finally:
        end(process)
