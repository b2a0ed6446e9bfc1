"""Columns: events to a RefreshBatch. Rows in, columns out; identities in the clear in, digests out.

Subjects, families, clients, devices and addresses come again and again: each is digested or looked up once and then
remembered (`Memo`). Ids of tokens and events are new every time: they are hashed a whole batch at once (`Multilinear`).
Ids of access tokens are new too but must match what a gateway sees, so each costs one BLAKE2b.
"""

from collections.abc import Callable, Sequence
from functools import partial
from hashlib import blake2b
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detector.batch import UNKNOWN, Fault, Kind, Outcome, RefreshBatch
from ingest.enrich import ASSUMED_ACCURACY_KM, Place, Places, network_of, parse_address
from ingest.formats import native
from ingest.formats.event import RefreshEvent
from ingest.memo import Memo
from ingest.multilinear import Multilinear
from revocation.issuers import Issuers
from revocation.record import DIGEST_BYTES, PSEUDONYM, Scope, digester, unmask

CAPACITY: Final = 65_536
"""Remembered keys of each kind; with six kinds some 100 MB at most."""

FAULTS: Final[dict[str | None, Fault]] = {
    None: Fault.NONE,
    "invalid_grant": Fault.INVALID_GRANT,
    "reuse": Fault.REUSE,
    "stale": Fault.STALE,
    "ended": Fault.ENDED,
    "expired": Fault.EXPIRED,
}
"""`error` of an event to `Fault`; every other word is OTHER."""

_KINDS: Final = {kind.name.lower(): kind.value for kind in Kind}
_OUTCOMES: Final = {outcome.name.lower(): outcome.value for outcome in Outcome}
_PAIR: Final = np.dtype([("high", "u8"), ("low", "u8")])
_KEY: Final = np.dtype([("key", "u8")])
_AGENT: Final = np.dtype([("key", "u8"), ("release", "u8")])
_PLACE: Final = np.dtype(
    [
        ("network", "u8"),
        ("origin", "u8"),
        ("origin_low", "u8"),
        ("asn", "u4"),
        ("country", "u2"),
        ("lat", "i4"),
        ("lon", "i4"),
        ("accuracy", "i4"),
    ]
)
_NO_DIGITS: Final = str.maketrans("", "", "0123456789")
_NOTHING: Final = bytes(DIGEST_BYTES)

Named = tuple[str, str | None]
"""An issuer and an identity within it."""


