"""A small identity provider: it rotates refresh tokens, and ends a session whose used token comes back.

What an event says is thus always what a real provider would have answered: a stolen token that is live works, one that
was used up is refused and ends the session for everybody.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple
from uuid import UUID

from ingest.formats.event import RefreshEvent
from tokenward.simulate.world import Spot

KEPT = 4
"""Tokens a session remembers, the newest last: enough to steal a grandparent."""


class Application(NamedTuple):
    """One OAuth client: how its provider treats it and how its users behave."""

    client_id: str
    iss: str
    #: What Keycloak-shaped telemetry calls the issuer.
    realm: str
    #: Life of an access token, seconds: the natural pace.
    ttl_s: int
    #: Share of the population that uses it.
    share: float
    #: How long the token used last is answered again with the same successor, milliseconds; 0: never, as Keycloak.
    leeway_ms: int = 0
    #: The provider counts a family's tokens and says so.
    counters: bool = False
    #: The application tells devices apart.
    devices: bool = False
    user_agent: str = "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"
    kind: Literal["browser", "mobile", "server"] = "browser"


@dataclass(slots=True)
class Session:
    """One login: a token family."""

    application: Application
    sub: str
    sid: str
    login_at: int
    tokens: deque[str] = field(default_factory=lambda: deque(maxlen=KEPT))
    generation: int = 0
    rotated_at: int = 0
    ended: bool = False
    #: The newest access token and when it was issued, epoch milliseconds.
    access_jti: str = ""
    issued_at: int = 0

    @property
    def live(self) -> str:
        """The token that works."""
        return self.tokens[-1]


class Requester(NamedTuple):
    """Who asks: from where and with what."""

    spot: Spot
    device_id: str | None
    user_agent: str | None


class Provider:
    """Answers logins, refreshes and logouts with the event each leaves. `bits` gives random numbers of n bits."""

    def __init__(self, bits: Callable[[int], int]) -> None:
        self._bits = bits

    def name(self) -> str:
        """A new identifier."""
        return str(UUID(int=self._bits(128), version=4))

    def login(self, application: Application, sub: str, at: int, who: Requester) -> tuple[Session, RefreshEvent]:
        """Begin a session."""
        session = Session(application, sub, self.name(), login_at=at)
        self._issue(session, at)
        event = self._event(session, at, who, "login", "success")
        event.successor = session.live
        return session, self._grant(event, session)

    def refresh(self, session: Session, token: str, at: int, who: Requester) -> RefreshEvent:
        """Rotate the live token, answer the one before again within the leeway, or refuse and end the session."""
        tokens, application = session.tokens, session.application
        behind = len(tokens) - 1 - tokens.index(token) if token in tokens else KEPT
        again = behind == 1 and at - session.rotated_at <= application.leeway_ms and application.leeway_ms > 0
        fine = not session.ended and (behind == 0 or again)
        event = self._event(session, at, who, "refresh", "success" if fine else "refused")
        event.token = token
        if application.counters:
            event.generation = session.generation - behind
        if not fine:
            event.error = "ended" if session.ended else "reuse" if behind == 1 else "stale"
            session.ended = True
        else:
            if not again:
                self._issue(session, at)
            event.successor = session.live
            self._grant(event, session)
        if application.counters:
            event.latest_generation = session.generation
        return event

    def logout(self, session: Session, at: int, who: Requester) -> RefreshEvent:
        """End a session politely."""
        session.ended = True
        return self._event(session, at, who, "logout", "success")

    def _issue(self, session: Session, at: int) -> None:
        session.tokens.append(self.name())
        session.generation += 1
        session.rotated_at = at
        session.access_jti, session.issued_at = self.name(), at

    def _grant(self, event: RefreshEvent, session: Session) -> RefreshEvent:
        event.access_jti = session.access_jti
        event.access_exp = session.issued_at + session.application.ttl_s * 1000
        return event

    def _event(
        self,
        session: Session,
        at: int,
        who: Requester,
        kind: Literal["refresh", "login", "logout"],
        outcome: Literal["success", "refused"],
    ) -> RefreshEvent:
        spot, application = who.spot, session.application
        return RefreshEvent(
            id=self.name(),
            at=at,
            iss=application.iss,
            type=kind,
            outcome=outcome,
            sub=session.sub,
            sid=session.sid,
            client_id=application.client_id,
            ip=spot.ip,
            device_id=who.device_id,
            user_agent=who.user_agent,
            asn=spot.asn,
            country=spot.city.country,
            lat=spot.city.lat,
            lon=spot.city.lon,
            accuracy_km=spot.accuracy_km,
        )
