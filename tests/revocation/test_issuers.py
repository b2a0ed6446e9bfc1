"""The issuers that Tokenward was told of."""

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


def test_unknown_issuer_has_the_defaults() -> None:
    """An issuer that nobody configured is taken with the defaults."""
    assert Issuer(iss="https://other") == Issuers().of("https://other")


def test_issuers_are_listed() -> None:
    """All configured issuers can be gone through and looked up."""
    issuers = Issuers({ACME.iss: ACME, BARE.iss: BARE})

    assert [ACME, BARE] == [issuers.of(issuer.iss) for issuer in issuers]
