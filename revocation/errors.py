"""The registry's errors. Each carries a `reason` slug, which is also the label of its metric.

RegistryError
├── RegistryUnavailable   nothing was decided; try again
├── CursorLost            the past that the cursor points at is gone: take a snapshot
├── FeedBroken            what came over the feed is cut off or damaged: take it again
└── TrailUnavailable      what was asked could not be written to the audit trail, so nothing was changed; try again
"""

from typing import ClassVar


class RegistryError(Exception):
    """The registry could not do what was asked."""

    reason: ClassVar[str] = "registry_error"


class RegistryUnavailable(RegistryError):  # noqa: N818 - named after the state, as HTTP's 503 is
    """The registry does not answer; what was asked may or may not have happened, and asking again is safe."""

    reason: ClassVar[str] = "registry_unavailable"


class CursorLost(RegistryError):  # noqa: N818 - named after what happened
    """The cursor is of another epoch or was trimmed away; only a snapshot helps."""

    reason: ClassVar[str] = "cursor_lost"


class FeedBroken(RegistryError):  # noqa: N818 - named after what happened
    """A snapshot or a list of changes lacks its end, or does not say what was sent."""

    reason: ClassVar[str] = "feed_broken"


class TrailUnavailable(RegistryError):  # noqa: N818 - named after the state, as HTTP's 503 is
    """The audit trail does not answer: what cannot be audited is not done. Asking again is safe."""

    reason: ClassVar[str] = "trail_unavailable"
