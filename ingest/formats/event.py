"""RefreshEvent: one native telemetry event, and Reject: why a record is none. PURE."""

from typing import Literal

import msgspec


class Reject(Exception):  # noqa: N818 - a verdict about a record, not a fault of ours
    """A record that cannot be used; says why and never what was in it.

    `reason` is a slug: the label of the metric, the header of the dead letter. `sentence` says what to do.
    """

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason
        self.sentence = sentence


class RefreshEvent(msgspec.Struct, kw_only=True, gc=False):
    """The native telemetry format (schema: `docs/schemas/refresh-event.v1.json`); every format decodes to this.

    Ids are ids (`jti`, digests), never tokens. `at` and `access_exp` are epoch milliseconds here, whatever came in.
    """

    at: int
    iss: str
    outcome: Literal["success", "refused"]
    type: Literal["refresh", "login", "logout", "revoked"] = "refresh"
    error: str | None = None
    id: str | None = None
    sub: str | None = None
    sid: str | None = None
    client_id: str | None = None
    token: str | None = None
    successor: str | None = None
    access_jti: str | None = None
    access_exp: int | None = None
    generation: int | None = None
    latest_generation: int | None = None
    ip: str | None = None
    device_id: str | None = None
    user_agent: str | None = None
    asn: int | None = None
    country: str | None = None
    lat: float | None = None
    lon: float | None = None
    accuracy_km: float | None = None
