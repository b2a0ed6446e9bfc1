"""Stories to telemetry: `refreshes(user="ann", every="5m").then(replay(back=2, spot=THIEF))`.

A story is played against a small provider that rotates refresh tokens as Keycloak 26 does with a reuse count of 0: a
token presented again ends the session, an older one is called stale, and what comes after is refused. A lenient
provider (one with a grace period) answers the immediate predecessor with a second successor instead. Ids are made from
names and counters: the same story is the same bytes.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, NamedTuple
from uuid import UUID, uuid5

import msgspec

from detector.batch import RefreshBatch
from ingest.columns import Columns
from ingest.formats import native
from ingest.formats.event import RefreshEvent
from revocation.issuers import Issuer, Issuers

ISS: Final = "https://idp.example.com/realms/acme"
REALM_ID: Final = "6f2a1c9e-0b57-4d1b-9a53-7c1d2f5e8a40"
ISSUERS: Final = Issuers({ISS: Issuer(iss=ISS, format="keycloak", tenant=REALM_ID)})
START: Final = 1_767_322_800_000
"""2026-01-02T03:00:00Z, when stories begin."""

DIGEST_KEY: Final = bytes(range(32))
_UNITS: Final = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_REASONS: Final = {"reuse": "Maximum allowed refresh token reuse exceeded", "stale": "Stale token"}


class Spot(NamedTuple):
    """Where somebody is: an address, a device, a city."""

    ip: str
    device_id: str | None = None
    user_agent: str | None = None
    lat: float | None = None
    lon: float | None = None
    accuracy_km: float | None = None
    country: str | None = None


HOME: Final = Spot("203.0.113.7")
CAFE: Final = Spot("198.51.100.23")
THIEF: Final = Spot("192.0.2.66")


@dataclass
class Session:
    """One login at the provider, while its story is played."""

    user: str
    spot: Spot
    client_id: str
    lenient: bool
    at: int = START
    chain: list[str] = field(default_factory=list)  # refresh tokens, oldest first; the last is live
    over: bool = False
    made: int = 0
    events: list[RefreshEvent] = field(default_factory=list)

    @property
    def sub(self) -> str:
        """The user's id."""
        return str(uuid5(UUID(REALM_ID), self.user))

    @property
    def sid(self) -> str:
        """The session's id."""
        return str(uuid5(UUID(REALM_ID), f"{self.user}/session"))

    def new_id(self) -> str:
        """An id that this session has not used yet."""
        self.made += 1
        return str(uuid5(UUID(REALM_ID), f"{self.user}/{self.made}"))

    def tell(self, spot: Spot | None, kind: Literal["refresh", "login", "logout"], **members: Any) -> None:
        """Add an event of now."""
        self.events.append(
            RefreshEvent(
                id=self.new_id(),
                at=self.at,
                iss=ISS,
                type=kind,
                outcome="refused" if "error" in members else "success",
                sub=self.sub,
                sid=self.sid,
                client_id=self.client_id,
                **(spot or self.spot)._asdict(),
                **members,
            )
        )

    def issue(self, spot: Spot | None, kind: Literal["refresh", "login"], grant: str, token: str | None) -> None:
        """Answer with a new refresh token and an access token of five minutes."""
        self.chain.append(self.new_id())
        jti = f"onrt{grant}:{self.new_id()}"
        self.tell(spot, kind, token=token, successor=self.chain[-1], access_jti=jti, access_exp=self.at + 300_000)

    def present(self, token: str, spot: Spot | None) -> None:
        """Use a refresh token: the provider's rules."""
        older = len(self.chain) - 1 - self.chain.index(token)
        if self.over:
            self.tell(spot, "refresh", token=token, error="ended")
        elif older == 0 or (older == 1 and self.lenient):
            self.issue(spot, "refresh", "rt", token)
        else:
            self.over = True
            self.tell(spot, "refresh", token=token, error="reuse" if older == 1 else "stale")


Step = Callable[[Session], None]


@dataclass(frozen=True)
class Story:
    """Steps of one session, played when its events are asked for."""

    user: str
    spot: Spot
    client_id: str
    lenient: bool
    steps: tuple[Step, ...]

    def then(self, *steps: Step) -> "Story":
        """The same story, going on."""
        return replace(self, steps=(*self.steps, *steps))

    @property
    def sid(self) -> str:
        """The session's id."""
        return self._session().sid

    def _session(self) -> Session:
        return Session(self.user, self.spot, self.client_id, self.lenient)

    def events(self) -> list[RefreshEvent]:
        """What the provider tells of it, in its order."""
        session = self._session()
        for step in self.steps:
            step(session)
        return session.events