class Columns:
    """Builds batches under one digest key; `places` adds where addresses are, None adds nothing.

    Access tokens are digested where a gateway can be told of them alone: events without a session, and, with `issuers`,
    those of issuers whose access tokens do not carry it. A digest each is the dearest part of an event.

    The same event has the same row whatever the batch, the process or the machine, as long as key and files stay.
    """

    def __init__(
        self,
        digest_key: bytes,
        places: Places | None = None,
        issuers: Issuers | None = None,
        *,
        capacity: int = CAPACITY,
    ) -> None:
        self._key = digest_key
        self._without_sid = {issuer.iss for issuer in issuers or () if "sid" not in issuer.visible}
        self._places = places
        self._hash = Multilinear(digest_key)
        self._issuers: Memo[str] = Memo(self._issuer, _KEY, capacity)
        self._subjects: Memo[Named] = Memo(partial(self._identity, Scope.SUBJECT), _PAIR, capacity)
        self._families: Memo[Named] = Memo(partial(self._identity, Scope.FAMILY), _PAIR, capacity)
        self._clients: Memo[Named] = Memo(partial(self._identity, Scope.CLIENT), _PAIR, capacity)
        self._devices: Memo[tuple[str, str | None, str | None]] = Memo(self._device, _KEY, capacity)
        self._agents: Memo[Named] = Memo(self._agent, _AGENT, capacity)
        self._addresses: Memo[str | None] = Memo(self._address, _PLACE, capacity)

    def batch(
        self,
        events: Sequence[RefreshEvent],
        partitions: Sequence[int] | None = None,
        offsets: Sequence[int] | None = None,
    ) -> RefreshBatch:
        """The batch of n events, in their order, with where each stood in Kafka where that is given, n each."""
        n = len(events)
        if n == 0:
            return RefreshBatch.empty()
        iss = [e.iss for e in events]
        issuer = self._issuers.look_up(iss, n)["key"]
        seeded = self._hash.seeded(issuer)
        subject = self._subjects.look_up(zip(iss, [e.sub for e in events], strict=True), n)
        family = self._families.look_up(zip(iss, [e.sid for e in events], strict=True), n)
        hidden = self._without_sid
        jtis = [e.access_jti if e.sid is None or e.iss in hidden else None for e in events]
        access = self._access(iss, jtis)
        device_ids = [e.device_id for e in events]
        agents = [None if e.device_id else e.user_agent for e in events]
        agent = self._agents.look_up(zip(iss, [e.user_agent for e in events], strict=True), n)
        outcome = _numbers([_OUTCOMES[e.outcome] for e in events], "uint8")
        return RefreshBatch.of(
            at=_numbers([e.at for e in events], "int64"),
            kind=_numbers([_KINDS[e.type] for e in events], "uint8"),
            outcome=outcome,
            fault=_faults([e.error for e in events], outcome),
            event=self._hash([e.id or self._record(e) for e in events], seeded),
            issuer=issuer,
            subject=subject["high"],
            subject_low=subject["low"],
            family=family["high"],
            family_low=family["low"],
            client=self._clients.look_up(zip(iss, [e.client_id for e in events], strict=True), n)["high"],
            device=self._devices.look_up(zip(iss, device_ids, agents, strict=True), n)["key"],
            agent=agent["key"],
            release=agent["release"],
            token=self._hash([e.token or "" for e in events], seeded),
            successor=self._hash([e.successor or "" for e in events], seeded),
            access=access[:, 0],
            access_low=access[:, 1],
            access_exp=_numbers([e.access_exp for e in events], "int64", 0),
            generation=_numbers([e.generation for e in events], "int32", UNKNOWN),
            latest_generation=_numbers([e.latest_generation for e in events], "int32", UNKNOWN),
            **self._whereabouts(events),
            partition=np.zeros(n, np.int32) if partitions is None else partitions,
            offset=np.full(n, UNKNOWN, np.int64) if offsets is None else offsets,
        )

    def _whereabouts(self, events: Sequence[RefreshEvent]) -> dict[str, NDArray[np.generic]]:
        """Network and place of each event's address; what the event itself says wins."""
        places = self._addresses.look_up([e.ip for e in events], len(events))
        asns = [e.asn for e in events]
        if asns.count(None) < len(asns):
            said = [asn is not None for asn in asns]
            places["asn"][said] = [asn for asn in asns if asn is not None]
        countries = [e.country for e in events]
        if countries.count(None) < len(countries):
            said = [country is not None for country in countries]
            places["country"][said] = [_country(country) for country in countries if country is not None]
        located = [(row, e) for row, e in enumerate(events) if e.lat is not None and e.lon is not None]
        if located:
            said_at = [row for row, _ in located]
            places["lat"][said_at] = [_hundredths(e.lat) for _, e in located]
            places["lon"][said_at] = [_hundredths(e.lon) for _, e in located]
            places["accuracy"][said_at] = [_radius(e.accuracy_km) for _, e in located]
        return {name: places[name] for name in _PLACE.names or ()}

    def _access(self, iss: Sequence[str], jtis: Sequence[str | None]) -> NDArray[np.uint64]:
        """Digests of (iss, jti), (n, 2); both halves 0 where there is no jti."""
        known = [jti for jti in jtis if jti]
        if not known:
            return np.zeros((len(jtis), 2), np.uint64)
        make = self._digest_of if PSEUDONYM in "".join(known) else partial(digester, self._key)
        digest_of = {name: make(Scope.TOKEN, name) for name in dict.fromkeys(iss)}
        if len(known) == len(jtis) and len(digest_of) == 1:  # the plain case, a tenth faster
            digests = list(map(digest_of[iss[0]], known))
        else:
            digests = [digest_of[name](jti) if jti else _NOTHING for name, jti in zip(iss, jtis, strict=True)]
        halves = np.frombuffer(b"".join(digests), ">u8").reshape(-1, 2).astype(np.uint64)
        halves[(halves[:, 0] == 0) & (halves[:, 1] != 0), 0] = 1
        return halves

    def _digest_of(self, scope: str, iss: str) -> Callable[[str], bytes]:
        """What turns an identifier into its digest; a pseudonym is one already."""
        digest = digester(self._key, scope, iss)

        def digest_of(value: str) -> bytes:
            return (unmask(value) if value[: len(PSEUDONYM)] == PSEUDONYM else None) or digest(value)

        return digest_of

    def _identity(self, scope: Scope, named: Named) -> tuple[int, int]:
        iss, value = named
        return _halves(self._digest_of(scope, iss)(value)) if value else (0, 0)

    def _issuer(self, iss: str) -> tuple[int]:
        return (_halves(digester(self._key, Scope.ISSUER, iss)(""))[0],)

    def _device(self, device: tuple[str, str | None, str | None]) -> tuple[int]:
        """The device's own id; else its user agent without digits, for a browser's update is no new device; else 0."""
        iss, device_id, user_agent = device
        if device_id:
            return (_halves(self._digest_of(Scope.DEVICE, iss)(device_id))[0],)
        return (self._agent((iss, user_agent))[0],)

    def _agent(self, named: Named) -> tuple[int, ...]:
        """The user agent without its version numbers, and with them."""
        iss, user_agent = named
        digest = digester(self._key, "agent", iss)
        return tuple(_halves(digest(text))[0] if text else 0 for text in (_program(user_agent or ""), user_agent or ""))

    def _address(self, ip: str | None) -> tuple[int, ...]:
        address = parse_address(ip) if ip else None
        if address is None:
            return (0, 0, 0, 0, 0, 0, 0, UNKNOWN)
        place = self._places.locate(str(address)) if self._places else Place()
        digest = digester(self._key, Scope.ORIGIN, "")
        keys = (_halves(digest(network_of(address)))[0], *_halves(digest(str(address))))
        if place.lat is None or place.lon is None or place.accuracy_km is None:
            return (*keys, place.asn, _country(place.country), 0, 0, UNKNOWN)
        return (
            *keys,
            place.asn,
            _country(place.country),
            _hundredths(place.lat),
            _hundredths(place.lon),
            place.accuracy_km,
        )

    def _record(self, event: RefreshEvent) -> str:
        """A name for an event without an id: the digest of all that it says."""
        return blake2b(native.encode(event), key=self._key, digest_size=DIGEST_BYTES).hexdigest()


