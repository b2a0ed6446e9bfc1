"""What is trusted of one issuer: where its keys are, and which tokens signed by them are taken. A frozen value."""

from dataclasses import dataclass
from pathlib import Path

from urllib3.exceptions import LocationParseError
from urllib3.util import Url, parse_url

from api.access.access import is_loopback

#: Algorithm -> the type of its keys, and their curve. Asymmetric ones only: whoever verifies by a shared secret can
#: sign, too, and a public key taken for one is a known attack (RFC 8725, section 2.1).
ALGORITHMS: dict[str, tuple[str, str | None]] = {
    "RS256": ("RSA", None),
    "RS384": ("RSA", None),
    "RS512": ("RSA", None),
    "PS256": ("RSA", None),
    "PS384": ("RSA", None),
    "PS512": ("RSA", None),
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "ES512": ("EC", "P-521"),
    "EdDSA": ("OKP", "Ed25519"),
}
USUAL_ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")

UNTYPED = "none"
"""How a token without `typ` is named among the token types."""
USUAL_TYPES = ("at+jwt", "JWT", UNTYPED)
#: What is signed with the same keys and is no access token, whatever the settings say (RFC 8725, section 3.12).
FOREIGN_TYPES = frozenset(
    {
        "dpop+jwt",
        "entity-statement+jwt",
        "global-token-revocation+jwt",
        "jwk-set+jwt",
        "logout+jwt",
        "oauth-authz-req+jwt",
        "secevent+jwt",
        "statuslist+jwt",
        "token-introspection+jwt",
    }
)
LONGEST_LEEWAY_S = 300


@dataclass(frozen=True, kw_only=True)
class TrustedIssuer:
    """One issuer; every time is in seconds.

    Raises:
        ValueError: nothing could be verified by this, or too much.
    """

    #: Exactly the `iss` of its tokens.
    iss: str
    #: Where its key set is; None: its tokens cannot be verified, only read.
    jwks_uri: str | None = None
    #: Of these a token's `aud` must name one; none: it is not looked at.
    audiences: tuple[str, ...] = ()
    algorithms: tuple[str, ...] = USUAL_ALGORITHMS
    token_types: tuple[str, ...] = USUAL_TYPES
    #: How far its clock and ours may differ.
    leeway_s: int = 30
    #: Between fetches of its keys that nobody waits for; keys published ahead are known within that time.
    jwks_refresh_s: float = 300
    #: Between the starts of any two fetches.
    jwks_least_s: float = 2
    #: Longest that a request waits for a key that is not known yet.
    jwks_wait_s: float = 5
    #: Keys that could not be fetched again for longer are not used any more.
    jwks_most_age_s: float = 86_400
    #: Plain HTTP is for issuers on this machine, unless this says otherwise.
    jwks_plain_http: bool = False
    #: Certificates that its server's is checked against, PEM; None: the system's.
    jwks_cafile: Path | None = None

    def __post_init__(self) -> None:
        if not self.iss:
            raise ValueError("an issuer has a name, the iss of its tokens")
        if unknown := sorted(set(self.algorithms) - set(ALGORITHMS)):
            raise ValueError(f"there is no algorithm {', '.join(unknown)}; there are {', '.join(ALGORITHMS)}")
        if not self.algorithms or not self.token_types:
            raise ValueError("algorithms and token_types hold at least one")
        if foreign := sorted(FOREIGN_TYPES & {typ_of(typ) for typ in self.token_types}):
            raise ValueError(f"access tokens have other types than {', '.join(foreign)}")
        if not 0 <= self.leeway_s <= LONGEST_LEEWAY_S:
            raise ValueError(f"leeway_s is 0 to {LONGEST_LEEWAY_S}")
        if not 0 < self.jwks_least_s <= self.jwks_refresh_s <= self.jwks_most_age_s:
            raise ValueError("jwks_least_s, jwks_refresh_s and jwks_most_age_s must not fall")
        if self.jwks_uri is not None:
            address_of(self.jwks_uri, plain_http=self.jwks_plain_http)

    @property
    def types(self) -> frozenset[str]:
        """The token types as `typ_of` writes them."""
        return frozenset(typ_of(typ) for typ in self.token_types)


def typ_of(typ: str) -> str:
    """A media type as RFC 7515, section 4.1.9, compares it: without `application/`, in lower case."""
    return typ.lower().removeprefix("application/")


def address_of(uri: str, *, plain_http: bool) -> Url:
    """The parts of a `jwks_uri`, which has a scheme and a host.

    Raises:
        ValueError: it is no address, or keys would cross a network unprotected.
    """
    try:
        url = parse_url(uri)
    except LocationParseError:
        raise ValueError("jwks_uri is no address") from None
    if url.scheme not in {"http", "https"} or not url.host or url.auth is not None:
        raise ValueError("jwks_uri begins with https:// and names a host, without a password")
    if url.scheme == "http" and not plain_http and not is_loopback(url.host):
        raise ValueError("jwks_uri must be https://, or jwks_plain_http true: who changes keys on the way signs tokens")
    return url
