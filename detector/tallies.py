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

from detector import pace
from detector.batch import Kind, RefreshBatch
from detector.columnar import Columnar, Schema
from detector.signals.spread import Met
from detector.verdict import Reason


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


BUSY = 4 << pace.POINT
"""A pair with more events than this within minutes is told of, whoever it is: twice the pace of the shortest tokens."""

_MIX = np.uint64(0x9E3779B97F4A7C15)


def tally(batch: RefreshBatch, met: Met, refused: NDArray[np.bool_], held: NDArray[np.uint64]) -> Tallies:
    """The rows of a batch's telling events.

    Args:
        batch: n events.
        met: what is known of their pairs.
        refused: (n,) refusals that nothing explains.
        held: (n,) causes that a whole population shows; refusals from an address that is known are among them.
    """
    telling = met.contact | (met.stranger & refused) | (met.level > BUSY)
    rows = np.flatnonzero(telling & (batch.origin != 0) & (batch.kind == Kind.REFRESH))  # who logs in has proven enough
    few = batch.take(rows)
    kin = np.where((few.client != 0) & (few.agent != 0), few.client ^ (few.agent * _MIX), np.uint64(0))
    origins = {OriginKind.ADDRESS: few.origin, OriginKind.NETWORK: few.asn.astype(np.uint64), OriginKind.KIN: kin}
    n = len(rows)
    told = Tallies.of(
        at=np.tile(few.at, len(origins)),
        kind=np.repeat(np.array(list(origins), np.uint8), n),
        origin=np.concatenate(list(origins.values())),
        **{name: np.tile(getattr(few, name), len(origins)) for name in ("issuer", "client", "fault", *_IDENTITIES)},
        address=np.tile(few.origin, len(origins)),
        address_low=np.tile(few.origin_low, len(origins)),
        refused=np.tile(refused[rows], len(origins)),
        contact=np.tile(met.contact[rows], len(origins)),
        stranger=np.tile(met.stranger[rows], len(origins)),
        held=np.tile((held[rows] & np.uint64(Reason.SYSTEMIC_VOLUME)) != 0, len(origins)),
        level=np.tile(met.level[rows], len(origins)),
    )
    in_order = np.argsort(np.tile(np.arange(n), len(origins)), kind="stable")
    return told.take(in_order[told.origin[in_order] != 0])


_IDENTITIES = ("subject", "subject_low", "family", "family_low")
