"""What a client's certificate says, once the TLS library has verified it. PURE."""

from collections.abc import Mapping
from ssl import cert_time_to_seconds
from typing import Any, NamedTuple


class Certificate(NamedTuple):
    """A verified certificate of a client."""

    #: Its names, as the settings write them.
    names: tuple[str, ...]
    #: No longer good from then on, epoch milliseconds.
    until: int


def certificate_of(peer: Mapping[str, Any] | None) -> Certificate | None:
    """The names in what `SSLSocket.getpeercert` gives: its URIs, or else its common name; None: there is none.

    A common name with a colon would be taken for a URI that nobody checked, so it is none.
    """
    if not peer:
        return None
    uris = tuple(value for kind, value in peer.get("subjectAltName", ()) if kind == "URI")
    common = tuple(
        value for part in peer.get("subject", ()) for kind, value in part if kind == "commonName" and ":" not in value
    )
    return Certificate(uris or common, int(cert_time_to_seconds(peer["notAfter"]) * 1000))
