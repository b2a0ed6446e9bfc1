"""A small identity provider: it rotates refresh tokens, and ends a session whose used token comes back.

What an event says is thus always what a real provider would have answered: a stolen token that is live works, one that
was used up is refused and ends the session for everybody. The tokens of a session are derived from its number, so that
a session costs the same whether it has rotated three times or three thousand times.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from ingest.formats.event import RefreshEvent
from tokenward.simulate.world import City, Spot

SECOND: Final = 1_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

PAST: Final = 2_000
"""Sessions that ended lately, remembered: their tokens are what lists of stolen tokens are full of."""

_BITS: Final = (1 << 64) - 1
_STEP: Final = 0x9E3779B97F4A7C15  # odd, so that no two of a session's 2^64 tokens are one
_TURN: Final = 0xBF58476D1CE4E5B9

Word = Literal["refresh", "login", "logout"]
Outcome = Literal["success", "refused"]


class Application(NamedTuple):
    """One OAuth client: how its provider treats it and how its users behave."""

    client_id: str
    iss: str
    #: What Keycloak-shaped telemetry calls the issuer.
    realm: str
    #: Life of an access token, seconds: the natural pace.
    ttl_s: int
    #: Share of the plain population that uses it.
    share: float
    #: How long the token used last is answered again with the same successor, milliseconds; 0: never, as Keycloak.
    leeway_ms: int = 0
    #: The provider counts a family's tokens and says so.
    counters: bool = False
    #: The application tells devices apart.
    devices: bool = False
    user_agent: str = "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"
    kind: Literal["browser", "mobile", "server"] = "browser"
    #: How long a refresh token that is not used stays good.
    idle_ms: int = 7 * DAY


@dataclass(slots=True)
class Session:
    """One login: a token family. Token n is the one issued by the n-th rotation, the login's being the first."""

    application: Application
    sub: str
    sid: str
    #: What its tokens are derived from.
    base: int
    login_at: int
    generation: int = 0
    rotated_at: int = 0
    ended: bool = False

    def token(self, generation: int) -> str:
        """The id of a refresh token."""
        return f"{(self.base + generation * _STEP) & _BITS:016x}"

    def access(self) -> str:
        """The id of the newest access token."""
        return f"{(self.base * _TURN + self.generation * _STEP) & _BITS:016x}"


class Requester(NamedTuple):
    """Who asks: from where and with what."""

    spot: Spot
    device_id: str | None
    user_agent: str | None


@dataclass(slots=True)
class Weather:
    """What is wrong with the world at the moment; nothing, unless a storm rages (`tokenward.simulate.storms`)."""

    #: Issuers that refuse every refresh, and the error they give.
    refusing: dict[str, str] = field(default_factory=dict)
    #: Issuers whose answers do not arrive, and issuers that do not even hear the question.
    losing: set[str] = field(default_factory=set)
    mute: set[str] = field(default_factory=set)
    #: Issuers that are overloaded, and the share of refreshes that they refuse.
    overloaded: dict[str, float] = field(default_factory=dict)
    #: Where GeoIP says that an autonomous system is.
    moved: dict[int, City] = field(default_factory=dict)
    #: Clients with a bad release: its user agent.
    released: dict[str, str] = field(default_factory=dict)

    @property
    def calm(self) -> bool:
        """Whether providers answer as they should."""
        return not (self.refusing or self.losing or self.mute or self.overloaded)


class Provider:
    """Answers logins, refreshes and logouts with the event each leaves. `bits` gives random numbers of n bits."""

    def __init__(self, bits: Callable[[int], int]) -> None:
        self.weather = Weather()
        self.past: deque[Session] = deque(maxlen=PAST)
        self._bits = bits

    def name(self) -> str:
        """A new identifier."""
        return f"{self._bits(64):016x}"

    def open(self, application: Application, sub: str, at: int) -> Session:
        """Begin a session without telling of it."""
        base = self._bits(64)
        session = Session(application, sub, f"{base:016x}", base, login_at=at)
        session.generation, session.rotated_at = 1, at
        return session

    def login(self, application: Application, sub: str, at: int, who: Requester) -> tuple[Session, RefreshEvent]:
        """Begin a session."""
        session = self.open(application, sub, at)
        return session, self._event(session, at, who, "login", 0)

    def refresh(self, session: Session, generation: int, at: int, who: Requester) -> RefreshEvent:
        """Rotate the live token, answer the one before again within the leeway, or refuse and end the session."""
        behind = session.generation - generation
        if trouble := self.weather.refusing.get(session.application.iss):
            return self.refuse(session, generation, at, who, trouble)
        if not session.ended and behind == 0 and at - session.rotated_at <= session.application.idle_ms:
            session.generation += 1
            session.rotated_at = at
            return self._event(session, at, who, "refresh", generation)
        leeway = session.application.leeway_ms
        if not session.ended and behind == 1 and leeway and at - session.rotated_at <= leeway:
            return self._event(session, at, who, "refresh", generation)
        error = "ended" if session.ended else "expired" if behind == 0 else "reuse" if behind == 1 else "stale"
        self._end(session)
        return self.refuse(session, generation, at, who, error)

    def refuse(self, session: Session, generation: int, at: int, who: Requester, error: str) -> RefreshEvent:
        """Refuse a refresh and leave the session as it is."""
        return self._event(session, at, who, "refresh", generation, error)

    def unknown(self, application: Application, at: int, who: Requester) -> RefreshEvent:
        """Refuse a token that names nothing the provider knows."""
        event = self._event(Session(application, "", "", self._bits(64), at), at, who, "refresh", 1, "invalid_grant")
        event.sub = event.sid = event.generation = event.latest_generation = None
        return event

    def logout(self, session: Session, at: int, who: Requester) -> RefreshEvent:
        """End a session politely."""
        self._end(session)
        return self._event(session, at, who, "logout", 0)

    def _end(self, session: Session) -> None:
        if not session.ended:
            session.ended = True
            self.past.append(session)

    def _event(
        self, session: Session, at: int, who: Requester, kind: Word, generation: int, error: str | None = None
    ) -> RefreshEvent:
        """The record of what was answered; `generation` is the token presented, 0 for none."""
        spot, device, user_agent = who
        application = session.application
        counted = application.counters and kind == "refresh"
        grants = error is None and kind != "logout"
        city = self.weather.moved.get(spot.asn, spot.city)
        return RefreshEvent(
            id=f"{self._bits(64):016x}",
            at=at,
            iss=application.iss,
            type=kind,
            outcome="success" if error is None else "refused",
            error=error,
            sub=session.sub,
            sid=session.sid,
            client_id=application.client_id,
            token=session.token(generation) if generation else None,
            successor=session.token(session.generation) if grants else None,
            access_jti=session.access() if grants else None,
            access_exp=session.rotated_at + application.ttl_s * 1000 if grants else None,
            generation=generation if counted else None,
            latest_generation=session.generation if counted else None,
            ip=spot.ip,
            device_id=device,
            user_agent=user_agent,
            asn=spot.asn,
            country=city.country,
            lat=city.lat,
            lon=city.lon,
            accuracy_km=spot.accuracy_km,
        )
