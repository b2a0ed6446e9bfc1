"""Servers: clients whose refreshes come from servers; where a server stands says nothing of where people are.

Theory. A web application's backend, or a program that synchronises mail at night, refreshes for many people from a few
networks; the applications on people's own devices come from about as many networks as there are people. So each
subject has one voice an hour: its first accepted refresh in that hour tells the client of it and the network. Voices,
not events, are counted, so that nobody can make a client look like a server's with an account of his own.

A client's time runs in hours, never back. What an hour taught counts from the next hour on, so that within one hour
nothing that is learnt changes what is judged. A closed hour says one of three things:

- *people*: there were more than `server_networks` networks. What was learnt is forgotten, and no hour of the next
  `PEOPLE_H` is believed to say otherwise: at night a handful of thefts would outnumber the few who are awake;
- *servers*: there were at least `server_subjects` voices, `server_share` of them a network. The networks that had so
  many voices are the client's servers until a later hour names others; a thief's network has not so many;
- anything else is nothing.

An event of such a client from one of its servers is nowhere: it is not judged, moves nobody and teaches nothing. Its
events from elsewhere may be a person who signs in at the backend's page, a server that is new, or a thief: they are
judged, but say little. An hour is judged before it is known: a new client's first hour is a person's.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector.batch import Kind, Outcome, RefreshBatch
from detector.config import MOST_SERVER_NETWORKS, TravelConfig
from detector.familiar import note
from detector.pace import HOUR_S, waves
from detector.signals.triage import half
from detector.table import Keyed

PEOPLE_H = 24
"""An hour of people is believed for so many: at every hour of the day there was one."""

SUBJECT_SCHEMA = {"voice": np.dtype("u4")}  # the hour of the last
SCHEMA = {
    "servers": np.dtype(
        [
            ("hour", "u4"),  # the hour that the next three are of
            ("network", "u4", (MOST_SERVER_NETWORKS,)),  # half keys in order of appearance; 0: no more
            ("voices", "u4", (MOST_SERVER_NETWORKS,)),  # from each
            ("many", "?"),  # there were more networks than there may be
            ("people", "u4"),  # the first hour that may be one of servers again
            ("learnt", "u4", (MOST_SERVER_NETWORKS,)),  # networks of its servers; 0: none
        ]
    )
}


class Served(NamedTuple):
    """What is known of each event's client, (n,) in the batch's order."""

    client: NDArray[np.bool_]  # it refreshes from servers
    home: NDArray[np.bool_]  # and this event comes from one of them


def measure(
    clients: Keyed, subjects: Keyed, batch: RefreshBatch, fresh: NDArray[np.bool_], config: TravelConfig
) -> Served:
    """Which events come from servers, as the hours before theirs have taught; and learn.

    `fresh` (n,) events are those not delivered before.
    """
    order = clients.runs.order
    network = half(batch.network)[order]
    voices = _voices(subjects, batch, fresh)[order]
    hour = clients.latest // HOUR_S
    served = Served(np.zeros(len(batch), bool), np.zeros(len(batch), bool))
    for parts, events in waves(clients.runs, hour):
        rows = clients.rows[parts.run]
        memory = clients.table.read("servers", rows)
        _turn(memory, hour[parts.start], config)
        _tell(served, memory["learnt"], parts.of, order[events], network[events])
        heard = np.flatnonzero(voices[events])
        _hear(memory, parts.of[heard], network[events][heard], config)
        clients.table.write("servers", rows, memory)
    return served


def _voices(subjects: Keyed, batch: RefreshBatch, fresh: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which events are the first accepted refresh of their subject's hour, (n,) in the batch's order; and remember."""
    refreshes = fresh & (batch.kind == Kind.REFRESH) & (batch.outcome == Outcome.SUCCESS)
    some = subjects.where(refreshes & (batch.client != 0) & (half(batch.network) != 0))
    hour = some.latest // HOUR_S
    before = some.runs.before(hour, some.table.read("voice", some.rows).astype(np.int64))
    some.table.write("voice", some.rows, hour[some.runs.lasts].astype(np.uint32))
    voices = np.zeros(len(batch), bool)
    voices[some.runs.order] = hour != before
    return voices


def _tell(
    served: Served,
    learnt: NDArray[Any],
    of: NDArray[np.int64],
    events: NDArray[np.int64],
    network: NDArray[np.uint32],
) -> None:
    """Mark the events of clients that have servers; `learnt` (p, ...) is each client's, `of` (m,) each event's."""
    known = np.flatnonzero((learnt != 0).any(axis=1).take(of))
    home = (learnt[of[known]] == network[known, None]).any(axis=1) & (network[known] != 0)
    served.client[events[known]] = True
    served.home[events[known]] = home


def _hear(memory: NDArray[Any], of: NDArray[np.int64], network: NDArray[np.uint32], config: TravelConfig) -> None:
    """Count the voices of one hour of each of the p clients in `memory`; `of` (m,) is each voice's client."""
    memory["many"][note(memory["network"][:, : config.server_networks], of, network)] = True
    voice, place = np.nonzero(memory["network"][of] == network[:, None])
    np.add.at(memory["voices"], (of[voice], place), 1)


def _turn(memory: NDArray[Any], hour: NDArray[np.int64], config: TravelConfig) -> None:
    """Close the hour before `hour` in `memory` (p,)."""
    turning = np.flatnonzero(hour != memory["hour"])
    old = memory[turning]
    voices, networks = old["voices"].sum(axis=1, dtype=np.int64), np.count_nonzero(old["network"], axis=1)
    people = old["many"]
    servers = ~people & (old["hour"] >= old["people"])
    servers &= (voices >= config.server_subjects) & (voices >= networks * config.server_share)
    named = np.where(old["voices"] >= config.server_share, old["network"], 0)
    old["learnt"] = np.where(servers[:, None], named, np.where(people[:, None], 0, old["learnt"]))
    old["people"] = np.where(people, old["hour"] + PEOPLE_H, old["people"])
    for name in ("network", "voices", "many"):
        old[name] = 0
    old["hour"] = hour[turning]
    memory[turning] = old
