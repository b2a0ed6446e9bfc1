"""For gateways and resource servers: a copy of the registry in their own memory, which answers at once about a token.

    from tokenward.client import Replica

    with Replica("https://tokenward.example.com", digest_key) as replica:
        replica.wait_ready(10)
        replica.check(payload_of_a_verified_token)

`tokenward.client.asgi` and `tokenward.client.wsgi` refuse revoked tokens before an application sees them. Needs what
`pip install tokenward` brings, and nothing of the services. How to use it: `docs/client.md`.
"""

from revocation.claims import Answer, Claims
from tokenward.client.replica import Replica, Status

__all__ = ["Answer", "Claims", "Replica", "Status"]
