"""One key set of one issuer: fetched over HTTP, within bounds, and read into keys that only verify.

What comes is hostile until it is parsed. A key that shares a secret (`oct`), that tells its private half, that is for
encryption, or that is too weak is left out; the others are usable all the same.
"""

import json
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from hashlib import sha256
from http.client import HTTPException
from typing import Any

import jwt
from jwt.algorithms import Algorithm
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.exceptions import TimeoutError as SilenceError

from api.compact import KID_CHARS
from api.trust import ALGORITHMS, TrustedIssuer, address_of

BODY_BYTES = 256 * 1024
MOST_KEYS = 200
SOCKET_SECONDS = 3.0
"""Longest silence of the server: while connecting, and between two pieces of its answer."""
WHOLE_SECONDS = 5.0
"""Longest that a whole fetch takes; `abort` ends one that trickles."""
RSA_BITS = range(2048, 8193)
"""Less can be factored (RFC 7518, section 3.3), more makes every look at a signature slow."""
PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})

_HEADERS = {"accept": "application/jwk-set+json, application/json", "accept-encoding": "identity"}


class Unfetched(Exception):  # noqa: N818 - named after what happened
    """There is no new key set; `outcome` is the metric's label."""

    def __init__(self, outcome: str) -> None:
        super().__init__(outcome)
        self.outcome = outcome


class Key:
    """One public key, for one algorithm; compared by identity: one that comes again after it was gone is another."""

    __slots__ = ("_algorithm", "_public", "alg", "kid", "live", "thumbprint")

    def __init__(self, kid: str | None, alg: str, jwk: Mapping[str, Any]) -> None:
        parsed = jwt.PyJWK(dict(jwk), alg)
        self.kid = kid
        self.alg = alg
        #: Whether its issuer still publishes it; tokens that were verified by it are good no longer than that.
        self.live = True
        #: Tells whether a key of the same name is the same key.
        self.thumbprint = sha256(json.dumps(jwk, sort_keys=True).encode()).digest()
        self._algorithm: Algorithm = parsed.Algorithm
        self._public = self._algorithm.prepare_key(parsed.key)

    @property
    def bits(self) -> int:
        """The size of an RSA key; 0 for other types, whose size is their curve's."""
        return int(getattr(self._public, "key_size", 0)) if self.alg[:2] in {"RS", "PS"} else 0

    def verifies(self, signed: bytes, signature: bytes) -> bool:
        """Whether the signature is of this key, under its own algorithm and no other."""
        try:
            return self._algorithm.verify(signed, self._public, signature)
        except (jwt.PyJWTError, ValueError, TypeError):
            return False


class Fetcher:
    """Fetches the key set of one issuer, one fetch at a time, in a thread of the caller's."""

    def __init__(self, issuer: TrustedIssuer) -> None:
        if issuer.jwks_uri is None:
            raise ValueError("an issuer without jwks_uri has no keys to fetch")
        self._url = address_of(issuer.jwks_uri, plain_http=issuer.jwks_plain_http)
        self._cafile = issuer.jwks_cafile
        #: The connection of the fetch under way.
        self._connection: HTTPConnection | None = None

    def fetch(self) -> bytes:
        """The document.

        Raises:
            Unfetched: it did not come whole, in time, or with status 200. A redirect is one of these: where keys are
                found is the settings' word, not a server's.
        """
        try:
            connection = self._connection = self._connect()
            try:
                return self._read(connection)
            finally:
                self._connection = None
                connection.close()
        except (TimeoutError, SilenceError):
            raise Unfetched("timeout") from None
        except (OSError, HTTPError, HTTPException, ValueError):
            # Below its pools urllib3 lets through what http.client and ssl raise.
            raise Unfetched("unreachable") from None

    def abort(self) -> None:
        """End the fetch under way, from another thread: whoever reads sees the end of the stream."""
        connection = self._connection
        if connection is not None and connection.sock is not None:
            with suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)

    def _connect(self) -> HTTPConnection:
        host = (self._url.host or "").strip("[]")
        if self._url.scheme == "http":
            return HTTPConnection(host, self._url.port, timeout=SOCKET_SECONDS)
        context = ssl.create_default_context(cafile=None if self._cafile is None else str(self._cafile))
        return HTTPSConnection(host, self._url.port, timeout=SOCKET_SECONDS, ssl_context=context)

    def _read(self, connection: HTTPConnection) -> bytes:
        deadline = time.monotonic() + WHOLE_SECONDS
        connection.request("GET", self._url.request_uri, headers=_HEADERS, preload_content=False, decode_content=False)
        answer = connection.getresponse()
        if answer.status != 200:  # noqa: PLR2004 - HTTP's own number
            raise Unfetched("status")
        body = b""
        while part := answer.read1(BODY_BYTES + 1):
            body += part
            if len(body) > BODY_BYTES:
                raise Unfetched("too_large")
            if time.monotonic() > deadline:
                raise Unfetched("timeout")
        return body


def keys_of(document: bytes, algorithms: tuple[str, ...]) -> list[Key]:
    """The usable keys of a key set.

    Raises:
        Unfetched: it is none, or holds no usable key. An empty set is taken for a fault, not for an order to refuse
            everybody; for that there is the registry.
    """
    try:
        listed = json.loads(document)["keys"]
    except (ValueError, RecursionError, KeyError, TypeError):
        raise Unfetched("malformed") from None
    if not isinstance(listed, list) or len(listed) > MOST_KEYS:
        raise Unfetched("malformed")
    found: dict[tuple[str | None, str], Key] = {}
    nameless = []
    for key in _usable(listed, algorithms):
        if key.kid is None:
            nameless.append(key)
        else:
            # Of two keys of one name the first is meant, or the issuer errs; nobody could tell.
            found.setdefault((key.kid, key.alg), key)
    if not found and not nameless:
        raise Unfetched("no_keys")
    return [*found.values(), *nameless]


def _usable(listed: list[object], algorithms: tuple[str, ...]) -> Iterator[Key]:
    for jwk in listed:
        if isinstance(jwk, dict) and (alg := _algorithm(jwk, algorithms)) is not None:
            kid = jwk.get("kid")
            if kid is not None and (not isinstance(kid, str) or len(kid) > KID_CHARS):
                continue
            with suppress(jwt.PyJWTError, ValueError, TypeError, KeyError, RecursionError):
                key = Key(kid, alg, jwk)
                if not key.bits or key.bits in RSA_BITS:
                    yield key


def _algorithm(jwk: Mapping[str, object], algorithms: tuple[str, ...]) -> str | None:
    """The one algorithm that the key is for: what it says itself, else the issuer's first that fits its type.

    None where it is for none of them, or for something else than verifying, or cannot be trusted: a private half that
    everybody can read proves nothing any more.
    """
    operations = jwk.get("key_ops", ["verify"])
    if PRIVATE & jwk.keys() or jwk.get("use", "sig") != "sig" or not isinstance(operations, list):
        return None
    fitting = [alg for alg in algorithms if _fits(jwk, *ALGORITHMS[alg])]
    said = jwk.get("alg", fitting[0] if fitting else None)
    return said if "verify" in operations and isinstance(said, str) and said in fitting else None


def _fits(jwk: Mapping[str, object], kind: str, curve: str | None) -> bool:
    return jwk.get("kty") == kind and (curve is None or jwk.get("crv") == curve)
