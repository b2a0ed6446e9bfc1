"""The formats: bytes of one provider to native events, each reject with its reason and never with a token."""

from collections.abc import Callable
from typing import Final

from ingest.formats import keycloak, native
from ingest.formats.event import REASONS, RefreshEvent, Reject
from revocation.issuers import Issuers

Format = Callable[[bytes, Issuers], list[RefreshEvent]]
"""Decodes one record into none, one or several events; raises `Reject`. PURE."""

FORMATS: Final[dict[str, Format]] = {
    "native": native.decode,
    "keycloak": keycloak.decode,
}
"""Every format by the name that settings, headers and `--format` give it."""

__all__ = ["FORMATS", "REASONS", "Format", "RefreshEvent", "Reject"]
