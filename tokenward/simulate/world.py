"""The world: cities, the networks in them, and what a GeoIP database says of an address.

All addresses and AS numbers are reserved for documentation (RFC 5737, RFC 3849, RFC 9637; RFC 5398), so that nobody who
exists is meant. A home has an address of its own in one of the /48s of its provider in the city; a carrier, a carrier's
NAT, a VPN and an airline give many people few addresses. Accuracy radii are values that MaxMind publishes, which is the
circle that holds the device with 67 % confidence; which kind of network has which one is assumed.
"""

from random import Random
from typing import NamedTuple

import numpy as np

from detector.globe import distance_km


class City(NamedTuple):
    """Where it is: ISO 3166 country, degrees."""

    name: str
    country: str
    lat: float
    lon: float


CITIES = (
    City("Berlin", "DE", 52.52, 13.40),
    City("Hamburg", "DE", 53.55, 9.99),
    City("Munich", "DE", 48.14, 11.58),
    City("Paris", "FR", 48.86, 2.35),
    City("London", "GB", 51.51, -0.13),
    City("Madrid", "ES", 40.42, -3.70),
    City("Warsaw", "PL", 52.23, 21.01),
    City("Stockholm", "SE", 59.33, 18.07),
    City("Lisbon", "PT", 38.72, -9.14),
    City("Vienna", "AT", 48.21, 16.37),
)
"""Where honest people live."""

FAR_CITIES = (
    City("Singapore", "SG", 1.35, 103.82),
    City("Sao Paulo", "BR", -23.55, -46.63),
    City("Lagos", "NG", 6.52, 3.38),
    City("Tokyo", "JP", 35.68, 139.69),
    City("Sydney", "AU", -33.87, 151.21),
    City("Vancouver", "CA", 49.28, -123.12),
)
"""Where thieves come from when they come from afar."""

EXIT_CITIES = (
    City("Amsterdam", "NL", 52.37, 4.90),
    City("Zurich", "CH", 47.38, 8.54),
    City("New York", "US", 40.71, -74.01),
    City("Milan", "IT", 45.46, 9.19),
)
"""Where the exits of VPNs stand."""

TELEPORT = City("Raisting", "DE", 47.90, 11.11)
"""A ground station of satellites: where GeoIP puts whoever is in the air."""
DATA_CENTRE = City("Frankfurt", "DE", 50.11, 8.68)


class Net(NamedTuple):
    """One kind of network: its place in addresses, its AS numbers, its /48s in a city, and the radius GeoIP states."""

    number: int
    asns: tuple[int, ...]
    networks: int
    accuracy_km: int = 20


HOME = Net(0, (64_496, 64_497, 64_498), 4096)
CARRIER = Net(1, (64_499,), 4, accuracy_km=100)
HOTEL = Net(2, (64_500,), 64)
NEARBY = Net(3, (64_501,), 256)
OFFICE = Net(4, (64_502,), 32)
VPN = Net(5, (64_503,), 1)
AIRLINE = Net(6, (64_504,), 16, accuracy_km=1000)
CGNAT = Net(7, (64_505,), 4, accuracy_km=50)
HOSTER = Net(8, (64_506,), 64)
SERVER_ASN = 64_507
FAR_ASN = 64_508
NEAR_ASN = NEARBY.asns[0]

VAGUE_ASNS = frozenset(CARRIER.asns + VPN.asns + AIRLINE.asns)
"""What an operator would list as `vague_asns`: mobile carriers, VPNs, airlines."""

GATEWAY = 0.2
"""Chance that a carrier's address is positioned at its gateway in another city of the country: assumed."""


class Spot(NamedTuple):
    """Where a request comes from: what GeoIP says of it."""

    city: City
    ip: str
    asn: int
    accuracy_km: int


def spot(rng: Random, city: City, net: Net) -> Spot:
    """Somewhere in one of the honest cities, in a network of that kind."""
    return address(net, city, rng.randrange(net.networks), rng.randrange(1, 0xFFFFFF))


def address(net: Net, city: City, network: int, host: int) -> Spot:
    """That host in that /48 of the city (3fff::/20 has twelve bits for the kind and the city, sixteen for the /48)."""
    place = CITIES.index(city) if city in CITIES else len(CITIES) + hash_of(city)
    ip = f"3fff:{net.number << 8 | place:x}:{network:x}::{host >> 16:x}:{host & 0xFFFF:x}"
    return Spot(city, ip, net.asns[network % len(net.asns)], net.accuracy_km)


def hash_of(city: City) -> int:
    """A small number of a city where nobody lives."""
    others = (*EXIT_CITIES, *FAR_CITIES, TELEPORT, DATA_CENTRE)
    return others.index(city)


def roam(rng: Random, carrier: Spot) -> Spot:
    """The same carrier in the same city, through another of its networks."""
    return spot(rng, carrier.city, CARRIER)


def cellular(rng: Random, city: City) -> Spot:
    """Through the carrier in that city; GeoIP may put it where the carrier's gateway stands."""
    here = spot(rng, city, CARRIER)
    if rng.random() >= GATEWAY:
        return here
    return here._replace(city=rng.choice([other for other in CITIES if other.country == city.country]))


def vpn_exit(number: int) -> Spot:
    """The exit of that number; everybody who uses it has its address."""
    return address(VPN, EXIT_CITIES[number % len(EXIT_CITIES)], 0, 1 + number)


def airborne(flight: int) -> Spot:
    """The one address of everybody in that aircraft."""
    return address(AIRLINE, TELEPORT, flight % AIRLINE.networks, 1 + flight % 4096)


def shared(city: City, number: int) -> Spot:
    """One of the few addresses behind which a provider's NAT (RFC 6598) hides its customers of a city."""
    return address(CGNAT, city, number % CGNAT.networks, 1)


def server_spot(number: int) -> Spot:
    """The one address of a server-side client."""
    return Spot(DATA_CENTRE, f"192.0.2.{10 + number % 200}", SERVER_ASN, 20)


def far_spot(rng: Random) -> Spot:
    """A thief's address far away."""
    return Spot(rng.choice(FAR_CITIES), f"203.0.113.{rng.randrange(1, 255)}", FAR_ASN, 20)


def near_spot(rng: Random, city: City) -> Spot:
    """A thief's address in the victim's own city: only the network differs."""
    return Spot(city, f"198.51.100.{rng.randrange(1, 255)}", NEAR_ASN, 20)


def kilometres(a: City, b: City) -> int:
    """The distance between two cities."""
    hundredths = [np.array([round(degrees * 100)]) for degrees in (a.lat, a.lon, b.lat, b.lon)]
    return int(distance_km(*hundredths)[0])
