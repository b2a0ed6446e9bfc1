"""What one turn of a loop did, counted; the roof turns it into metrics."""

from collections.abc import Mapping

import msgspec

NONE: Mapping[str, int] = {}


class StepReport(msgspec.Struct, frozen=True, kw_only=True):
    """One turn of the worker. Counts are of this turn; what was only read again to rebuild state is in `replayed`."""

    #: Records read, and the events they held.
    records: int = 0
    events: int = 0
    #: Events that were read again after a restart, with effects off.
    replayed: int = 0
    #: Dead letters by reason.
    rejects: Mapping[str, int] = NONE
    #: Verdicts by level: watch, quarantine, revoke.
    verdicts: Mapping[str, int] = NONE
    #: Verdicts by reason; one verdict may have several.
    reasons: Mapping[str, int] = NONE
    #: Decisions handed to the registry, and alerts sent.
    revocations: int = 0
    alerts: int = 0
    #: Rows told to the stage of origins.
    tallies: int = 0
    #: Records written to the audit trail.
    audited: int = 0
    #: Families that were seen in another partition before: the topic is not keyed by subject.
    families_in_two_partitions: int = 0
    #: Partitions owned, and of those the ones still being prepared.
    partitions: int = 0
    preparing: int = 0
    #: Offsets not read yet, and how long ago the newest event of this turn happened, ms; None: no event.
    behind: int = 0
    lag_ms: int | None = None
    #: Why the turn had to wait, by reason: `registry_unavailable`, `transaction_failed`.
    stalls: Mapping[str, int] = NONE
    #: The turn was given up; its partitions are read again from the committed offsets.
    lost: bool = False
    #: How long each numbered step took, by its name, seconds.
    seconds: Mapping[str, float] = {}


class RouteReport(msgspec.Struct, frozen=True, kw_only=True):
    """One turn of the route."""

    #: Records read, and the events written.
    records: int = 0
    events: int = 0
    rejects: Mapping[str, int] = NONE
    #: Events by what they are keyed with: subject, recalled (the session's subject), session, address.
    keyed: Mapping[str, int] = NONE
    partitions: int = 0
    behind: int = 0
    lag_ms: int | None = None
    stalls: Mapping[str, int] = NONE
    lost: bool = False
    seconds: Mapping[str, float] = {}


class NotifyReport(msgspec.Struct, frozen=True, kw_only=True):
    """One turn of `notify`, or one look of its courier; None: the report says nothing of it."""

    records: int = 0
    #: By what it is: revoked, quarantined, released.
    news: Mapping[str, int] = NONE
    #: Records that were no news for others, by reason.
    unheard: Mapping[str, int] = NONE
    #: What became of news for each stream and provider: queued, told_before, unasked, unsaid.
    letters: Mapping[str, int] = NONE
    #: Letters taken there, by what came of it: `delivered`, or why not.
    deliveries: Mapping[str, int] = NONE
    #: Letters that were given up.
    dead: int = 0
    #: Streams by status, and what waits for all of them.
    streams: Mapping[str, int] = NONE
    waiting: int | None = None
    partitions: int | None = None
    behind: int | None = None
    lag_ms: int | None = None
    stalls: Mapping[str, int] = NONE
    lost: bool = False
    seconds: Mapping[str, float] = {}
