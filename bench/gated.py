"""A server process for the bench of rollovers: `python -m bench.gated PORT JWKS_URI LEAST_S REFRESH_S`.

It ends when its standard input does, so that it never outlives the bench.
"""

import sys
import threading

from api.access.access import OPEN_ACCESS
from api.app import create_app
from api.server import run
from api.trust import TrustedIssuer
from api.writes.whole import Writes
from bench.served import ISSUER, KEY, end_with_input, milliseconds
from revocation.followers import Followers
from revocation.memory import MemoryRegistry
from revocation.replica import Replica


def main() -> None:
    """Serve `/authz` for one issuer, until the input ends."""
    port, uri, least, refresh = sys.argv[1:]
    threading.Thread(target=end_with_input, daemon=True).start()
    issuer = TrustedIssuer(iss=ISSUER, jwks_uri=uri, jwks_least_s=float(least), jwks_refresh_s=float(refresh))
    registry, replica = MemoryRegistry("0123456789abcdef"), Replica(KEY)
    app = create_app(
        replica=replica,
        registry=registry,
        followers=Followers(registry, replica, milliseconds),
        clock=milliseconds,
        digest_key=KEY,
        access=OPEN_ACCESS,
        version="bench",
        writes=Writes.in_memory(registry, milliseconds, KEY),
        issuers=[issuer],
    )
    run(app, port=int(port))


if __name__ == "__main__":
    main()
