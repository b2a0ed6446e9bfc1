"""A real nginx from the PATH, one worker, everything it writes in a folder of its own."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.servers.gateway import Addresses, configuration, until_it_listens
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


@contextmanager
def nginx(
    at: Addresses, switched: Mapping[str, str] | None = None, *, name: str = "nginx/tokenward.conf", lua: bool = False
) -> Iterator[Path]:
    """Run nginx with a file of `deploy/gateways`; yields its log."""
    program = find_nginx(lua=lua)
    with tempfile.TemporaryDirectory(prefix="tokenward-nginx-") as place:
        folder = Path(place)
        modules = "\n".join(f"load_module {MODULES / module};" for module in LUA) if lua else ""
        (folder / "nginx.conf").write_text(FRAME.format(modules=modules))
        (folder / "site.conf").write_text(configuration(name, at, **(switched or {})))
        log = folder / "log"
        process = start([program, "-p", place, "-c", "nginx.conf", "-e", "stderr"], log)
        try:
            until_it_listens(process, at.gateway, log)
            yield log
        finally:
            end(process)
