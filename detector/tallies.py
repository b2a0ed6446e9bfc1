"""Tallies: what one partition saw of the origins of its events, for the stage that sees an origin whole.

Telemetry is keyed by subject, so what one address, one autonomous system or one program did to many subjects lies in
many partitions. Of each telling event a worker passes on a row for each kind of origin: that a family was used from an
address that it never met before (a *contact*), what strangers do within the first hour, what is refused, and pairs of
family and address that are unusually busy. All the other events, nine in ten, say nothing about origins.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from detector.columnar import Columnar, Schema


class OriginKind(IntEnum):
    """What an origin is."""

    ADDRESS = 1
    NETWORK = 2  # an autonomous system
    KIN = 3  # one client with one user agent at one issuer: the members of a botnet are alike

    @property
    def slug(self) -> str:
        """The name on the wire and in alerts."""
        return self.name.lower()


SCHEMA: Schema = {
    "at": ("int64", 0),
    "kind": ("uint8", OriginKind.ADDRESS),
    "origin": ("uint64", 0),
    "issuer": ("uint64", 0),
    "client": ("uint64", 0),
    "address": ("uint64", 0),
    "address_low": ("uint64", 0),
    "subject": ("uint64", 0),
    "subject_low": ("uint64", 0),
    "family": ("uint64", 0),
    "family_low": ("uint64", 0),
    "refused": ("uint8", 0),
    "fault": ("uint8", 0),
    "contact": ("bool", 0),
    "stranger": ("bool", 0),
    "held": ("bool", 0),
    "level": ("int64", 0),
}
"""Each column's dtype and what it holds where a row does not say."""


@dataclass(frozen=True, slots=True, eq=False)
class Tallies(Columnar):
    """n rows in the order of their events; one event has a row for each kind of origin that it has."""

    SCHEMA: ClassVar[Schema] = SCHEMA

    #: When the event happened, epoch milliseconds.
    at: NDArray[np.int64]
    #: `OriginKind`, and the origin's key (0 does not occur).
    kind: NDArray[np.uint8]
    origin: NDArray[np.uint64]
    #: Keys of the event's issuer and client, and all 128 bits of its address.
    issuer: NDArray[np.uint64]
    client: NDArray[np.uint64]
    address: NDArray[np.uint64]
    address_low: NDArray[np.uint64]
    #: Whose session it was, 128 bits each, as in the batch; 0: the event names none.
    subject: NDArray[np.uint64]
    subject_low: NDArray[np.uint64]
    family: NDArray[np.uint64]
    family_low: NDArray[np.uint64]
    #: `Outcome` and `Fault` of the event.
    refused: NDArray[np.uint8]
    fault: NDArray[np.uint8]
    #: The family had not met the address within the hour; and had not met it at all, an hour ago.
    contact: NDArray[np.bool_]
    stranger: NDArray[np.bool_]
    #: A whole population fails at once (`detector.systemic`): the refusal says nothing about the origin.
    held: NDArray[np.bool_]
    #: Events of the pair of family and address, half-life 5 min, `pace.POINT` fractional bits.
    level: NDArray[np.int64]
