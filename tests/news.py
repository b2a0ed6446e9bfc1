"""Records as the worker and the registry write them, about people whose names are sealed beside."""

import json
from datetime import UTC, datetime
from typing import Any

from ingest.alerts import change_message
from ingest.sink import Message
from revocation.record import Change, Revocation, Scope, State, Subject, digester, release
from revocation.seal import Seal
from revocation.ssf.identity import HEADER, Identities, Identity

KEY = b"a key for tests, of 32 bytes....."[:32]
SEAL_KEY = "a key to seal with, of 32 bytes or more"
SEAL = Seal(SEAL_KEY.encode())
ISS = "https://idp.example/realms/acme"
HOUR_MS = 3_600_000


def identity(name: str) -> Identity:
    """The person of that name, with a session."""
    return Identity(ISS, f"sub-{name}", f"sid-{name}")


def subject(name: str, scope: Scope = Scope.FAMILY) -> Subject:
    """What an entry about the person's session, or the person, is about."""
    value = f"sub-{name}" if scope is Scope.SUBJECT else f"sid-{name}"
    return Subject(scope, digester(KEY, scope, ISS)(value))


def entry(name: str, at: int, state: State = State.REVOKED, scope: Scope = Scope.FAMILY, **given: Any) -> Revocation:
    """The entry about the person; `given` replaces what it is made of."""
    made: dict[str, Any] = {
        "id": f"entry-{name}-{at}",
        "subject": subject(name, scope),
        "state": state,
        "reasons": ("reuse.theft_confirmed",),
        "decided_at": at,
        "expires_at": at + HOUR_MS,
    }
    return Revocation(**{**made, **given})


def alert(name: str, at: int, state: State = State.REVOKED, scope: Scope = Scope.FAMILY, **given: Any) -> Message:
    """The alert of a decision about the person; `given` replaces members of its `data`."""
    decided = entry(name, at, state, scope)
    data = {
        "kind": "decision",
        "enforcement": "enforced",
        "iss": ISS,
        "family": subject(name).digest.hex(),
        "reasons": list(decided.reasons),
        "entries": [
            {
                "id": decided.id,
                "scope": scope,
                "digest": decided.subject.digest.hex(),
                "state": state.slug,
                "expires_at": moment(decided.expires_at),
            }
        ],
        **given,
    }
    told = {"id": f"alert-{name}-{at}", "time": moment(at), "data": data}
    sealed = Identities(SEAL).close(identity(name))
    return Message("alerts", json.dumps(told).encode(), key=b"k", headers=((HEADER, sealed),))


def released(name: str, at: int, now: int, state: State = State.QUARANTINED) -> Message:
    """The registry's change when a person lets pass what was decided at `at`."""
    return changed(release(entry(name, at, state), now, "ann"))


def changed(made: Revocation, *, named: str = "") -> Message:
    """The registry's change that is this entry; with a name, its identity sealed beside."""
    message = change_message("revocations", Change(seq=1, entry=made))
    return message._replace(headers=((HEADER, Identities(SEAL).close(identity(named))),)) if named else message


def moment(at: int) -> str:
    """Epoch milliseconds as RFC 3339."""
    return datetime.fromtimestamp(at / 1000, UTC).isoformat().replace("+00:00", "Z")
