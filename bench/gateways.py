"""Who is asked in `deny`: the API's own `/v1/check`, or a real gateway with the configuration of `deploy/gateways`."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection

import pytest

from bench.report import NotRun
from tests.gateways.application import application
from tests.gateways.stands import GATEWAYS
from tests.servers.gateway import Addresses
from tests.servers.issuer import SigningKey
from tests.servers.process import free_port
from tests.telemetry import ISS, Session

Refused = Callable[[Session], bool]
"""Asks about a session; whether it is refused."""

DIRECT = "none"
CHOICES = (DIRECT, *GATEWAYS)
SIGNING = SigningKey("bench")
HOUR_S = 3_600
PATIENCE = 30.0


@contextmanager
def asked(name: str, api: int) -> Iterator[Refused]:
    """Yield how to ask: the API on that port itself, or the gateway of that name in front of it.

    Raises:
        NotRun: the gateway is not installed.
    """
    if name == DIRECT:
        with closing(HTTPConnection("127.0.0.1", api, timeout=PATIENCE)) as connection:
            yield lambda session: _decision(connection, session) == "deny"
        return
    at = free_port()
    try:
        with (
            application() as behind,
            GATEWAYS[name](Addresses(api, behind.port, at), {}),
            closing(HTTPConnection("127.0.0.1", at, timeout=PATIENCE)) as connection,
        ):
            yield lambda session: _status(connection, session) == 401
    except (pytest.skip.Exception, pytest.fail.Exception) as absent:
        raise NotRun(str(absent)) from None


def _decision(connection: HTTPConnection, session: Session) -> str:
    body = json.dumps({"iss": ISS, "sub": session.sub, "sid": session.sid})
    connection.request("POST", "/v1/check", body, {"Content-Type": "application/json"})
    said: str = json.loads(connection.getresponse().read())["decision"]
    return said


def _status(connection: HTTPConnection, session: Session) -> int:
    """What the gateway answers to a token of the session; the connection is kept."""
    connection.request("GET", "/", headers={"Authorization": f"Bearer {_token(session)}"})
    response = connection.getresponse()
    response.read()
    if response.status not in {200, 401}:
        raise RuntimeError(f"The gateway answered {response.status}.")
    return response.status


_signed: dict[str, str] = {}


def _token(session: Session) -> str:
    """The session's token: signed once, as a client presents one again and again."""
    if session.sid not in _signed:
        now = int(time.time())
        claims = {"iss": ISS, "sub": session.sub, "sid": session.sid, "iat": now, "exp": now + HOUR_S}
        _signed[session.sid] = SIGNING.sign(claims)
    return _signed[session.sid]
