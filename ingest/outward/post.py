"""Post: one bounded HTTP request to somebody else's server, and to no other.

The name is resolved once, each address that it has is looked at, and the connection goes to one that may be reached:
no second answer of a name server can lead elsewhere. TLS is checked against the name. Nothing follows a redirect, and
no proxy is read from the environment.
"""

import socket
import ssl
import time
from collections.abc import Iterable, Mapping
from http.client import HTTPException
from ipaddress import IPv4Network, IPv6Network, ip_address
from pathlib import Path
from typing import NamedTuple

import msgspec
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, NewConnectionError
from urllib3.exceptions import TimeoutError as SilenceError
from urllib3.util import Url, parse_url

SOCKET_SECONDS = 5.0
"""Longest silence: while connecting, and between two pieces of the answer."""
WHOLE_SECONDS = 10.0
BODY_BYTES = 64 * 1024
LONGEST_RETRY_S = 3600
LOOPBACK_NAMES = frozenset({"127.0.0.1", "::1", "localhost"})

Network = IPv4Network | IPv6Network


class Unposted(Exception):  # noqa: N818 - named after what happened
    """There is no answer; `reason` is the metric's label."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Answer(NamedTuple):
    """What the server said."""

    status: int
    body: bytes
    #: What `Retry-After` says, seconds; 0 where it says nothing, or a date.
    retry_after: int = 0

    def member(self, name: str) -> str:
        """A text of the JSON object in the body; empty where there is none."""
        try:
            found = msgspec.json.decode(self.body)
        except (msgspec.DecodeError, RecursionError):
            return ""
        value = found.get(name) if isinstance(found, dict) else None
        return value if isinstance(value, str) else ""


class Poster:
    """Posts. Safe for several threads."""

    def __init__(self, networks: Iterable[Network] = (), cafile: Path | None = None) -> None:
        """`networks`: which may be reached though they are not public; `cafile`: authorities besides the system's."""
        self._networks = tuple(networks)
        self._context = ssl.create_default_context()
        self._context.minimum_version = ssl.TLSVersion.TLSv1_2
        if cafile is not None:
            self._context.load_verify_locations(cafile)

    def post(self, address: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send the body; the answer, whatever its status.

        Raises:
            Unposted: none came whole and in time, or the address may not be reached.
        """
        try:
            url = parse_url(address)
            connection = self._connect(url)
            try:
                return _ask(connection, url, body, headers)
            finally:
                connection.close()
        except NewConnectionError:  # urllib3 counts it among the time-outs
            raise Unposted("unreachable") from None
        except (TimeoutError, SilenceError):
            raise Unposted("timeout") from None
        except ssl.SSLError:
            raise Unposted("tls") from None
        except (OSError, HTTPError, HTTPException, ValueError):
            # Below its pools urllib3 lets through what http.client and ssl raise.
            raise Unposted("unreachable") from None

    def _connect(self, url: Url) -> HTTPConnection:
        host = (url.host or "").strip("[]")
        secure = url.scheme == "https"
        port = url.port or (443 if secure else 80)
        found = self._address(host, port, secure=secure)
        if not secure:
            return HTTPConnection(found, port, timeout=SOCKET_SECONDS)
        return HTTPSConnection(
            found, port, timeout=SOCKET_SECONDS, ssl_context=self._context, server_hostname=host, assert_hostname=host
        )

    def _address(self, host: str, port: int, *, secure: bool) -> str:
        """The first of the name's addresses that may be reached."""
        listed = [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
        for text in listed:
            address = ip_address(text.partition("%")[0])
            if host in LOOPBACK_NAMES:
                if address.is_loopback:
                    return text
            elif secure and (address.is_global or any(address in network for network in self._networks)):
                return text
        raise Unposted("forbidden_address")


def _ask(connection: HTTPConnection, url: Url, body: bytes, headers: Mapping[str, str]) -> Answer:
    deadline = time.monotonic() + WHOLE_SECONDS
    told = {"host": url.netloc or "", "accept-encoding": "identity", **headers}
    connection.request("POST", url.request_uri, body, told, preload_content=False, decode_content=False)
    answer = connection.getresponse()
    whole = b""
    while part := answer.read1(BODY_BYTES + 1):
        whole += part
        if len(whole) > BODY_BYTES:
            raise Unposted("too_large")
        if time.monotonic() > deadline:
            raise Unposted("timeout")
    after = answer.headers.get("retry-after", "")
    return Answer(answer.status, whole, min(int(after), LONGEST_RETRY_S) if after.isdecimal() else 0)
