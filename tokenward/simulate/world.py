"""The simulated world: cities where they really are, and addresses that are reserved for documentation.

Homes and mobile networks are /48s of 2001:db8::/32 (RFC 3849), servers and thieves sit in the three /24s of RFC 5737,
AS numbers are those of RFC 5398. Nobody who exists can be meant.
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

DATA_CENTRE = City("Frankfurt", "DE", 50.11, 8.68)

HOME, CARRIER, HOTEL, NEARBY = 0, 1, 2, 3
"""Kinds of networks in a city; each has /48s of its own."""

NETWORKS = {HOME: 1024, CARRIER: 4, HOTEL: 64, NEARBY: 256}
"""How many /48s of each kind a city has; a carrier's many customers share a few."""

CARRIER_ACCURACY_KM = 100
CITY_ACCURACY_KM = 20
FIRST_ASN = 64_496
"""RFC 5398: 64496 to 64511 are for documentation."""


class Spot(NamedTuple):
    """Where a request comes from."""

    city: City
    ip: str
    asn: int
    accuracy_km: int


def spot(rng: Random, city: City, kind: int) -> Spot:
    """Somewhere in one of the honest cities, in a network of that kind."""
    place = CITIES.index(city)
    network = place << 12 | kind << 10 | rng.randrange(NETWORKS[kind])
    accuracy = CARRIER_ACCURACY_KM if kind == CARRIER else CITY_ACCURACY_KM
    return Spot(city, f"2001:db8:{network:x}::{rng.randrange(1, 0xFFFF):x}", FIRST_ASN + kind, accuracy)


def roam(rng: Random, carrier: Spot) -> Spot:
    """The same carrier in the same city, through another of its networks."""
    return spot(rng, carrier.city, CARRIER)


def server_spot(number: int) -> Spot:
    """The one address of a server-side client."""
    return Spot(DATA_CENTRE, f"192.0.2.{10 + number % 200}", FIRST_ASN + 4, CITY_ACCURACY_KM)


def far_spot(rng: Random) -> Spot:
    """A thief's address far away."""
    return Spot(rng.choice(FAR_CITIES), f"203.0.113.{rng.randrange(1, 255)}", FIRST_ASN + 8, CITY_ACCURACY_KM)


def near_spot(rng: Random, city: City) -> Spot:
    """A thief's address in the victim's own city: only the network differs."""
    return Spot(city, f"198.51.100.{rng.randrange(1, 255)}", FIRST_ASN + 9, CITY_ACCURACY_KM)


def kilometres(a: City, b: City) -> int:
    """The distance between two cities."""
    hundredths = [np.array([round(degrees * 100)]) for degrees in (a.lat, a.lon, b.lat, b.lon)]
    return int(distance_km(*hundredths)[0])
