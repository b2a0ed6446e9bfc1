"""TLS and certificates: who shows one is its caller, by a name that the authority vouches for."""

import ssl
from pathlib import Path

import httpx
import pytest
import trustme

from api.access.access import Access, Caller
from api.access.certificates import Certificate, certificate_of
from api.access.principal import Verb
from api.server import Tls, serving
from tests.api.access.calling import ACCESS, GATEWAY, Protected, protected
from tests.api.running import Running, clock, running
from tests.servers.tls import certificates, with_uris

SPIFFE = "spiffe://corp.example/gateway"
LONG_AGO = "Jan  1 00:00:00 2020 GMT"


def test_a_certificate_shows_its_caller(guarded: Protected) -> None:
    """Without a key, the connection's certificate is who calls."""
    assert [200, 401] == [client.get("/readyz").status_code for client in (guarded.certified, guarded.plain)]


def test_no_header_shows_a_certificate(guarded: Protected) -> None:
    """What proxies write about certificates is not looked at, as clients can write it as well."""
    told = {"X-Client-Cert": GATEWAY, "X-Forwarded-Client-Cert": f"URI={GATEWAY}", "X-SSL-Client-S-DN": f"CN={GATEWAY}"}

    assert 401 == guarded.plain.get("/readyz", headers=told).status_code


def test_a_strange_authority_ends_the_connection(guarded: Protected, tmp_path: Path) -> None:
    """A certificate that bears a good name, signed by somebody else, is no connection."""
    strange = certificates(tmp_path, common_name=GATEWAY)
    trust = ssl.create_default_context(cafile=guarded.pems.authority)
    trust.load_cert_chain(strange.certificate, strange.key)
    with httpx.Client(base_url=guarded.api.address.url, verify=trust) as client, pytest.raises(httpx.TransportError):
        client.get("/healthz")


def test_plain_http_is_not_spoken_over_tls(guarded: Protected) -> None:
    """Who forgets the s gets nothing."""
    with pytest.raises(httpx.TransportError):
        httpx.get(guarded.api.address.url.replace("https", "http") + "/healthz", timeout=5)


@pytest.mark.parametrize(
    ("uris", "status"), [([SPIFFE], 200), (["spiffe://corp.example/other"], 401), ([SPIFFE, "urn:second"], 401)]
)
def test_a_uri_goes_before_a_common_name(tmp_path: Path, uris: list[str], status: int) -> None:
    """A certificate with URIs is known by them, and by one caller's only, whatever common name stands beside."""
    authority = trustme.CA()
    server = certificates(tmp_path, authority)
    shown = with_uris(tmp_path / "client.pem", authority, GATEWAY, uris)
    access = Access(
        callers=tuple(
            Caller(name=name, verbs=frozenset({Verb.READ}), certificates=(certified,))
            for name, certified in (("mesh", SPIFFE), ("second", "urn:second"), ("common", GATEWAY))
        )
    )
    trust = ssl.create_default_context(cafile=server.authority)
    trust.load_cert_chain(shown)
    tls = Tls(server.certificate, server.key, server.authority)
    with running(access=access, tls=tls, trust=trust) as api:
        assert status == api.http.get("/readyz").status_code


def test_a_certificate_ends_with_its_day(tmp_path: Path) -> None:
    """A connection that outlives its certificate shows nobody any more."""
    far = [clock()]
    with protected(tmp_path, ACCESS, check_clock=lambda: far[0]) as api:
        before = api.certified.get("/v1/revocations/entries").status_code
        far[0] += 10**14
        after = api.certified.get("/v1/revocations/entries").status_code

    assert (True, 401) == (before != 401, after)


def test_files_that_are_no_certificates_are_said_at_once(tmp_path: Path) -> None:
    """The server does not listen by a certificate that it cannot use."""
    broken = tmp_path / "broken.pem"
    broken.write_text("no certificate")

    with pytest.raises(ssl.SSLError), serving(Running(None, clock).app(), tls=Tls(broken, broken)):
        pass


@pytest.mark.parametrize(
    ("peer", "names"),
    [
        (None, None),
        ({}, None),
        ({"subject": ((("commonName", "a"),),), "notAfter": LONG_AGO}, ("a",)),
        ({"subject": ((("commonName", "urn:a"),),), "notAfter": LONG_AGO}, ()),
        ({"subject": (), "subjectAltName": (("DNS", "a"), ("URI", "urn:a")), "notAfter": LONG_AGO}, ("urn:a",)),
    ],
)
def test_names_of_a_certificate(peer: dict[str, object] | None, names: tuple[str, ...] | None) -> None:
    """URIs, else common names; none of the latter can be written like one of the former."""
    expected = None if names is None else Certificate(names, 1_577_836_800_000)

    assert expected == certificate_of(peer)
