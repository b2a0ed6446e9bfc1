"""Wiring of what is told to others: `notify`, its courier, and the transmitter's desk in the API."""

import threading
from collections.abc import Callable
from ipaddress import ip_network
from urllib.parse import urlsplit

import msgspec

from api.protocols.ssf.desk import Desk
from api.protocols.ssf.transmitter import Transmitter
from ingest.exchange import Exchange
from ingest.outward.courier import Courier
from ingest.outward.hearing import Hearing
from ingest.outward.keys import KeysUnusable, Rotation, SigningKeys
from ingest.outward.letters import Provider
from ingest.outward.naming import Name, Naming, nameless
from ingest.outward.notify import Notify, NotifyTopics
from ingest.outward.post import Poster
from ingest.outward.teller import Teller
from ingest.report import NotifyReport
from revocation.claims import Claims
from revocation.connections import Link
from revocation.record import Subject
from revocation.seal import Seal
from revocation.ssf.identity import Identities, Identity
from revocation.ssf.receivers import Receiver
from revocation.ssf.redis import RedisStore
from revocation.ssf.store import Known
from tokenward.faults import Failure
from tokenward.settings import Settings

KEPT_BEYOND_S = 86_400
"""A signing key is shown so much longer than anything that it signed can wait, seconds."""
APPROVAL_MS = 7 * 86_400_000
"""How long a second person may take, and whom it is about be remembered beyond that, milliseconds."""
COURIER_SECONDS = 12.0
"""How long the courier may still take when the program ends: a letter under way."""


class Outward:
    """The loop that hears, and beside it the courier; either's failure ends both."""

    def __init__(self, notify: Notify, courier: Courier) -> None:
        self._notify = notify
        self._courier = courier
        self._fault: BaseException | None = None

    def run(self, stop: threading.Event) -> None:
        """Until `stop` is set."""
        beside = threading.Thread(target=self._carry, args=(stop,), name="courier", daemon=True)
        beside.start()
        try:
            self._notify.run(stop)
        finally:
            stop.set()
            beside.join(COURIER_SECONDS)
        if self._fault is not None:
            raise self._fault

    def _carry(self, stop: threading.Event) -> None:
        try:
            self._courier.run(stop)
        except BaseException as fault:  # noqa: BLE001 - it is raised where the program's loop ends
            self._fault = fault
            stop.set()


def seal_of(settings: Settings) -> Seal:
    """What closes and opens all that is told to others.

    Raises:
        Failure: there is no key.
    """
    keys = [key.get_secret_value().encode() for key in (settings.notify.key, settings.notify.old_key) if key]
    if settings.notify.key is None:
        raise Failure("No notify.key is set, so nobody can be told anything; see docs/protocols.md.")
    return Seal(*keys)


def name_of(settings: Settings) -> Name:
    """What seals identities beside their digests; nothing where there is no key."""
    return nameless if settings.notify.key is None else Naming(Identities(seal_of(settings)))


def store_of(settings: Settings, link: Link) -> RedisStore:
    """Where streams and what waits for them are kept."""
    return RedisStore(link, seal_of(settings), settings.redis.prefix)


def receivers_of(settings: Settings) -> dict[str, Receiver]:
    """The configured receivers."""
    return {name: section.receiver(name) for name, section in settings.ssf.receivers.items()}


def providers_of(settings: Settings) -> list[Provider]:
    """The identity providers that are told whose tokens are to end."""
    return [
        Provider(
            iss=iss,
            endpoint=outbound.global_revocation,
            scopes=outbound.told,
            member=outbound.subject_member,
            credential_file=None if outbound.credential_file is None else str(outbound.credential_file),
        )
        for iss, outbound in ((iss, section.outbound) for iss, section in settings.issuers.items())
        if outbound.global_revocation is not None
    ]


def desk_of(settings: Settings, link: Link, clock: Callable[[], int]) -> Desk | None:
    """The transmitter's desk in the API; none where no `ssf.issuer` is set."""
    issuer, ssf = settings.ssf.issuer, settings.ssf
    if issuer is None:
        return None
    parts = urlsplit(issuer)
    transmitter = Transmitter(
        issuer=issuer,
        base_url=(ssf.base_url or f"{parts.scheme}://{parts.netloc}").rstrip("/"),
        receivers=receivers_of(settings),
        min_verification_s=ssf.min_verification_s,
        streams_each=ssf.streams_each,
        poll_wait_s=ssf.poll_wait_s,
        poll_lease_s=ssf.poll_lease_s,
    )
    return Desk(store_of(settings, link), transmitter, clock)


def remember_of(settings: Settings, link: Link, clock: Callable[[], int]) -> Callable[[Subject, Claims, int], None]:
    """Keeps, sealed, whom a decision by hand is about, as the registry's change will name a digest only."""
    if settings.notify.key is None:
        return lambda _subject, _claims, _ms: None
    store = store_of(settings, link)

    def remember(subject: Subject, claims: Claims, span_ms: int) -> None:
        if claims.iss is not None and (claims.sub or claims.sid):
            now = clock()
            known = store.recall(subject, now) or Known()
            identity = Identity(claims.iss, claims.sub, claims.sid)
            until = now + span_ms + APPROVAL_MS
            store.remember(subject, msgspec.structs.replace(known, identity=identity), now, until)

    return remember


def notify_of(
    settings: Settings,
    link: Link,
    exchange: Exchange,
    clock: Callable[[], int],
    *,
    on_report: Callable[[NotifyReport], None] = lambda _report: None,
    on_step: Callable[[int], None] = lambda _step: None,
) -> Outward:
    """The service `notify`; `exchange` reads alerts and revocations.

    Raises:
        Failure: nobody is to be told, or the signing keys cannot be used.
    """
    notify, ssf, topics = settings.notify, settings.ssf, settings.topics
    if ssf.issuer is None:
        raise Failure("No ssf.issuer is set: it is the name under which others are told; see docs/protocols.md.")
    store = store_of(settings, link)
    rotation = Rotation(notify.rotate_s, notify.ahead_s, ssf.most_age_s + KEPT_BEYOND_S)
    keys = SigningKeys(notify.keys_path, rotation)
    receivers, providers = receivers_of(settings), providers_of(settings)
    teller = Teller(
        store=store,
        keys=keys,
        issuer=ssf.issuer,
        receivers=receivers,
        providers=providers,
        most_waiting=ssf.most_waiting,
    )
    courier = Courier(
        store=store,
        teller=teller,
        keys=keys,
        poster=Poster([ip_network(network) for network in notify.networks], notify.cafile),
        issuer=ssf.issuer,
        receivers=receivers,
        providers=providers,
        clock=clock,
        owner=f"{notify.group_id}-{notify.instance}",
        shown_ms=rotation.kept_s * 1000,
        most_age_ms=ssf.most_age_s * 1000,
        on_report=on_report,
    )
    try:
        keys.turn(clock())
    except KeysUnusable as error:
        raise Failure(str(error)) from error
    return Outward(
        Notify(
            exchange=exchange,
            hearing=Hearing(Identities(seal_of(settings)), store, settings.key),
            teller=teller,
            store=store,
            seal=seal_of(settings),
            clock=clock,
            topics=NotifyTopics(alerts=topics.alerts, revocations=topics.revocations, dead_letters=topics.dead_letters),
            poll_ms=notify.poll_ms,
            on_step=on_step,
            on_report=on_report,
        ),
        courier,
    )
