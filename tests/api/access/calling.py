"""Who calls the API in the tests of access, what each shows, and an API that knows them: real TLS, a real issuer."""

import ssl
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import httpx
import trustme

from api.access.access import Access, Caller, HashedKey
from api.access.grants import granted
from api.access.principal import Verb
from api.access.rules import RULES
from api.crowdsec.mount import CrowdSec, bouncer_rules
from api.profiles import Profile
from api.protocols.ssf.desk import Desk
from api.protocols.ssf.rules import ssf_rules
from api.protocols.ssf.transmitter import Transmitter
from api.server import Tls
from revocation.names import MemoryNames
from revocation.ssf.memory import MemoryStore
from revocation.ssf.receivers import Receiver
from tests.api.running import HOUR, ISSUER, NOW, Running, running
from tests.api.verifying import payload, trusted
from tests.servers.issuer import Issuer, SigningKey, issuing
from tests.servers.tls import Certificates, certificates

STRANGE = "https://idp.example.com/realms/other"
"""Another tenant's issuer."""
OPERATORS = "https://idp.example.com/realms/operators"
AUDIENCE = "tokenward"
TENANT, OPERATOR = SigningKey("k1"), SigningKey("o1", number=1)
BOUNCERS = "/crowdsec"
"""Where CrowdSec's bouncers ask."""
GATEWAY = "gateway-7"
"""The common name of the certificate."""


def key_of(name: str) -> str:
    """A key that is well formed, and of nobody else."""
    return "tw_" + sha256(name.encode()).hexdigest()[:43]


def hashed(name: str, until: int | None = None) -> HashedKey:
    """The key as the settings have it."""
    return HashedKey(sha256(key_of(name).encode()).digest(), until)


def caller(
    name: str,
    *words: str,
    issuers: frozenset[str] | None = None,
    until: int | None = None,
    certificates: tuple[str, ...] = (),
) -> Caller:
    """A caller with one key."""
    rights = granted(words)
    return Caller(
        name=name,
        verbs=rights.verbs,
        scopes=rights.scopes,
        issuers=issuers,
        keys=(hashed(name, until),),
        certificates=certificates,
    )


class Everyone(dict[str, Receiver]):
    """Settings in which whoever calls is a receiver of security events."""

    def get(self, name: str, _: object = None) -> Receiver:
        """The receiver of that name."""
        return Receiver(name=name, audience=("https://receiver",))


TRANSMITTER = Transmitter(issuer="https://tokenward.example.com", base_url="https://t", receivers=Everyone())
"""So that all of its routes are there to be asked."""
ALL_RULES = (*RULES, *ssf_rules(TRANSMITTER), *bouncer_rules(BOUNCERS))
"""What an API asks that has everything."""

CALLERS = (
    *(caller(f"only-{verb}", verb) for verb in Verb),
    caller("all", *Verb),
    caller("confined", *Verb, issuers=frozenset({ISSUER})),
    caller("ended", *Verb, until=NOW),
    caller("ending", *Verb, until=NOW + HOUR),
    caller("certified", *Verb, certificates=(GATEWAY,)),
)
ACCESS = Access(
    callers=CALLERS,
    audience=AUDIENCE,
    operators=frozenset({OPERATORS}),
    tenant_claim="tenants",
    tenants={"acme": frozenset({ISSUER}), "other": frozenset({STRANGE})},
    requests=1_000_000,
    failures=100_000,
)
EVERYTHING = " ".join(f"tokenward.{verb}" for verb in Verb)


def token(scope: str = EVERYTHING, **more: object) -> str:
    """A token of the tenant's own issuer."""
    return TENANT.sign(payload(aud=AUDIENCE, scope=scope, **more))


def operators_token(scope: str = EVERYTHING, **more: object) -> str:
    """A token of the operators' issuer."""
    return OPERATOR.sign(payload(iss=OPERATORS, aud=AUDIENCE, scope=scope, **more))


def bearer(shown: str) -> dict[str, str]:
    """The header with a token or a key."""
    return {"Authorization": f"Bearer {shown}"}


