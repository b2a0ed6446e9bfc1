"""How much the feed keeps and serves. The roof sets it; the defaults hold for tests and for whoever embeds the API."""

from dataclasses import dataclass

CHANGES_BYTES = 64 * 1024 * 1024
"""What the changes that a shard keeps in memory may take, however long their lines are."""


@dataclass(frozen=True)
class FeedLimits:
    """Bounds of the feed of one process."""

    #: Changes of each shard that are kept in memory; older ones are read from the registry.
    changes: int = 50_000
    #: Seconds between two heartbeats of a stream.
    heartbeat_s: float = 10.0
    #: Polls that wait, and streams, at once; further ones are turned away.
    readers: int = 1_000
    #: Snapshots that are sent at once; further ones are turned away.
    snapshot_readers: int = 128
    #: Seconds for which one snapshot is good for everyone who asks.
    snapshot_share_s: float = 10.0
    #: Replicas that are known by name.
    replicas: int = 1_000
    #: Seconds that a replica may lack a change before it is called a laggard.
    laggard_s: float = 5.0
    #: Seconds of silence after which a replica is forgotten.
    forgotten_s: float = 900.0
