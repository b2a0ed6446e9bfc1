"""Enrichment: address to network, AS number, country and position, before the core, which never looks anything up.

Reads MaxMind DB files of both shapes in the field: nested (GeoLite2, GeoIP2, DB-IP: `location.latitude`) and flat
(IPinfo and others: `latitude` or `lat`, at times as text). Only a record that names a city has a position worth the
word: the middle of a country is nowhere.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from math import isfinite
from pathlib import Path
from socket import AF_INET6, inet_ntop
from typing import Any, Final, NamedTuple

import maxminddb

ASSUMED_ACCURACY_KM: Final = 50
"""Radius of a city-level position that states none; MaxMind counts a city as resolved rightly within 50 km."""

CACHED: Final = 65_536
"""Addresses remembered; some 400 bytes each."""

Address = IPv4Address | IPv6Address


class Place(NamedTuple):
    """Where an address is. No position: `lat`, `lon` and `accuracy_km` are None."""

    network: str = ""  # its /24 or /48, empty where the address is none
    asn: int = 0
    country: str = ""  # ISO 3166, two letters
    lat: float | None = None
    lon: float | None = None
    accuracy_km: int | None = None


def parse_address(text: str) -> Address | None:
    """The address that `text` is, or None. An IPv4 address mapped into IPv6 is an IPv4 address; zones are dropped."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def network_of(address: Address) -> str:
    """The /24 or /48 that an address is in: what a household or an office keeps when its address changes."""
    if isinstance(address, IPv4Address):
        return "{}.{}.{}.0/24".format(*address.packed)
    return inet_ntop(AF_INET6, address.packed[:6] + bytes(10)) + "/48"


class Places:
    """Looks addresses up in a city file and an AS number file, either or both or none.

    Raises:
        ValueError: a file is missing or is no MaxMind DB; the sentence names it.
    """

    def __init__(self, city: Path | None = None, asn: Path | None = None) -> None:
        self._readers = [_open(path) for path in dict.fromkeys((city, asn)) if path is not None]
        self.locate = lru_cache(maxsize=CACHED)(self._locate)

    @property
    def build_epoch(self) -> int | None:
        """When the older of the files was built, epoch milliseconds; None without files."""
        return min((reader.metadata().build_epoch * 1000 for reader in self._readers), default=None)

    def close(self) -> None:
        """Close the files; nothing can be looked up any more."""
        for reader in self._readers:
            reader.close()

    def _locate(self, ip: str) -> Place:
        """Where `ip` is; what the files do not say is not known. Text that is no address has no network either."""
        address = parse_address(ip)
        if address is None:
            return Place()
        record = {name: value for found in self._records(address) for name, value in found.items()}
        lat, lon, accuracy_km = _position(record)
        return Place(network_of(address), _asn(record), _country(record), lat, lon, accuracy_km)

    def _records(self, address: Address) -> Iterator[dict[str, Any]]:
        for reader in self._readers:
            found = None
            # A damaged record says nothing, and an IPv4 file says nothing of IPv6 (ValueError).
            with suppress(maxminddb.InvalidDatabaseError, ValueError):
                found = reader.get(address)
            if isinstance(found, dict):
                yield found


def _open(path: Path) -> maxminddb.Reader:
    try:
        return maxminddb.open_database(path)
    except OSError as error:
        raise ValueError(f"The GeoIP file {path} cannot be read: {error.strerror or 'no such file'}.") from None
    except (maxminddb.InvalidDatabaseError, ValueError):
        raise ValueError(f"The GeoIP file {path} is no MaxMind DB; is it whole, and unpacked?") from None


def _position(record: Mapping[str, Any]) -> tuple[float, float, int] | tuple[None, None, None]:
    """Latitude, longitude and accuracy radius (km) of a record that names a city."""
    nested = record.get("location")
    location = nested if isinstance(nested, dict) else record
    lat = _number(location, "latitude", "lat")
    lon = _number(location, "longitude", "lng", "lon")
    if not record.get("city") or lat is None or lon is None or abs(lat) > 90 or abs(lon) > 180:  # noqa: PLR2004 - degrees
        return None, None, None
    radius = _number(location, "accuracy_radius", "radius")
    return lat, lon, ASSUMED_ACCURACY_KM if radius is None else max(0, round(radius))


def _asn(record: Mapping[str, Any]) -> int:
    """The AS number: `autonomous_system_number`, or `asn`, which may be written AS64500; 0: not known."""
    value = record.get("autonomous_system_number", record.get("asn"))
    digits = str(value).upper().removeprefix("AS")
    return int(digits) if digits.isdecimal() and digits.isascii() and int(digits) < 2**32 else 0


def _country(record: Mapping[str, Any]) -> str:
    """The country's two letters; flat files hold them in `country_code`, or in `country` unless that is a name."""
    nested = record.get("country") or record.get("registered_country")
    if isinstance(nested, dict):
        nested = nested.get("iso_code")
    for code in (record.get("country_code"), nested):
        if isinstance(code, str) and len(code) == 2 and code.isascii() and code.isalpha():  # noqa: PLR2004 - ISO 3166-1
            return code.upper()
    return ""


def _number(record: Mapping[str, Any], *names: str) -> float | None:
    """The first of the members `names` that is there, as a number."""
    value = next((record[name] for name in names if record.get(name) is not None), None)
    with suppress(TypeError, ValueError):
        number = float(value)  # type: ignore[arg-type]  # a TypeError is an answer
        return number if isfinite(number) else None
    return None