class Who(NamedTuple):
    """Somebody who calls: what is shown, and what that has to give."""

    name: str
    headers: Mapping[str, str] = {}
    #: None: nobody is shown.
    verbs: frozenset[Verb] | None = None
    issuers: frozenset[str] | None = frozenset()
    certified: bool = False
    #: Whether it is shown in `Authorization`, which is somebody else's at `/authz`.
    by_authorization: bool = False


ALL = frozenset(Verb)
OWN = frozenset({ISSUER})
PEOPLE = (
    Who("nobody"),
    Who("a wrong key", {"X-Api-Key": key_of("wrong")}),
    Who("an ended key", {"X-Api-Key": key_of("ended")}),
    Who("a wrong key and a good one", {"X-Api-Key": key_of("wrong"), **bearer(key_of("all"))}),
    Who("a token for others", bearer(TENANT.sign(payload(aud="shop", scope=EVERYTHING))), by_authorization=True),
    *(Who(f"the key for {verb}", {"X-Api-Key": key_of(f"only-{verb}")}, frozenset({verb}), None) for verb in Verb),
    Who("a key in Authorization", bearer(key_of("all")), ALL, None, by_authorization=True),
    Who("a confined key", {"X-Api-Key": key_of("confined")}, ALL, OWN),
    Who(
        "a tenant's token",
        bearer(token(EVERYTHING + " tokenward.everywhere", tenants=["other"])),
        ALL,
        OWN,
        by_authorization=True,
    ),
    Who("a token without scopes", bearer(token("")), frozenset(), OWN, by_authorization=True),
    Who(
        "an operator's token of a tenant",
        bearer(operators_token(tenants=["acme"])),
        ALL,
        OWN | {OPERATORS},
        by_authorization=True,
    ),
    Who(
        "an operator's token",
        bearer(operators_token(EVERYTHING + " tokenward.everywhere")),
        ALL,
        None,
        by_authorization=True,
    ),
    Who("a certificate", {}, ALL, None, certified=True),
    Who("a wrong key with a certificate", {"X-Api-Key": key_of("wrong")}, certified=True),
)


class Protected(NamedTuple):
    """An API that asks who calls, and clients of it."""

    api: Running
    plain: httpx.Client
    certified: httpx.Client
    pems: Certificates
    issuer: Issuer

    def call(self, who: Who, method: str, path: str, **more: object) -> httpx.Response:
        """Ask; of an answer that does not end only the head is awaited."""
        client = self.certified if who.certified else self.plain
        given = dict(more)
        headers = {**who.headers, **given.pop("headers", {})}  # type: ignore[dict-item]
        with client.stream(method, path, headers=headers, **given) as answer:  # type: ignore[arg-type]
            if not answer.headers.get("content-type", "").startswith("text/event-stream"):
                answer.read()
            return answer


@contextmanager
def protected(folder: Path, access: Access = ACCESS, **more: object) -> Iterator[Protected]:
    """Such an API while the block runs."""
    with ExitStack() as stack:
        authority = trustme.CA()
        pems = certificates(folder, authority, GATEWAY)
        tls = Tls(pems.certificate, pems.key, pems.authority)
        tenant, operators = stack.enter_context(issuing(TENANT)), stack.enter_context(issuing(OPERATOR))
        trust = ssl.create_default_context(cafile=pems.authority)
        api = stack.enter_context(
            running(
                issuers=[trusted(tenant.uri), trusted(operators.uri, OPERATORS)],
                profiles={"read": Profile(verify=False)},
                access=access,
                tls=tls,
                ssf=Desk(MemoryStore(), TRANSMITTER, lambda: NOW),
                crowdsec=CrowdSec(BOUNCERS, MemoryNames()),
                trust=trust,
                ready=False,
                **more,  # type: ignore[arg-type]
            )
        )
        certified = ssl.create_default_context(cafile=pems.authority)
        certified.load_cert_chain(pems.certificate, pems.key)
        client = stack.enter_context(httpx.Client(base_url=api.address.url, verify=certified, timeout=10))
        yield Protected(api, api.http, client, pems, tenant)
