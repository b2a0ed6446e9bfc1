"""Sessions as providers tell of them: honest refreshes and thefts, as native or Keycloak records."""

import uuid
from dataclasses import dataclass, field
from typing import Any

import msgspec

from revocation.issuers import Issuer, Issuers
from revocation.policy import Policy, Rules
from revocation.record import Scope, Subject, digester

KEY = b"a key for tests, of 32 bytes....."[:32]
ISS = "https://idp.example/realms/acme"
REALM = "5c4a5c1e-7d0e-4a3b-8a53-5b9d0c7d8a11"
ISSUER = Issuer(iss=ISS, format="keycloak", tenant=REALM)
ISSUERS = Issuers({ISS: ISSUER})
RULES = Rules.of(Policy(), [ISSUER], KEY, {"families": 1_000, "subjects": 1_000})

HOME, ELSEWHERE = "203.0.113.7", "198.51.100.9"
MINUTE = 60_000


@dataclass
class Session:
    """One person's session; each call tells of the next thing that happens in it, at `at` epoch ms."""

    at: int
    sub: str = field(default_factory=lambda: str(uuid.uuid4()))
    sid: str = field(default_factory=lambda: str(uuid.uuid4()))
    step_ms: int = MINUTE
    tokens: list[str] = field(default_factory=lambda: [str(uuid.uuid4())])

    def refreshes(self, count: int) -> list[bytes]:
        """So many honest refreshes, a minute apart, as native records."""
        return [self._native(self.tokens[-1], rotated=True) for _ in range(count)]

    def theft(self) -> bytes:
        """The grandparent of the live token is presented from elsewhere: the provider refuses, a native record."""
        return self._native(self.tokens[-3], rotated=False, ip=ELSEWHERE, outcome="refused", error="reuse")

    def keycloak_refreshes(self, count: int) -> list[bytes]:
        """So many honest refreshes as Keycloak tells of them."""
        return [self._keycloak(self.tokens[-1], rotated=True) for _ in range(count)]

    def keycloak_theft(self) -> bytes:
        """The grandparent of the live token is presented from elsewhere, as Keycloak tells of it: it names no user."""
        return self._keycloak(self.tokens[-3], rotated=False, ip=ELSEWHERE, reason="Stale token")

    @property
    def family(self) -> Subject:
        """How the registry names this session."""
        return Subject(Scope.FAMILY, digester(KEY, Scope.FAMILY, ISS)(self.sid))

    def _rotate(self, rotated: bool) -> str | None:
        self.at += self.step_ms
        if not rotated:
            return None
        self.tokens.append(str(uuid.uuid4()))
        return self.tokens[-1]

    def _native(self, token: str, *, rotated: bool, ip: str = HOME, **further: Any) -> bytes:
        successor = self._rotate(rotated)
        members = {
            "id": str(uuid.uuid4()),
            "at": self.at,
            "iss": ISS,
            "sub": self.sub,
            "sid": self.sid,
            "client_id": "spa",
            "outcome": "success",
            "token": token,
            "successor": successor,
            "ip": ip,
            **further,
        }
        return msgspec.json.encode({name: value for name, value in members.items() if value is not None})

    def _keycloak(self, token: str, *, rotated: bool, ip: str = HOME, reason: str | None = None) -> bytes:
        successor = self._rotate(rotated)
        details = {"grant_type": "refresh_token", "refresh_token_type": "Refresh", "refresh_token_id": token}
        if rotated:
            details |= {"token_id": f"onrtrt:{uuid.uuid4()}", "access_token_expiration_time": "300"}
            details["updated_refresh_token_id"] = str(successor)
        else:
            details |= {"reason": str(reason), "refresh_token_sub": self.sub}
        return msgspec.json.encode(
            {
                "id": str(uuid.uuid4()),
                "time": self.at,
                "type": "REFRESH_TOKEN" if rotated else "REFRESH_TOKEN_ERROR",
                "realmId": REALM,
                "clientId": "spa",
                "userId": self.sub if rotated else None,
                "sessionId": self.sid,
                "ipAddress": ip,
                "error": None if rotated else "invalid_token",
                "details": details,
            }
        )


@dataclass
class Stranger:
    """Somebody at one address who tries tokens of sessions that are not theirs, one a second."""

    at: int
    ip: str = "198.51.100.66"

    def tries(self, count: int) -> list[bytes]:
        """So many sessions' tokens, each refused, as native records."""
        return [self._try() for _ in range(count)]

    def _try(self) -> bytes:
        self.at += 1_000
        members = {
            "id": str(uuid.uuid4()),
            "at": self.at,
            "iss": ISS,
            "sub": str(uuid.uuid4()),
            "sid": str(uuid.uuid4()),
            "client_id": "spa",
            "outcome": "refused",
            "error": "invalid_grant",
            "token": str(uuid.uuid4()),
            "ip": self.ip,
        }
        return msgspec.json.encode(members)


def origin_of(ip: str) -> Subject:
    """How the registry names an address."""
    return Subject(Scope.ORIGIN, digester(KEY, Scope.ORIGIN, "")(ip))
