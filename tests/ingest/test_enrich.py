"""Enrichment from real MaxMind DB files, written for the test."""

from pathlib import Path
from typing import Any

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet  # type: ignore[import-untyped]

from ingest.enrich import ASSUMED_ACCURACY_KM, Place, Places, network_of, parse_address

BERLIN: dict[str, Any] = {
    "city": {"geoname_id": 2950159, "names": {"en": "Berlin"}},
    "country": {"iso_code": "DE"},
    "location": {"latitude": 52.52, "longitude": 13.41, "accuracy_radius": 20},
}


def database(path: Path, records: dict[str, dict[str, Any]], *, ip_version: int = 6) -> Path:
    """A MaxMind DB file of networks and their records."""
    writer = MMDBWriter(ip_version=ip_version, ipv4_compatible=ip_version == 6, database_type="Test")
    for network, record in records.items():
        writer.insert_network(IPSet([network]), record)
    writer.to_db_file(str(path))
    return path


def test_nested_files_give_city_country_and_as_number(tmp_path: Path) -> None:
    """GeoLite2's two files, together."""
    places = Places(
        database(tmp_path / "city.mmdb", {"203.0.113.0/24": BERLIN}),
        database(tmp_path / "asn.mmdb", {"203.0.112.0/23": {"autonomous_system_number": 64500}}),
    )

    assert Place("203.0.113.0/24", 64500, "DE", 52.52, 13.41, 20) == places.locate("203.0.113.7")


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (
            {"city": "Berlin", "country": "DE", "lat": "52.52", "lng": "13.41", "asn": "AS64500"},
            Place("203.0.113.0/24", 64500, "DE", 52.52, 13.41, ASSUMED_ACCURACY_KM),
        ),
        (
            {"city": "Berlin", "country": "Germany", "country_code": "de", "latitude": 52.52, "longitude": 13.41},
            Place("203.0.113.0/24", 0, "DE", 52.52, 13.41, ASSUMED_ACCURACY_KM),
        ),
        ({"country": "Germany", "asn": "unknown"}, Place("203.0.113.0/24")),
        ({"city": "Nowhere", "lat": "north", "lng": "nan"}, Place("203.0.113.0/24")),
        ({"city": "Nowhere", "lat": 91.0, "lng": 0.0}, Place("203.0.113.0/24")),
    ],
)
def test_flat_files_are_read_too(tmp_path: Path, record: dict[str, Any], expected: Place) -> None:
    """IPinfo's shape, numbers as text and country names and all; nonsense is not known."""
    places = Places(database(tmp_path / "flat.mmdb", {"203.0.113.0/24": record}))

    assert expected == places.locate("203.0.113.7")


def test_the_middle_of_a_country_is_no_position(tmp_path: Path) -> None:
    """A record without a city has a country and nothing more."""
    record = {
        "country": {"iso_code": "US"},
        "location": {"latitude": 37.75, "longitude": -97.82, "accuracy_radius": 1000},
    }
    places = Places(database(tmp_path / "city.mmdb", {"203.0.113.0/24": record}))

    assert Place("203.0.113.0/24", 0, "US") == places.locate("203.0.113.7")


@pytest.mark.parametrize(
    ("ip", "network"),
    [
        ("203.0.113.7", "203.0.113.0/24"),
        ("::ffff:203.0.113.7", "203.0.113.0/24"),
        ("2001:db8:1:2::3", "2001:db8:1::/48"),
        ("fe80::1%eth0", "fe80::/48"),
        ("localhost", ""),
        ("203.0.113.7, 10.0.0.1", ""),
        ("", ""),
    ],
)
def test_networks_are_24_or_48_bits(ip: str, network: str) -> None:
    """An IPv4 address inside IPv6 is an IPv4 address; text that is no address has no network."""
    assert Place(network) == Places().locate(ip)


def test_an_ipv4_file_says_nothing_of_ipv6(tmp_path: Path) -> None:
    """And does not complain."""
    places = Places(database(tmp_path / "city.mmdb", {"203.0.113.0/24": BERLIN}, ip_version=4))

    assert Place("2001:db8:1::/48") == places.locate("2001:db8:1:2::3")


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    """It names the file."""
    with pytest.raises(ValueError, match=r"^The GeoIP file .*none\.mmdb cannot be read: No such file or directory\.$"):
        Places(tmp_path / "none.mmdb")


def test_a_file_of_another_kind_is_one_sentence(tmp_path: Path) -> None:
    """It names the file."""
    path = tmp_path / "city.mmdb"
    path.write_bytes(b"not a database")

    with pytest.raises(
        ValueError, match=r"^The GeoIP file .*city\.mmdb is no MaxMind DB; is it whole, and unpacked\?$"
    ):
        Places(path)


def test_the_age_is_that_of_the_older_file(tmp_path: Path) -> None:
    """Epoch milliseconds for `doctor`; nothing without files."""
    path = database(tmp_path / "city.mmdb", {"203.0.113.0/24": BERLIN})
    built = Places(path, path).build_epoch

    assert built is not None
    assert (True, None) == (built > 1_700_000_000_000, Places().build_epoch)


def test_address_and_network_agree() -> None:
    """The helpers of `Places` on their own."""
    address = parse_address("::ffff:192.0.2.66")

    assert address is not None
    assert ("192.0.2.66", "192.0.2.0/24") == (str(address), network_of(address))
