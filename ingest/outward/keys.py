"""Keys: what security events are signed with; they rotate, each published before it signs and after it has signed.

A key's file is named by when it was made, and that says all: it is published at once, signs from `ahead_s` later until
the next one does, and stays published for `kept_s` more, as long as something that it signed may be under way. The
first key signs at once, as nobody can have an older set. Files are made with mode 0600 in a folder of ours; private
keys are nowhere else.
"""

import base64
import os
import secrets
import threading
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

BITS = 2048
"""RS256 with 2048 bits is what the interoperability profile asks for (section 2.6)."""
EXPONENT = 65537
SUFFIX = ".pem"
MOST_KEYS = 64
OTHERS = 0o077


class KeysUnusable(Exception):  # noqa: N818 - named after the state
    """The folder of signing keys cannot be used; says why."""


class Rotation(NamedTuple):
    """How long keys live, seconds."""

    #: A new key is made so long after the one before.
    every_s: int = 30 * 86_400
    #: It is published so long before it signs.
    ahead_s: int = 86_400
    #: And so long after the next one has begun to.
    kept_s: int = 8 * 86_400


class Plan(NamedTuple):
    """What is to be done about keys, each known by when it was made, epoch seconds."""

    #: Signs now; None: there is no key.
    signing: int | None
    #: Whether a new one is due.
    due: bool
    #: Those that nothing under way was signed with any more.
    over: tuple[int, ...]


def plan(made: Sequence[int], now: int, rotation: Rotation) -> Plan:
    """Which key signs at `now`, epoch seconds, whether another is due, and which are over."""
    ready = [at for at in sorted(made) if at + rotation.ahead_s <= now]
    signing = ready[-1] if ready else min(made, default=None)
    newest = max(made, default=None)
    due = newest is None or newest + rotation.every_s <= now
    # A key's successor is the next ready one; the key is over once that has signed for `kept_s`.
    over = [old for old, new in pairwise(ready) if new + rotation.ahead_s + rotation.kept_s <= now]
    return Plan(signing, due, tuple(over))


class SigningKeys:
    """The keys of one folder, which is one process's own. Safe for several threads."""

    def __init__(self, folder: Path, rotation: Rotation) -> None:
        """Nothing is read yet; `turn` comes first."""
        self._folder = folder
        self._rotation = rotation
        #: When made, epoch seconds -> name, private key.
        self._keys: dict[int, tuple[str, rsa.RSAPrivateKey]] = {}
        self._signing: int | None = None
        self._lock = threading.Lock()

    def turn(self, now: int) -> dict[str, dict[str, Any]]:
        """Make the key that is due, drop those that are over; the public keys to be shown now, by `kid`.

        `now` is epoch milliseconds.

        Raises:
            KeysUnusable: the folder cannot be used.
        """
        with self._lock:
            return self._turned(now // 1000)

    def _turned(self, seconds: int) -> dict[str, dict[str, Any]]:
        try:
            if not self._keys:
                self._load()
            planned = plan(list(self._keys), seconds, self._rotation)
            for old in planned.over:
                (self._folder / f"{self._keys.pop(old)[0]}{SUFFIX}").unlink(missing_ok=True)
            if planned.due:
                self._make(seconds)
                planned = plan(list(self._keys), seconds, self._rotation)
        except OSError as error:
            raise KeysUnusable(
                f"The folder of signing keys {self._folder} cannot be used: {error.strerror}."
            ) from error
        self._signing = planned.signing
        return {name: _public(name, key) for name, key in self._keys.values()}

    def sign(self, claims: dict[str, Any], kind: str) -> str:
        """The claims as a JWT with that `typ`; `turn` has been called before."""
        with self._lock:
            if self._signing is None:
                raise KeysUnusable("There is no signing key yet.")
            name, key = self._keys[self._signing]
        return jwt.encode(claims, key, "RS256", {"typ": kind, "kid": name})

    def _load(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in sorted(self._folder.glob(f"*{SUFFIX}"))[-MOST_KEYS:]:
            if path.stat().st_mode & OTHERS:
                raise KeysUnusable(f"The signing key {path} can be read by others; let its owner alone read it.")
            made, _, rest = path.stem.partition("-")
            try:
                key = serialization.load_pem_private_key(path.read_bytes(), None)
            except ValueError:
                key = None
            if not isinstance(key, rsa.RSAPrivateKey) or key.key_size < BITS or not made.isdecimal() or not rest:
                raise KeysUnusable(f"{path} is no RSA key of {BITS} bits or more named <epoch seconds>-<word>{SUFFIX}.")
            self._keys[int(made)] = (path.stem, key)

    def _make(self, now: int) -> None:
        key = rsa.generate_private_key(EXPONENT, BITS)
        name = f"{now}-{secrets.token_hex(4)}"
        text = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        partial = self._folder / f".{name}"
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(text)
        partial.rename(self._folder / f"{name}{SUFFIX}")  # whole, or not there
        self._keys[now] = (name, key)


def _public(name: str, key: rsa.RSAPrivateKey) -> dict[str, Any]:
    numbers = key.public_key().public_numbers()
    return {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": name, "n": _base64(numbers.n), "e": _base64(numbers.e)}


def _base64(number: int) -> str:
    size = (number.bit_length() + 7) // 8
    return base64.urlsafe_b64encode(number.to_bytes(size, "big")).rstrip(b"=").decode()
