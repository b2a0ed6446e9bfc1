"""RefreshEvent: one native telemetry event, and Reject: why a record is none. PURE."""

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

LONGEST: Final = 256
"""Characters of the longest identifier; what is longer is rather a token than an id."""

LONGEST_AGENT: Final = 1024
"""Characters of the longest user agent: in-app browsers have been seen with more than 400."""

EARLIEST: Final = 946_684_800_000
LATEST: Final = 4_102_444_800_000
"""2000-01-01 and 2100-01-01 in epoch milliseconds: what lies outside is a unit or a clock gone wrong."""

Text = Annotated[str, Meta(max_length=LONGEST)]
Count = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Moment = Annotated[int, Meta(ge=EARLIEST, le=LATEST)]

REASONS: Final[dict[str, str]] = {
    "bad_json": "The record is not one JSON object.",
    "too_large": "The record is larger than 64 KiB.",
    "missing_field": "A member that is required is missing.",
    "bad_value": "A member has a value that it cannot have.",
    "token_in_clear": "A member holds what looks like a token; send its id or a digest.",
    "value_too_long": "A member is longer than an identifier is; send an id or a digest.",
    "unmapped_tenant": "No issuer is configured for the tenant that the record names.",
}
"""Every reason to reject a record, and the sentence for people where nothing closer is known."""


class Reject(Exception):  # noqa: N818 - a verdict about a record, not a fault of ours
    """A record that cannot be used; says why and never what was in it.

    `reason` is a slug of `REASONS`: the label of the metric, the header of the dead letter. `sentence` says what to do.
    `tenant` is what no issuer is configured for, for `doctor` to show; nobody else needs to.
    """

    def __init__(self, reason: str, sentence: str | None = None, *, tenant: str | None = None) -> None:
        self.reason = reason
        self.sentence = sentence or REASONS[reason]
        self.tenant = tenant
        super().__init__(self.sentence)


class RefreshEvent(msgspec.Struct, kw_only=True, gc=False, omit_defaults=True):
    """The native telemetry format (schema: `docs/schemas/refresh-event.v1.json`); every format decodes to this.

    Ids are ids (`jti`, digests), never tokens. `at` and `access_exp` are epoch milliseconds here, whatever came in. The
    bounds are checked when an event is decoded, not when one is made.
    """

    at: Moment
    iss: Annotated[str, Meta(min_length=1, max_length=LONGEST)]
    outcome: Literal["success", "refused"]
    type: Literal["refresh", "login", "logout", "revoked"] = "refresh"
    error: Text | None = None
    id: Text | None = None
    sub: Text | None = None
    sid: Text | None = None
    client_id: Text | None = None
    token: Text | None = None
    successor: Text | None = None
    access_jti: Text | None = None
    access_exp: Annotated[int, Meta(ge=EARLIEST // 1000, le=LATEST)] | None = None
    generation: Count | None = None
    latest_generation: Count | None = None
    ip: Text | None = None
    device_id: Text | None = None
    user_agent: Annotated[str, Meta(max_length=LONGEST_AGENT)] | None = None
    asn: Annotated[int, Meta(ge=0, le=2**32 - 1)] | None = None
    country: Annotated[str, Meta(min_length=2, max_length=2)] | None = None
    lat: Annotated[float, Meta(ge=-90, le=90)] | None = None
    lon: Annotated[float, Meta(ge=-180, le=180)] | None = None
    accuracy_km: Annotated[float, Meta(ge=0, le=20_040)] | None = None  # half the way round the earth
