"""The issuers that Tokenward was told of."""

import pytest

from revocation.issuers import Issuer, Issuers

ACME = Issuer(iss="https://idp/realms/acme", format="keycloak", tenant="9d2c")
BARE = Issuer(iss="https://idp/realms/bare")


def test_tenant_finds_its_issuer() -> None:
    """Telemetry's own name of a tenant leads to the issuer."""
    issuers = Issuers({ACME.iss: ACME, BARE.iss: BARE})

    assert ACME == issuers.of_tenant("keycloak", "9d2c")


def test_unmapped_tenant_is_none() -> None:
    """A tenant of another format, or one that nobody configured, is not mapped."""
    issuers = Issuers({ACME.iss: ACME, BARE.iss: BARE})

    assert [None, None] == [issuers.of_tenant("auth0", "9d2c"), issuers.of_tenant("keycloak", "other")]


@pytest.mark.parametrize(
    ("fallback", "tenants", "iss"),
    [
        (False, ("9d2c",), ACME.iss),
        (False, (None, "other", "9d2c"), ACME.iss),
        (False, ("other",), None),
        (True, (None, "other"), "keycloak:other"),
        (True, (None,), None),
    ],
)
def test_first_mapped_tenant_names_the_issuer(fallback: bool, tenants: tuple[str | None, ...], iss: str | None) -> None:
    """Of a tenant's names the first mapped one counts; with the fallback an unmapped tenant is its own issuer."""
    issuers = Issuers({ACME.iss: ACME}, fallback=fallback)

    assert iss == issuers.iss_of("keycloak", *tenants)


def test_unknown_issuer_has_the_defaults() -> None:
    """An issuer that nobody configured is taken with the defaults."""
    assert Issuer(iss="https://other") == Issuers().of("https://other")


def test_issuers_are_listed() -> None:
    """All configured issuers can be gone through and looked up."""
    issuers = Issuers({ACME.iss: ACME, BARE.iss: BARE})

    assert [ACME, BARE] == [issuers.of(issuer.iss) for issuer in issuers]


def test_the_first_mapped_name_counts() -> None:
    """Telemetry may name a tenant by its id, by its name, or not at all."""
    issuers = Issuers({ACME.iss: ACME})

    assert [ACME.iss, None] == [issuers.iss_of("keycloak", None, "acme", "9d2c"), issuers.iss_of("keycloak", "other")]


def test_with_the_fallback_an_unmapped_tenant_is_an_issuer_of_its_own() -> None:
    """For looking at files; a mapped tenant keeps its issuer, and no name is still none."""
    issuers = Issuers({ACME.iss: ACME}, fallback=True)

    assert ["keycloak:other", ACME.iss, None] == [
        issuers.iss_of("keycloak", None, "other", "name"),
        issuers.iss_of("keycloak", "9d2c"),
        issuers.iss_of("keycloak", None, ""),
    ]
