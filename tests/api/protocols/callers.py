"""Callers of the inbound protocols for the tests: an API that asks who calls, two issuers, and a transmitter."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from api.access.access import Access, Caller, HashedKey
from api.access.principal import Verb
from api.protocols.inbound import InboundSettings
from api.protocols.transmitters import TrustedTransmitter
from api.trust import TrustedIssuer
from revocation.audit import Event
from revocation.record import Scope, Subject, digester
from tests.api.gates import SIGNER
from tests.api.running import ISSUER, KEY, NOW, Running, running
from tests.api.verifying import payload, trusted
from tests.revocation.events import IDP, transmitter
from tests.servers.issuer import Issuer, SigningKey

SECOND = NOW // 1000
OTHER = "https://idp.example.com/realms/other"
UNKNOWN = "https://nobody.example.com"
SIGN_OUT_URL = "https://revocation.example.com/v1/global-token-revocation"
FOREIGN = SigningKey("k1", number=1)
TELLING = SigningKey("t1", "RS256")


def key(name: str) -> str:
    """The API key of a caller, of the form that `tokenward key` makes."""
    return "tw_" + (name * 43)[:43]


def caller(name: str, *verbs: Verb, issuers: frozenset[str] | None, clients: Sequence[str] = ()) -> Caller:
    """A caller with one key."""
    scopes = frozenset(Scope) if Verb.REVOKE in verbs else frozenset[Scope]()
    return Caller(
        name=name,
        verbs=frozenset(verbs),
        scopes=scopes,
        issuers=issuers,
        clients=frozenset(clients),
        keys=(HashedKey(sha256(key(name).encode()).digest()),),
    )


ACCESS = Access(
    callers=(
        caller("gateway", Verb.INTROSPECT, Verb.CHECK, issuers=frozenset({ISSUER})),
        caller("shop", issuers=frozenset({ISSUER}), clients=("shop", "shop-app")),
        caller("stranger", issuers=frozenset({OTHER}), clients=("shop",)),
        caller("okta", Verb.SIGN_OUT, issuers=frozenset({ISSUER})),
        caller("soc", Verb.SIGN_OUT, Verb.REVOKE, Verb.CHECK, Verb.READ, issuers=None),
    ),
    sign_out_url=SIGN_OUT_URL,
)


@contextmanager
def called(
    issuer: Issuer,
    other: Issuer | None = None,
    transmitters: Sequence[TrustedTransmitter] = (),
    **more: Any,
) -> Iterator[Running]:
    """An API that trusts the issuer, and another one, and asks who calls."""
    issuers: list[TrustedIssuer] = [trusted(issuer.uri)]
    if other is not None:
        issuers.append(trusted(other.uri, OTHER))
    settings = {"transmitters": tuple(transmitters), "cascade": (ISSUER,), **more.pop("settings", {})}
    with running(issuers=issuers, access=ACCESS, protocols=InboundSettings(**settings), **more) as api:
        yield api


def by(name: str) -> dict[str, str]:
    """The headers by which a caller shows itself."""
    return {"x-api-key": key(name)}


def token(signer: SigningKey = SIGNER, header: dict[str, object] | None = None, **more: object) -> str:
    """A good token of the shop's."""
    return signer.sign(payload(jti="t1", client_id="shop", **more), header)


def form(api: Running, path: str, name: str, *presented: tuple[str, str], **more: str) -> httpx.Response:
    """Post a form as a caller; parameters may repeat."""
    headers = by(name) | {"content-type": "application/x-www-form-urlencoded"} | more
    content = str(httpx.QueryParams(list(presented)))
    return api.http.post(path, content=content, headers=headers)


def refused(api: Running) -> set[tuple[str, str]]:
    """What the registry refuses, by scope and digest."""
    entries = [entry for entry in api.registry.snapshot().entries if entry.state]
    return {(entry.subject.scope.value, entry.subject.digest.hex()) for entry in entries}


def identity(scope: Scope, value: str, iss: str = ISSUER) -> tuple[str, str]:
    """The same of an identity."""
    subject = Subject(scope, digester(KEY, scope, iss)(value))
    return subject.scope.value, subject.digest.hex()


def written(api: Running) -> list[tuple[str, str, str, str]]:
    """The trail in short: actor, via, action, reason."""
    events: list[Event] = api.trail.events
    return [(event.actor, event.via, event.action, event.reason) for event in events]


def counted(api: Running) -> dict[tuple[str, ...], float]:
    """What the metrics say: each sample by its name and its labels' values, in the order of the labels' names."""
    text = api.http.get("/metrics", headers=by("soc")).raise_for_status().text
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def telling(uri: str, **more: Any) -> TrustedTransmitter:
    """The specifications' transmitter, whose keys stand there."""
    trust = {name: more.pop(name) for name in ("scopes", "authorization") if name in more}
    keys = trusted(uri, IDP, algorithms=("RS256",))
    return TrustedTransmitter(says=transmitter(**more), keys=keys, **trust)
