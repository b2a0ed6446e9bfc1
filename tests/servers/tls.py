"""Certificates that live for one test, and a redis-server that speaks TLS only, to whoever has one."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import NameOID

from tests.servers.process import free_port
from tests.servers.redis import RedisServer, redis_server


class Certificates(NamedTuple):
    """Files in PEM: of the authority, and a certificate with its key that is good for server and client."""

    authority: Path
    certificate: Path
    key: Path


def certificates(folder: Path, authority: trustme.CA | None = None, common_name: str | None = None) -> Certificates:
    """An authority, and a certificate of it for 127.0.0.1."""
    made = Certificates(folder / "ca.pem", folder / "own.pem", folder / "own.key")
    authority = authority or trustme.CA()
    own = authority.issue_cert("127.0.0.1", common_name=common_name)
    authority.cert_pem.write_to_path(made.authority)
    own.private_key_pem.write_to_path(made.key)
    for blob in own.cert_chain_pems:
        blob.write_to_path(made.certificate, append=True)
    return made


@contextmanager
def tls_server(pems: Certificates, *options: str, **access: Any) -> Iterator[RedisServer]:
    """Yield a server whose port speaks TLS, and asks clients for a certificate; `access` as of `RedisServer`."""
    port = free_port()
    files = {"tls-cert-file": pems.certificate, "tls-key-file": pems.key, "tls-ca-cert-file": pems.authority}
    named = [word for name, path in files.items() for word in (f"--{name}", str(path))]
    own = {"ssl_ca_certs": pems.authority, "ssl_certfile": pems.certificate, "ssl_keyfile": pems.key}
    access |= {name: str(path) for name, path in own.items()}
    ports = ("--port", "0", "--tls-port", str(port))
    with redis_server(*ports, *named, *options, port=port, ssl=True, **access) as server:
        yield server


def with_uris(path: Path, authority: trustme.CA, common_name: str, uris: Sequence[str]) -> Path:
    """A file with a client's certificate by that authority, which names URIs, and its key."""
    signer = x509.load_pem_x509_certificate(authority.cert_pem.bytes())
    own, signing = (
        ec.generate_private_key(ec.SECP256R1()),
        load_pem_private_key(authority.private_key_pem.bytes(), None),
    )
    assert isinstance(signing, ec.EllipticCurvePrivateKey)
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)]))
        .issuer_name(signer.subject)
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(signer.not_valid_before_utc)
        .not_valid_after(signer.not_valid_after_utc)
        .add_extension(
            x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri) for uri in uris]), critical=False
        )
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), critical=False)
        .sign(signing, hashes.SHA256())
    )
    key = own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(made.public_bytes(Encoding.PEM) + key)
    return path