def _halves(digest: bytes) -> tuple[int, int]:
    """Both halves of a digest; the first, the key, is never 0, for that means "not known"."""
    return int.from_bytes(digest[:8], "big") or 1, int.from_bytes(digest[8:], "big")


def _program(user_agent: str) -> str:
    """The user agent without digits, for an update is no other program."""
    return user_agent.translate(_NO_DIGITS)


def _numbers(values: Sequence[int | None], dtype: str, unknown: int = 0) -> NDArray[np.generic]:
    if values[0] is None and values.count(None) == len(values):
        return np.full(len(values), unknown, dtype)
    try:
        return np.array(values, dtype)
    except TypeError:  # found out by trying: a look at each value beforehand takes as long as the work
        return np.array([unknown if value is None else value for value in values], dtype)


def _faults(errors: Sequence[str | None], outcome: NDArray[np.generic]) -> NDArray[np.generic]:
    """`Fault` of each error; a refusal that gives none has another one."""
    if errors.count(None) == len(errors):
        fault = np.full(len(errors), Fault.NONE, np.uint8)
    else:
        fault = np.array([FAULTS.get(error, Fault.OTHER) for error in errors], np.uint8)
    fault[(fault == Fault.NONE) & (outcome == Outcome.REFUSED)] = Fault.OTHER
    return fault


def _country(code: str) -> int:
    """Two ISO 3166 letters as two ASCII bytes; 0 where there are none."""
    return int.from_bytes(code.upper().encode(), "big") if code.isascii() and code.isalpha() else 0


def _hundredths(degrees: float | None) -> int:
    return round((degrees or 0) * 100)


def _radius(km: float | None) -> int:
    return ASSUMED_ACCURACY_KM if km is None else round(km)
