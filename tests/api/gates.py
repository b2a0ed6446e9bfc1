"""What gateways send to `/authz` and get, for the tests: good tokens, questions, and answers in short."""

import httpx

from api.profiles import Profile
from tests.api.running import Running
from tests.api.verifying import payload
from tests.servers.issuer import SigningKey

SIGNER, STRANGER = SigningKey("k1"), SigningKey("k1", number=1)
MISSING = 'Bearer realm="tokenward"'
INVALID = f'{MISSING}, error="invalid_token", error_description="The access token is no longer valid"'
AMBIGUOUS = (
    f'{MISSING}, error="invalid_request", error_description="The access token is malformed, or there is more than one"'
)
PROFILES = {
    "read": Profile(verify=False),
    "public": Profile(anonymous="allow", address_header="X-Real-IP"),
    "web": Profile(cookie="access", realm="the shop"),
    "cached": Profile(cache_s=30, cookie="access"),
}


def token(sid: str = "honest", **more: object) -> str:
    """A good token of a session."""
    return SIGNER.sign(payload(sid=sid, **more))


def ask(api: Running, presented: str | None = None, path: str = "/authz", **headers: str) -> httpx.Response:
    """One question of a gateway; names of headers are written with underscores."""
    authorization = {} if presented is None else {"authorization": f"Bearer {presented}"}
    return api.http.get(
        path, headers=authorization | {name.replace("_", "-"): value for name, value in headers.items()}
    )


def said(answer: httpx.Response) -> tuple[int, str, list[str]]:
    """Status, state and challenges of an answer."""
    return answer.status_code, answer.headers["x-token-status"], answer.headers.get_list("www-authenticate")
