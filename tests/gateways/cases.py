"""What the gateways are asked, by the words that docs/gateways.md says it in; the expectations stand there."""

import re
from collections.abc import Callable

from tests.gateways.application import Reply
from tests.gateways.registry import COOKIE, FOREIGN, token
from tests.gateways.stands import Stand
from tests.servers.issuer import SigningKey

Case = Callable[[Stand], Reply]

BODY = "what=the+application+reads"


def cookies(*pairs: str) -> list[tuple[str, str]]:
    """A browser's header."""
    return [("Cookie", "; ".join(["theme=dark", *pairs]))]


CASES: dict[str, dict[str, Case]] = {
    "up": {
        "no token": lambda stand: stand.ask(),
        "a good token": lambda stand: stand.ask(bearer=stand.tokens.good),
        "a revoked token": lambda stand: stand.ask(bearer=stand.tokens.revoked),
        "a quarantined session": lambda stand: stand.ask(bearer=stand.tokens.quarantined),
        "a token of another signer": lambda stand: stand.ask(bearer=token(key=FOREIGN)),
        "an expired token": lambda stand: stand.ask(bearer=token(lasts_s=-600)),
        "a good token in the cookie": lambda stand: stand.ask(headers=cookies(f"{COOKIE}={stand.tokens.good}")),
        "a revoked token in the cookie": lambda stand: stand.ask(headers=cookies(f"{COOKIE}={stand.tokens.revoked}")),
        "a good token, and another in the cookie": lambda stand: stand.ask(
            bearer=stand.tokens.good, headers=cookies(f"{COOKIE}={stand.tokens.revoked}")
        ),
        "two cookies of that name": lambda stand: stand.ask(
            headers=cookies(f"{COOKIE}={stand.tokens.good}", f"{COOKIE}={stand.tokens.revoked}")
        ),
        "two Cookie headers": lambda stand: stand.ask(
            headers=[*cookies(f"{COOKIE}={stand.tokens.good}"), *cookies(f"{COOKIE}={stand.tokens.revoked}")]
        ),
        "two Authorization headers": lambda stand: stand.ask(
            bearer=stand.tokens.good, headers=[("Authorization", f"Bearer {stand.tokens.revoked}")]
        ),
        "a token of 8 KB": lambda stand: stand.ask(bearer=token(padding=7_800)),
        "a token of 40 KB": lambda stand: stand.ask(bearer=token(padding=40_000)),
        "a POST with a body": lambda stand: stand.ask(bearer=stand.tokens.good, method="POST", body=BODY),
        "a HEAD": lambda stand: stand.ask(method="HEAD"),
    },
    "up, open": {
        "a good token": lambda stand: stand.ask(bearer=stand.tokens.good),
        "a revoked token": lambda stand: stand.ask(bearer=stand.tokens.revoked),
        "a token of 15 KB": lambda stand: stand.ask(bearer=token(padding=15_000)),
        "two keys that nobody knows": lambda stand: [
            stand.ask(bearer=token(key=SigningKey(kid))) for kid in ("unknown", "another")
        ][-1],
    },
    "stale, closed": {
        "a good token": lambda stand: stand.ask(bearer=stand.tokens.good),
        "a revoked token": lambda stand: stand.ask(bearer=stand.tokens.revoked),
    },
    "stale, open": {
        "a good token": lambda stand: stand.ask(bearer=stand.tokens.good),
        "a revoked token": lambda stand: stand.ask(bearer=stand.tokens.revoked),
    },
    "down, closed": {"a good token": lambda stand: stand.ask(bearer=stand.tokens.good)},
    "down, open": {
        "a good token": lambda stand: stand.ask(bearer=stand.tokens.good),
        "a revoked token": lambda stand: stand.ask(bearer=stand.tokens.revoked),
        "no token": lambda stand: stand.ask(),
        "a POST with a body": lambda stand: stand.ask(bearer=stand.tokens.good, method="POST", body=BODY),
    },
    "hangs, closed": {"a good token": lambda stand: stand.ask(bearer=stand.tokens.good)},
    "hangs, open": {"a good token": lambda stand: stand.ask(bearer=stand.tokens.good)},
}
"""State of the registry -> what is asked then -> how."""


def outcome(reply: Reply) -> str:
    """What came of it, in the words of docs/gateways.md."""
    if reply.seen is not None:
        return "passes"
    error = re.search(r'error="(\w+)"', reply.headers.get("WWW-Authenticate") or "")
    return f"{reply.status} {error[1]}" if error else str(reply.status)
