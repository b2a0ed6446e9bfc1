"""Triage of tokens presented again: what `reuse` found in its memory, and what that means."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from detector.batch import UNKNOWN, Fault, Outcome, RefreshBatch
from detector.config import ReuseConfig

T = TypeVar("T", bound=np.generic)


class Finding(IntEnum):
    """The outcomes of the table in `detector.signals.reuse`."""

    NONE = 0
    BENIGN_RETRY = 1
    CONCURRENT_CLIENT = 2
    STALE_AFTER_LOGOUT = 3
    THEFT_SUSPECTED = 4
    THEFT_CONFIRMED = 5


ROTATION = np.dtype(
    [
        ("used", "u8"),  # the token used up; 0: it was a login
        ("issued", "u8"),  # what was issued for it; 0: no rotation here yet
        ("at", "i8"),  # when, epoch milliseconds
        ("device", "u4"),  # and from where: `half` of the keys suffices,
        ("network", "u4"),  # they are only compared within one family
    ]
)
"""One remembered rotation."""


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """m events to be triaged, and the last k rotations of each one's family, newest first."""

    events: RefreshBatch
    #: (m,) the family had ended before.
    ended: NDArray[np.bool_]
    #: (m, k) of `ROTATION`.
    rotations: NDArray[Any]


class Triaged(NamedTuple):
    """The outcome for each of the m events, (m,)."""

    finding: NDArray[np.uint8]
    depth: NDArray[np.int64]
    age_ms: NDArray[np.int64]
    at_home: NDArray[np.bool_]


class _Chain(NamedTuple):
    """What the remembered rotations say of the tokens presented, (m,)."""

    known: NDArray[np.bool_]  # it was used up before, by another rotation than this one
    delivered: NDArray[np.bool_]  # this very rotation is remembered: a redelivery
    predecessor: NDArray[np.bool_]  # something issued for it has not been used yet
    succeeded: NDArray[np.bool_]  # something issued for it has been used
    first: NDArray[np.int64]  # how far back its first use stands; 0 where it is not known: the newest rotation


def half(key: NDArray[np.uint64]) -> NDArray[np.uint32]:
    """The upper half of a key: enough to tell devices or networks of one family apart."""
    return (key >> np.uint64(32)).astype(np.uint32)


def generations_behind(events: RefreshBatch) -> NDArray[np.int64]:
    """How many generations the token presented is behind the newest one, by the provider's counters; (m,).

    `UNKNOWN` where it has none. A provider that has just issued a successor counts it as the newest already.
    """
    behind = events.latest_generation.astype(np.int64) - events.generation - (events.outcome == Outcome.SUCCESS)
    return np.where((events.generation >= 0) & (events.latest_generation >= 0), np.maximum(behind, 0), UNKNOWN)


def triage(case: Case, config: ReuseConfig) -> Triaged:
    """Decide each case by the table in `detector.signals.reuse`."""
    events, chain = case.events, _chain(case)
    refused = events.outcome == Outcome.REFUSED
    behind = generations_behind(events)
    counted = behind >= 0
    told = (events.fault == Fault.REUSE) | (events.fault == Fault.STALE)
    again = (chain.known | told | (behind > 0)) & ~chain.delivered
    old = np.where(counted, behind > 1, (chain.known & ~chain.predecessor) | (events.fault == Fault.STALE))

    place = _Place.of(case, chain)
    age = np.abs(events.at - _at(case.rotations["at"], chain.first))
    brief = age <= _leeway(events.client, config)
    confirmed = old | (place.other_device & place.other_network & chain.succeeded) | (place.returned & ~brief)
    rules = (
        (refused & ((events.fault == Fault.ENDED) | case.ended), Finding.STALE_AFTER_LOGOUT),
        (~again, Finding.NONE),
        (confirmed, Finding.THEFT_CONFIRMED),
        (place.same & ~chain.succeeded, Finding.BENIGN_RETRY),
        ((place.same | place.same_device) & chain.succeeded & brief, Finding.CONCURRENT_CLIENT),
    )
    finding = np.select([when for when, _ in rules], [what for _, what in rules], Finding.THEFT_SUSPECTED)
    finding = np.where(chain.delivered, Finding.NONE, finding).astype(np.uint8)
    depth = np.where(counted, behind, np.where(chain.known, chain.first + 1, np.where(old, 2, 1)))
    told_of = finding != Finding.NONE
    return Triaged(
        finding, np.where(told_of & again, depth, 0), np.where(told_of & chain.known, age, 0), told_of & place.same
    )


def _chain(case: Case) -> _Chain:
    used, issued = case.rotations["used"], case.rotations["issued"]
    presented = case.events.token[:, None]
    successor = case.events.successor[:, None]
    match = (used == presented) & (presented != 0) & (issued[:, :1] != presented)  # the live one is no replay
    delivered = (match & (issued == successor)).any(axis=1) & (case.events.outcome == Outcome.SUCCESS)
    child_used = (issued[:, :, None] == used[:, None, :]).any(axis=2)
    k = match.shape[1]
    known = match.any(axis=1)
    return _Chain(
        known=known,
        delivered=delivered,
        predecessor=(match & ~child_used).any(axis=1),
        succeeded=(match & child_used).any(axis=1),
        first=np.where(known, k - 1 - np.argmax(match[:, ::-1], axis=1), 0),
    )


class _Place(NamedTuple):
    """Where the token is presented now, against where it was used up, (m,)."""

    other_device: NDArray[np.bool_]
    other_network: NDArray[np.bool_]
    same_device: NDArray[np.bool_]
    same: NDArray[np.bool_]
    returned: NDArray[np.bool_]

    @classmethod
    def of(cls, case: Case, chain: _Chain) -> "_Place":
        device, network = half(case.events.device), half(case.events.network)
        networks = case.rotations["network"]
        device_then, network_then = _at(case.rotations["device"], chain.first), _at(networks, chain.first)
        same_device = (device == device_then) & (device != 0)
        other_device = (device != device_then) & (device != 0) & (device_then != 0)
        other_network = (network != network_then) & (network != 0) & (network_then != 0)
        remembered = case.rotations["issued"][:, 0] != 0

        older = (np.arange(networks.shape[1]) > chain.first[:, None]) & (networks != 0)
        was_here = (older & (networks == network[:, None])).any(axis=1)
        was_there = (older & (networks == network_then[:, None])).any(axis=1)
        return cls(
            other_device=other_device,
            other_network=other_network,
            same_device=same_device,
            same=remembered & ~other_device & ~other_network,
            returned=chain.known & other_network & ~same_device & was_here & ~was_there,
        )


def _at(table: NDArray[T], first: NDArray[np.int64]) -> NDArray[T]:
    return table[np.arange(len(first)), first]


def _leeway(client: NDArray[np.uint64], config: ReuseConfig) -> NDArray[np.int64]:
    leeway = np.full(len(client), config.leeway_ms, np.int64)
    for key, special in config.client_leeway_ms.items():
        leeway[client == np.uint64(key)] = special
    return leeway
