"""RefreshBatch: parallel columns, one row an event; the vocabulary of the house.

A key is 64 bits of a keyed digest; 0 means "not known". Subject, family, origin and access token have a second column
with the other 64 bits (`*_low`): detection needs only the first, the registry matches all 128.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from detector.columnar import Columnar, Schema

UNKNOWN = -1
"""What a signed column holds where the event does not say."""


class Kind(IntEnum):
    """What happened to the session (`type` of the native format)."""

    REFRESH = 0
    LOGIN = 1
    LOGOUT = 2
    REVOKED = 3


class Outcome(IntEnum):
    """What the provider answered."""

    SUCCESS = 0
    REFUSED = 1


class Fault(IntEnum):
    """Why the provider refused (`error` of the native format)."""

    NONE = 0
    OTHER = 1
    INVALID_GRANT = 2  # the token names nothing that the provider knows
    REUSE = 3  # the token was used before
    STALE = 4  # the token is older than the predecessor of the live one
    ENDED = 5  # the session had ended already
    EXPIRED = 6


SCHEMA: Schema = {
    "at": ("int64", 0),
    "kind": ("uint8", Kind.REFRESH),
    "outcome": ("uint8", Outcome.SUCCESS),
    "fault": ("uint8", Fault.NONE),
    "event": ("uint64", 0),
    "issuer": ("uint64", 0),
    "subject": ("uint64", 0),
    "subject_low": ("uint64", 0),
    "family": ("uint64", 0),
    "family_low": ("uint64", 0),
    "client": ("uint64", 0),
    "device": ("uint64", 0),
    "agent": ("uint64", 0),
    "release": ("uint64", 0),
    "network": ("uint64", 0),
    "origin": ("uint64", 0),
    "origin_low": ("uint64", 0),
    "token": ("uint64", 0),
    "successor": ("uint64", 0),
    "access": ("uint64", 0),
    "access_low": ("uint64", 0),
    "access_exp": ("int64", 0),
    "generation": ("int32", UNKNOWN),
    "latest_generation": ("int32", UNKNOWN),
    "asn": ("uint32", 0),
    "country": ("uint16", 0),
    "lat": ("int32", 0),
    "lon": ("int32", 0),
    "accuracy": ("int32", UNKNOWN),
    "partition": ("int32", 0),
    "offset": ("int64", UNKNOWN),
}
"""Each column's dtype and what it holds where an event does not say."""


@dataclass(frozen=True, slots=True, eq=False)
class RefreshBatch(Columnar):
    """Parallel contiguous columns of n events, in the order of their partition; an empty batch is the tick."""

    SCHEMA: ClassVar[Schema] = SCHEMA

    #: When it happened at the provider, epoch milliseconds.
    at: NDArray[np.int64]
    #: `Kind`, `Outcome` and `Fault`.
    kind: NDArray[np.uint8]
    outcome: NDArray[np.uint8]
    fault: NDArray[np.uint8]
    #: Digest of the event's id, or of the whole record where it has none: the same record has the same digest.
    event: NDArray[np.uint64]
    #: Digest of `iss`.
    issuer: NDArray[np.uint64]
    #: (iss, sub) and (iss, sid).
    subject: NDArray[np.uint64]
    subject_low: NDArray[np.uint64]
    family: NDArray[np.uint64]
    family_low: NDArray[np.uint64]
    #: (iss, client_id), and the device id, else the user agent without its version numbers.
    client: NDArray[np.uint64]
    device: NDArray[np.uint64]
    #: The user agent without its version numbers, which all users of one program have in common; and with them.
    agent: NDArray[np.uint64]
    release: NDArray[np.uint64]
    #: The address' /24 or /48, and the address itself.
    network: NDArray[np.uint64]
    origin: NDArray[np.uint64]
    origin_low: NDArray[np.uint64]
    #: The refresh token presented and the one issued for it.
    token: NDArray[np.uint64]
    successor: NDArray[np.uint64]
    #: (iss, jti) of the access token issued, and its expiry in epoch milliseconds (0: not known).
    access: NDArray[np.uint64]
    access_low: NDArray[np.uint64]
    access_exp: NDArray[np.int64]
    #: The provider's own counters of the token presented and of the newest one.
    generation: NDArray[np.int32]
    latest_generation: NDArray[np.int32]
    #: Where the address is: AS number, ISO 3166 country as two ASCII bytes, hundredths of a degree, kilometres.
    #: `accuracy` is `UNKNOWN` where there is no city-level position.
    asn: NDArray[np.uint32]
    country: NDArray[np.uint16]
    lat: NDArray[np.int32]
    lon: NDArray[np.int32]
    accuracy: NDArray[np.int32]
    #: Where the record stood in Kafka (`UNKNOWN` offset: not from Kafka).
    partition: NDArray[np.int32]
    offset: NDArray[np.int64]
