"""The feed over TLS, with certificates on both sides."""

import ssl
from pathlib import Path

import pytest
import trustme

from tests.api.running import KEY, Running, entry
from tests.client.between import between
from tests.client.following import denies, when
from tokenward.client import Replica


class Certificates:
    """An authority, the server's context, and the files of a client."""

    def __init__(self, folder: Path) -> None:
        authority = trustme.CA()
        self.ca_file, self.cert_file, self.key_file = (str(folder / name) for name in ("ca.pem", "cert.pem", "key.pem"))
        authority.cert_pem.write_to_path(self.ca_file)
        client = authority.issue_cert("gateway@example.com")
        client.private_key_pem.write_to_path(self.key_file)
        client.cert_chain_pems[0].write_to_path(self.cert_file)
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(self.server)
        authority.configure_trust(self.server)
        self.server.verify_mode = ssl.CERT_REQUIRED


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    """Certificates of the test's own."""
    return Certificates(tmp_path)


def test_both_sides_show_certificates(api: Running, certificates: Certificates) -> None:
    """With the authority's file and its own certificate the replica follows, and stops in a long poll, over TLS."""
    api.refuse(entry("before"))
    with between(api.address, certificates.server) as proxy:
        replica = Replica(
            proxy.url,
            KEY,
            ca_file=certificates.ca_file,
            cert_file=certificates.cert_file,
            key_file=certificates.key_file,
        )
        with replica:
            assert replica.wait_ready(10)
            when(lambda: "wait=25" in proxy.asked[-1], "the long poll")
        status = replica.status

    assert (True, 0, None) == (denies(replica, "before"), status.failures, status.trouble)


@pytest.mark.parametrize("shown", ["nothing", "the authority alone"])
def test_no_side_trusts_a_stranger(api: Running, certificates: Certificates, shown: str) -> None:
    """Without the authority the server is not trusted; without a certificate of its own the replica is not let in."""
    ca_file = None if shown == "nothing" else certificates.ca_file
    with between(api.address, certificates.server) as proxy, Replica(proxy.url, KEY, ca_file=ca_file) as replica:
        when(lambda: replica.status.failures >= 2, "two failures")

    assert (False, []) == (replica.ready, proxy.asked)
    assert proxy.url.rpartition(":")[2] not in str(replica.status.trouble)
