"""State: all that the engine remembers of one partition, by name."""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from detector import servers, systemic
from detector.config import DetectorConfig
from detector.signals import cadence, failure, novelty, reuse, spread, travel
from detector.table import Table

SCHEMA_VERSION = 3
"""Goes up whenever what is remembered changes; an older snapshot is then refused, and the stream replayed."""


class State:
    """The tables of the engine, and its clock.

    Attributes:
        families: by family key.
        subjects: by subject key.
        pairs: by the key of a family and an address.
        segments: by the key of a client, a release, an autonomous system, an issuer.
        clients: by client key.
        clock: stream time in epoch milliseconds, never turned back.
    """

    def __init__(self, config: DetectorConfig) -> None:
        of_family = reuse.SCHEMA | cadence.SCHEMA | failure.SCHEMA | spread.FAMILY_SCHEMA
        of_family |= novelty.FAMILY_SCHEMA | systemic.FAMILY_SCHEMA
        self.families = Table(config.families, of_family)
        of_subject = travel.SCHEMA | cadence.SCHEMA | novelty.SUBJECT_SCHEMA | servers.SUBJECT_SCHEMA
        self.subjects = Table(config.subjects, of_subject)
        self.pairs = Table(config.pairs, spread.PAIR_SCHEMA)
        self.segments = Table(config.segments, systemic.SCHEMA)
        self.clients = Table(config.clients, servers.SCHEMA)
        self.clock = 0

    @property
    def tables(self) -> dict[str, Table]:
        """Name -> table; the names that snapshots use."""
        return {
            "families": self.families,
            "subjects": self.subjects,
            "pairs": self.pairs,
            "segments": self.segments,
            "clients": self.clients,
        }

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Everything remembered, as arrays: what a snapshot is made of."""
        kept = {f"{name}.{n}": a for name, table in self.tables.items() for n, a in table.arrays().items()}
        return {"schema": np.array([SCHEMA_VERSION]), "clock": np.array([self.clock]), **kept}

    @classmethod
    def of(cls, config: DetectorConfig, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The state that `arrays` were made of.

        Raises:
            ValueError: they are of another schema, or do not fit into the configuration.
        """
        version = int(arrays["schema"][0])
        if version != SCHEMA_VERSION:
            raise ValueError(f"The snapshot has schema {version}, this program {SCHEMA_VERSION}: start without it.")
        state = cls(config)
        state.clock = int(arrays["clock"][0])
        for name, table in state.tables.items():
            table.load({n.removeprefix(f"{name}."): a for n, a in arrays.items() if n.startswith(f"{name}.")})
        return state

    def check(self) -> None:
        """Assert what the tables promise; for tests."""
        for table in self.tables.values():
            table.check()
