"""Allow-lists made ready for batches, by keys: no address stands there in the clear. PURE."""

from collections.abc import Callable, Iterable
from ipaddress import IPv4Network, ip_network
from typing import Final

import msgspec

from detector.batch import RefreshBatch
from detector.verdict import Reason
from revocation.instants import epoch_ms
from revocation.issuers import Issuer
from revocation.record import Scope, digester
from revocation.sections import AllowPolicy, PolicyError

ALL: Final = sum(Reason)
"""Every reason's bit."""

BITS: Final[dict[str, int]] = {reason.slug: int(reason) for reason in Reason}
for _reason in Reason:
    _signal = _reason.slug.partition(".")[0]
    BITS[_signal] = BITS.get(_signal, 0) | _reason
"""Reason bits by the names that a policy may use: a reason's slug, or its signal for all its reasons."""

Keys = frozenset[int]


class Allow(msgspec.Struct, frozen=True):
    """One `[[allow]]`: what must match, 64-bit keys; an empty set asks for nothing."""

    #: Until then, epoch milliseconds, by the event's own time.
    until: int
    #: The reasons that are allowed.
    reasons: int
    #: Column of the batch -> keys.
    asks: dict[str, Keys]
    #: Networks and single addresses: one of either must match.
    networks: Keys
    addresses: Keys

    def matches(self, batch: RefreshBatch, row: int) -> bool:
        """Whether the event is one that is meant."""
        if batch.at[row] > self.until or any(
            int(getattr(batch, name)[row]) not in keys for name, keys in self.asks.items()
        ):
            return False
        anywhere = not self.networks and not self.addresses
        return anywhere or int(batch.network[row]) in self.networks or int(batch.origin[row]) in self.addresses


def bits_of(names: Iterable[str], where: str) -> int:
    """The bits of reasons and signals.

    Raises:
        PolicyError: there is none of that name.
    """
    bits = 0
    for name in names:
        if name not in BITS:
            raise PolicyError(f"There is no reason or signal {name!r} - at `{where}`; there are {', '.join(BITS)}.")
        bits |= BITS[name]
    return bits


def compile_allow(allow: AllowPolicy, issuers: Iterable[Issuer], key: bytes) -> Allow:
    """The rule by keys; subjects and clients are those of every issuer given.

    Raises:
        PolicyError: it would allow everything, or names a network or reason that cannot be matched.
    """
    named = (allow.networks, allow.asns, allow.subjects, allow.clients, allow.reasons)
    if not any(named):
        raise PolicyError("Say what is allowed: networks, asns, subjects, clients or reasons - at `allow`.")
    issuers = list(issuers)
    digest = digester(key, Scope.ORIGIN, "")
    networks = [_network(text) for text in allow.networks]
    asks = {
        "asn": frozenset(allow.asns),
        "subject": _identities(Scope.SUBJECT, allow.subjects, issuers, key),
        "client": _identities(Scope.CLIENT, allow.clients, issuers, key),
    }
    return Allow(
        until=epoch_ms(allow.until),
        reasons=bits_of(allow.reasons, "allow.reasons") or ALL,
        asks={name: keys for (name, keys), given in zip(asks.items(), named[1:4], strict=True) if given},
        networks=frozenset(key_of(digest(text)) for text in networks if "/" in text),
        addresses=frozenset(key_of(digest(text)) for text in networks if "/" not in text),
    )


def key_of(digest: bytes) -> int:
    """The 64-bit key that batches carry of a digest; never 0."""
    return int.from_bytes(digest[:8], "big") or 1


def _identities(scope: Scope, names: Iterable[str], issuers: Iterable[Issuer], key: bytes) -> Keys:
    digests: list[Callable[[str], bytes]] = [digester(key, scope, issuer.iss) for issuer in issuers]
    return frozenset(key_of(digest(name)) for digest in digests for name in names)


def _network(text: str) -> str:
    """The text that telemetry's digest is of: the network with its length, or the address alone."""
    try:
        network = ip_network(text)
    except ValueError as error:
        raise PolicyError(f"{error} - at `allow.networks`") from None
    if network.prefixlen == network.max_prefixlen:
        return str(network.network_address)
    length = 24 if isinstance(network, IPv4Network) else 48
    if network.prefixlen != length:
        raise PolicyError(
            f"Telemetry carries digests of addresses, so only single ones, /24 of IPv4 and /48 of IPv6 can be matched; "
            f"write {text} as such networks - at `allow.networks`"
        )
    return str(network)
