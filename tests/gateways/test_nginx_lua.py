"""The Lua of `deploy/gateways` says what Python says: digests, JSON, and that it compiles."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import closing
from hashlib import blake2b
from http.client import HTTPConnection
from pathlib import Path

import pytest
import yaml

from revocation.record import Scope, digester
from tests.servers.gateway import CONFIGURATIONS, until_it_listens
from tests.servers.nginx import find_nginx, frame
from tests.servers.process import end, free_port, start

pytestmark = pytest.mark.gateways

KEY = "0123456789abcdef0123456789abcdef"
ISS = "https://idp.example/realms/acme"

# Answers what the modules say of what is asked; JSON in a form that shows types, members sorted.
SITE = """
lua_package_path "{lua}/?.lua;;";
client_body_buffer_size 128k;
server {{
    listen 127.0.0.1:{port};
    location /digest {{
        content_by_lua_block {{
            ngx.req.read_body()
            local scope, issuer, value = ngx.req.get_body_data():match("^(%l+)\\n(.-)\\n(.*)$")
            local found = require("entries").identity("{key}", scope, issuer, value)
            ngx.print((found:gsub(".", function(c) return string.format("%02x", c:byte()) end)))
        }}
    }}
    location /json {{
        content_by_lua_block {{
            local function shown(value)
                if type(value) ~= "table" then return type(value) .. " " .. tostring(value) end
                local members = {{}}
                for name, member in pairs(value) do
                    members[#members + 1] = tostring(name) .. "=" .. shown(member)
                end
                table.sort(members)
                return "{{" .. table.concat(members, "|") .. "}}"
            end
            ngx.req.read_body()
            ngx.print(shown(require("json")(ngx.req.get_body_data())))
        }}
    }}
    location /compile {{
        content_by_lua_block {{
            ngx.req.read_body()
            local compiled, why = loadstring(ngx.req.get_body_data())
            ngx.print(compiled and "compiles" or why)
        }}
    }}
}}
lua_shared_dict tokenward_entries 1m;
"""

GOOD_JSON = [
    '{"iss":"https://idp.example","exp":1795650000,"auth_time":1795650000.5,"admin":true,"gone":null}',
    ' { "a" : [ 1 , -2.5e3 , "x" ] , "b" : { "c" : { } , "d" : [ ] } } ',
    r'{"a":"\"\\\/\b\f\n\r\t","b":"\u0041\u00e9\u20ac\ud83d\ude00"}',
    '{"sid":"first","sid":"second"}',
    '{"note":"\\"sid\\":\\"forged\\"","sid":"own"}',
    '{"é":"ü"}',
    '"text"',
    "[]",
]
BAD_JSON = ["", "{", '{"a"}', '{"a":}', '{"a":1,}', "[1 2]", '{"a":"b}', '{"a":"\\x"}', '{"a":1}x', "tru", "[" * 64]


@pytest.fixture(scope="module")
def lua() -> Iterator[HTTPConnection]:
    """An nginx that runs the modules, on one connection."""
    program = find_nginx(lua=True)
    with tempfile.TemporaryDirectory(prefix="tokenward-lua-") as place:
        folder, port = Path(place), free_port()
        site = SITE.format(lua=CONFIGURATIONS / "nginx" / "lua", port=port, key=KEY)
        frame(folder, site, lua=True)
        log = folder / "log"
        process = start([program, "-p", place, "-c", "nginx.conf", "-e", "stderr"], log)
        try:
            until_it_listens(process, port, log)
            with closing(HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
                yield connection
        finally:
            end(process)


def said(lua: HTTPConnection, path: str, body: str) -> str:
    """What is answered."""
    lua.request("POST", path, body.encode() or b" ")
    return lua.getresponse().read().decode()


def shown(value: object) -> str:
    """What the site's `shown` shows."""
    if isinstance(value, dict):
        members = [f"{name}={shown(member)}" for name, member in value.items() if member is not None]
        return "{" + "|".join(sorted(members, key=str.encode)) + "}"
    if isinstance(value, list):
        return "{" + "|".join(f"{place}={shown(member)}" for place, member in enumerate(value, 1)) + "}"
    if isinstance(value, bool):
        return f"boolean {str(value).lower()}"
    return f"number {value:g}" if isinstance(value, int | float) and abs(value) < 1e6 else _long(value)


def _long(value: object) -> str:
    return f"string {value}" if isinstance(value, str) else f"number {value}"


@pytest.mark.parametrize("length", [0, 1, 36, 90, 92, 93, 94, 127, 128, 129, 220, 221, 256, 1_000])
@pytest.mark.parametrize("scope", Scope)
def test_identities_are_digested_as_the_registry_does(lua: HTTPConnection, scope: Scope, length: int) -> None:
    """A digest of nginx is the registry's, for every scope, and at every length around BLAKE2b's blocks."""
    value = ("0123456789é" * 100)[:length]
    expected = digester(KEY.encode(), scope, ISS)(value).hex()

    assert expected == said(lua, "/digest", f"{scope.value}\n{ISS}\n{value}")


def test_a_long_issuer_is_digested_as_the_registry_does(lua: HTTPConnection) -> None:
    """An issuer whose name fills more than a block makes no difference; nor does none."""
    for issuer in ("https://idp.example/" + "x" * 300, ""):
        expected = digester(KEY.encode(), Scope.SUBJECT, issuer)("ann").hex()

        assert expected == said(lua, "/digest", f"subject\n{issuer}\nann")


def test_the_digest_is_keyed_blake2b() -> None:
    """What is compared with is RFC 7693's BLAKE2b with a key and a person."""
    message = len(ISS).to_bytes(4, "big") + ISS.encode() + b"ann"

    assert blake2b(message, key=KEY.encode(), digest_size=16, person=b"subject").digest() == digester(
        KEY.encode(), Scope.SUBJECT, ISS
    )("ann")


@pytest.mark.parametrize("text", GOOD_JSON)
def test_json_is_read_as_python_reads_it(lua: HTTPConnection, text: str) -> None:
    """What is JSON means the same in nginx; a null is as if it were not there."""
    assert shown(json.loads(text)) == said(lua, "/json", text)


@pytest.mark.parametrize("text", BAD_JSON)
def test_what_is_no_json_is_nothing(lua: HTTPConnection, text: str) -> None:
    """What is not JSON, or nested without end, is nothing."""
    assert said(lua, "/json", text) == "nil nil"


def test_kongs_function_compiles(lua: HTTPConnection) -> None:
    """The function in kong.yaml is Lua."""
    document = yaml.safe_load((CONFIGURATIONS / "kong" / "kong.yaml").read_text())
    (function,) = document["services"][0]["plugins"][0]["config"]["access"]

    assert said(lua, "/compile", function) == "compiles"


def test_apisixs_function_compiles(lua: HTTPConnection) -> None:
    """The function in apisix.yaml is Lua."""
    document = yaml.safe_load((CONFIGURATIONS / "apisix" / "apisix.yaml").read_text())
    (function,) = document["routes"][0]["plugins"]["serverless-pre-function"]["functions"]

    assert said(lua, "/compile", function) == "compiles"
