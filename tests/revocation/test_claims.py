"""The claims that are read out of a JWT's payload."""

import pytest

from revocation.claims import Claims, claims_of, network_of

ISS = "https://idp.example/realms/acme"


def test_a_payload_names_what_is_looked_up() -> None:
    """Each claim is taken from where the standards put it; key and address come from outside the payload."""
    payload = {
        "iss": ISS,
        "sub": "ann",
        "sid": "s1",
        "jti": "t1",
        "iat": 1_000,
        "auth_time": 900.5,
        "client_id": "app",
        "azp": "other",
        "cnf": {"jkt": "thumb"},
        "device_id": "phone",
        "scope": "openid",
    }

    expected = Claims(
        iss=ISS,
        sub="ann",
        sid="s1",
        jti="t1",
        iat=1_000,
        auth_time=900.5,
        client_id="app",
        device="thumb",
        kid="k1",
        ip="203.0.113.7",
    )
    assert expected == claims_of(payload, "k1", "203.0.113.7")


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({"azp": "app", "device_id": "phone"}, Claims(client_id="app", device="phone")),
        ({"cnf": {"x5t#S256": "thumb"}, "device_id": "phone"}, Claims(device="phone")),
        ({"iss": 1, "sub": ["ann"], "sid": "", "iat": True, "auth_time": "900", "cnf": "jkt"}, Claims()),
    ],
    ids=["other names", "another binding", "other types"],
)
def test_what_is_not_there_is_absent(payload: dict[str, object], expected: Claims) -> None:
    """Claims of another type, and empty ones, are as if absent."""
    assert expected == claims_of(payload)


@pytest.mark.parametrize(
    ("address", "network"),
    [("203.0.113.7", "203.0.113.0/24"), ("2001:db8:0:9::1", "2001:db8::/48"), ("203.0.113.0/24", None), ("ann", None)],
)
def test_networks_are_those_of_the_detector(address: str, network: str | None) -> None:
    """An IPv4 address is in its /24, an IPv6 address in its /48, and anything else in none."""
    assert network == network_of(address)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        (" 2001:DB8:0::1%eth0", "2001:db8::1"),
        ("203.0.113.7:8080", None),
        ("", None),
    ],
)
def test_addresses_are_as_telemetrys(text: str, expected: str | None) -> None:
    """However a server writes an address, it is digested in the form of telemetry's; what is none is not there."""
    assert expected == claims_of({}, ip=text).ip
