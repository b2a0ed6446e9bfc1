"""Certificates that live for one test, and a redis-server that speaks TLS only, to whoever has one."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import trustme

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