def refreshes(
    *,
    user: str = "ann",
    every: str = "5m",
    times: int = 3,
    spot: Spot = HOME,
    client_id: str = "spa",
    lenient: bool = False,
) -> Story:
    """A login, and `times` refreshes of the live token."""
    start = Story(user, spot, client_id, lenient, (lambda session: session.issue(None, "login", "ro", None),))
    return start.then(*[refresh(after=every)] * times)


def refresh(*, after: str = "5m", spot: Spot | None = None) -> Step:
    """The live token is used."""
    return replay(back=0, after=after, spot=spot)


def replay(*, back: int = 1, after: str = "2s", spot: Spot | None = None) -> Step:
    """A token is presented that was issued `back` rotations before the live one: 1 is the parent, 2 a grandparent."""

    def step(session: Session) -> None:
        session.at += milliseconds(after)
        session.present(session.chain[-1 - back], spot)

    return step


def logout(*, after: str = "1m") -> Step:
    """The person signs out."""

    def step(session: Session) -> None:
        session.at += milliseconds(after)
        session.over = True
        session.tell(None, "logout")

    return step


def redelivered(times: int = 1) -> Step:
    """Kafka delivers the last `times` records again."""
    return lambda session: session.events.extend(session.events[-times:])


def milliseconds(text: str) -> int:
    """`5m`, `2s`, `5ms`, `1h`, `1d` as milliseconds."""
    digits = text.rstrip("".join(_UNITS))
    return int(digits) * _UNITS[text[len(digits) :]]


def weave(*stories: Story) -> list[RefreshEvent]:
    """The events of several stories in the order of their times."""
    return sorted((event for story in stories for event in story.events()), key=lambda event: event.at)


def batch(events: list[RefreshEvent]) -> RefreshBatch:
    """The columns of `events` under `DIGEST_KEY`."""
    return Columns(DIGEST_KEY).batch(events)


def native_records(events: list[RefreshEvent]) -> list[bytes]:
    """The events as lines of the native format."""
    return [native.encode(event) for event in events]


def keycloak_records(events: list[RefreshEvent]) -> list[bytes]:
    """The events as Keycloak 26 writes them: no device, no place, and on errors no user."""
    signed_out: set[str | None] = set()
    records = []
    for event in events:
        records.append(msgspec.json.encode(_keycloak_event(event, after_logout=event.sid in signed_out)))
        if event.type == "logout":
            signed_out.add(event.sid)
    return records


def _keycloak_event(event: RefreshEvent, *, after_logout: bool) -> dict[str, Any]:
    refused = event.outcome == "refused"
    types = {"refresh": "REFRESH_TOKEN", "login": "LOGIN", "logout": "LOGOUT"}
    return {
        "id": event.id,
        "time": event.at,
        "type": types[event.type] + ("_ERROR" if refused else ""),
        "realmId": REALM_ID,
        "realmName": "acme",
        "clientId": event.client_id,
        "userId": None if refused else event.sub,
        "sessionId": event.sid,
        "ipAddress": event.ip,
        "error": "invalid_token" if refused else None,
        "details": _error_details(event, after_logout=after_logout) if refused else _details(event),
    }


def _details(event: RefreshEvent) -> dict[str, Any]:
    if event.type == "logout":
        return {"redirect_uri": "https://spa.example.com/"}
    granted = {
        "token_id": event.access_jti,
        "refresh_token_type": "Refresh",
        "access_token_expiration_time": "300",
        "scope": "openid email profile",
        "client_auth_method": "client-secret",
    }
    if event.type == "login":
        return granted | {"grant_type": "password", "refresh_token_id": event.successor}
    rotated = {"refresh_token_id": event.token, "updated_refresh_token_id": event.successor}
    return granted | rotated | {"grant_type": "refresh_token", "age_of_refresh_token": "300"}


def _error_details(event: RefreshEvent, *, after_logout: bool) -> dict[str, Any]:
    ended = "Session not active" if after_logout else "Session doesn't have required client"
    return {
        "reason": _REASONS.get(event.error or "", ended),
        "grant_type": "refresh_token",
        "refresh_token_type": "Refresh",
        "refresh_token_id": event.token,
        "refresh_token_sub": event.sub,
        "client_auth_method": "client-secret",
    }
