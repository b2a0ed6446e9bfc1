"""Reads what bouncers ask: the filters of CrowdSec's decisions, as their own server reads them.

A parameter that is not known is left alone, a value that makes no sense is an error, and none is ever repeated in it.
Of a parameter that comes several times the first counts.
"""

from collections.abc import Sequence
from http import HTTPStatus
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final, NamedTuple
from urllib.parse import parse_qsl

from api.body import Scope
from api.crowdsec.wire import Decision, Trouble
from revocation.claims import address_of

Network = IPv4Network | IPv6Network

MOST_PARAMETERS: Final = 32
NO_ADDRESS: Final = "ip and range take an address or a network."
UNREADABLE: Final = "The query cannot be read."
TRUE: Final = frozenset({"1", "t", "T", "TRUE", "true", "True"})
FALSE: Final = frozenset({"0", "f", "F", "FALSE", "false", "False"})


class Asked(NamedTuple):
    """What is wanted; None or empty: any."""

    #: All at once, instead of what changed.
    startup: bool = False
    scopes: Sequence[str] = ()
    value: str | None = None
    kind: str | None = None
    origins: Sequence[str] = ()
    containing: Sequence[str] = ()
    not_containing: Sequence[str] = ()
    network: Network | None = None
    #: Whether the decision contains the network, or the network it.
    contains: bool = True

    @property
    def address(self) -> str | None:
        """The one address that is asked about, and nothing else; None: the question is another."""
        network = self.network
        if network is None or network.prefixlen != network.max_prefixlen or not self.contains:
            return None
        return str(network.network_address)

    def fits(self, decision: Decision) -> bool:
        """Whether the decision is wanted."""
        scenario = decision.scenario.lower()
        return (
            (not self.scopes or decision.scope.lower() in self.scopes)
            and (self.value is None or decision.value == self.value)
            and (self.kind is None or decision.type == self.kind)
            and (not self.origins or decision.origin in self.origins)
            and (not self.containing or any(part in scenario for part in self.containing))
            and not any(part in scenario for part in self.not_containing)
            and (self.network is None or self._covers(self.network, ip_network(decision.value)))
        )

    def _covers(self, wanted: Network, found: Network) -> bool:
        inner, outer = (wanted, found) if self.contains else (found, wanted)
        return inner.version == outer.version and inner.subnet_of(outer)  # type: ignore[arg-type]


def asked(scope: Scope) -> Asked:
    """What a request asks for.

    Raises:
        Trouble: it cannot be read.
    """
    try:
        text = scope["query_string"].decode("ascii")
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MOST_PARAMETERS)
    except ValueError:  # not ASCII, not UTF-8, or too many
        raise Trouble(HTTPStatus.BAD_REQUEST, UNREADABLE) from None
    said = dict(reversed(pairs))
    place = said.get("ip") or said.get("range")
    return Asked(
        startup=said.get("startup") == "true",
        scopes=_words(said.get("scopes") or said.get("scope")),
        value=said.get("value"),
        kind=said.get("type"),
        origins=_words(said.get("origins") or said.get("origin")),
        containing=_words(said.get("scenarios_containing")),
        not_containing=_words(said.get("scenarios_not_containing")),
        network=None if place is None else _network(place),
        contains=_boolean(said.get("contains", "true")),
    )


def _words(text: str | None) -> list[str]:
    return [word.strip().lower() for word in (text or "").split(",") if word.strip()]


def _boolean(text: str) -> bool:
    if text not in TRUE | FALSE:
        raise Trouble(HTTPStatus.BAD_REQUEST, "contains is true or false.")
    return text in TRUE


def _network(text: str) -> Network:
    try:
        return ip_network(address_of(text) or text, strict=False)
    except ValueError:
        raise Trouble(HTTPStatus.BAD_REQUEST, NO_ADDRESS) from None
