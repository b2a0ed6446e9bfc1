"""The inbound protocols, whole: what the settings say of them, and their routes ahead of FastAPI."""

from collections.abc import Callable
from dataclasses import dataclass

from api.metrics import Counts
from api.protocols.counts import ProtocolCounts
from api.protocols.global_revocation import GlobalRevocation
from api.protocols.introspect import Introspection
from api.protocols.push import Push
from api.protocols.receiver import Receiver
from api.protocols.revoke import ClientRevocation
from api.protocols.transmitters import Transmitters, TrustedTransmitter
from api.protocols.wire import Route
from api.tokens import Tokens
from api.writes.whole import Writes
from revocation.replica import Replica
from revocation.seen import MemorySeen, Seen


@dataclass(frozen=True, kw_only=True)
class InboundSettings:
    """What the protocols go by; by default no events are taken."""

    #: Issuers of whose tokens the session ends, too, when one is given up.
    cascade: tuple[str, ...] = ()
    #: The issuer whose `sub` is an e-mail address.
    emails: str | None = None
    #: Who may push security events.
    transmitters: tuple[TrustedTransmitter, ...] = ()
    #: How long after the registry was last heard of introspection answers on.
    max_staleness_ms: int = 60_000


class Inbound:
    """Serves the protocols. `clock` gives epoch milliseconds; `seen` is shared by all processes of one registry."""

    def __init__(
        self,
        settings: InboundSettings,
        *,
        tokens: Tokens,
        replica: Replica,
        writes: Writes,
        clock: Callable[[], int],
        http: Counts,
        seen: Seen | None = None,
    ) -> None:
        self.counts = ProtocolCounts(http)
        self.transmitters = Transmitters(settings.transmitters, clock)
        registrar, terms = writes.registrar, writes.terms
        #: For whoever polls events of another system instead of being pushed.
        self.receiver = Receiver(self.transmitters, registrar, seen or MemorySeen(), self.counts, clock, terms=terms)
        introspection = Introspection(tokens, replica, clock, self.counts, max_staleness_ms=settings.max_staleness_ms)
        client = ClientRevocation(tokens, registrar, self.counts, terms=terms, cascade=settings.cascade)
        everywhere = GlobalRevocation(
            registrar, self.counts, terms=terms, issuers=tokens.key_sets, emails=settings.emails
        )
        served = (introspection.route(), client.route(), everywhere.route(), Push(self.receiver, self.counts).route())
        #: Ahead of FastAPI, by path.
        self.raw: dict[str, Route] = {route.path: route for route in served}

    def start(self) -> None:
        """Begin to fetch the transmitters' keys, on the running loop; returns at once."""
        self.transmitters.tokens.start()

    async def stop(self) -> None:
        """End fetching."""
        await self.transmitters.tokens.stop()
