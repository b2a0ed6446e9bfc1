"""The receiver: what becomes of one security event token, pushed or polled.

1. Verified: form, type, key, signature (`api.protocols.transmitters`).
2. Read: whose, for whom, which event, about whom, and what follows (`revocation.secevents`, `revocation.obey`).
3. Known already? Then it is answered like news, and nothing more happens (RFC 8935, section 2).
4. Applied, by the registrar: trail, registry, topic, and this process's own replica. That is durable, so there is
   nothing to store and do later.
5. Remembered by issuer and id: not before, or a token that could not be applied would be taken for a repeated one when
   it comes again.

A crash between 4 and 5 lets the event be applied twice, which is applying it once: its entry has the same id and time.
"""

import logging
from collections.abc import Callable
from hashlib import blake2b

from starlette.concurrency import run_in_threadpool

from api.access.principal import Principal, Verb
from api.compact import Payload
from api.protocols.counts import ProtocolCounts
from api.protocols.spans import span_ms
from api.protocols.transmitters import Transmitters, TrustedTransmitter, is_shown, refused
from api.registrar import ApprovalNeeded, Forbidden, Registrar
from api.writes.terms import Terms
from revocation.obey import Reading, reading_of
from revocation.orders import Order, decision_of
from revocation.secevents import Secevent, SetRefused, secevent_of
from revocation.seen import Seen

log = logging.getLogger(__name__)


class Receiver:
    """Takes tokens of `transmitters`. `clock` gives epoch milliseconds."""

    def __init__(
        self,
        transmitters: Transmitters,
        registrar: Registrar,
        seen: Seen,
        counts: ProtocolCounts,
        clock: Callable[[], int],
        *,
        terms: Callable[[], Terms],
    ) -> None:
        self.transmitters = transmitters
        self._registrar = registrar
        self._seen = seen
        self._counts = counts
        self._clock = clock
        self._terms = terms

    async def push(self, token: bytes, authorization: str | None) -> None:
        """Take a token that came over a connection which anybody can open.

        Raises:
            As `take` does; also SetRefused where the transmitter does not show itself as it was told to.
        """
        payload, transmitter = await self._verified(token)
        if not is_shown(authorization, transmitter):
            raise self._refused(refused("authentication_failed"))
        await self._take(payload, transmitter)

    async def take(self, token: bytes) -> None:
        """Take a token; when this returns it was acted upon, now or before.

        Raises:
            SetRefused: it is not taken; the same token will not be, either, as long as the settings stay.
            Unverifiable: its issuer's keys cannot be had now.
            RegistryError: it could not be applied now.
        """
        payload, transmitter = await self._verified(token)
        await self._take(payload, transmitter)

    async def _verified(self, token: bytes) -> tuple[Payload, TrustedTransmitter]:
        try:
            return await self.transmitters.verified(token)
        except SetRefused as error:
            raise self._refused(error) from None

    async def _take(self, payload: Payload, transmitter: TrustedTransmitter) -> None:
        try:
            event = secevent_of(payload, transmitter.says, self._clock())
            readings = [reading_of(one, transmitter.says) for one in event.occurrences]
            known = await run_in_threadpool(self._seen.knows, event.iss, event.jti, self._clock())
            if not known:
                await self._apply(event, readings, transmitter)
        except SetRefused as error:
            raise self._refused(error) from None
        for reading in readings:
            self._told(event, reading, known=known)

    async def _apply(self, event: Secevent, readings: list[Reading], transmitter: TrustedTransmitter) -> None:
        for reading in readings:
            if reading.order is not None:
                await run_in_threadpool(self._order, event, reading.order, transmitter)
        await run_in_threadpool(self._seen.add, event.iss, event.jti, self._clock())

    def _order(self, event: Secevent, order: Order, transmitter: TrustedTransmitter) -> None:
        by = principal_of_transmitter(transmitter)
        cause = f"{event.iss} {event.jti}"
        now = self._clock()
        span = span_ms(order, self._terms())
        decision = decision_of(order, self._registrar.digest_key, now, span, actor=by.name, cause=cause)
        request = blake2b(cause.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
        try:
            self._registrar.revoke(
                by, [decision], iss=order.target.iss, via="ssf", reason=order.reason, request=request
            )
        except (Forbidden, ApprovalNeeded):
            raise SetRefused("access_denied", "This transmitter may not end that.") from None

    def _refused(self, error: SetRefused) -> SetRefused:
        self._counts.refused[error.code] += 1
        return error

    def _told(self, event: Secevent, reading: Reading, *, known: bool) -> None:
        outcome = "repeated" if known else reading.outcome
        self._counts.events[event.iss, reading.event, outcome] += 1
        if reading.outcome == "told" and not known:
            # About the stream, for whoever set it up: a state that was asked for, or that it is paused.
            log.info(
                "a transmitter speaks of its stream", extra={"event": reading.event, "iss": event.iss, **reading.said}
            )


def principal_of_transmitter(transmitter: TrustedTransmitter) -> Principal:
    """As whom a transmitter changes the registry: it may end what the settings say, of those whom it may name."""
    return Principal(
        name=f"ssf:{transmitter.says.iss}",
        kind="token",
        verbs=frozenset({Verb.REVOKE}),
        scopes=transmitter.scopes,
        issuers=frozenset(transmitter.says.issuers),
    )
