"""Bad tokens, each with the reason that it must be refused for: attacks of RFC 8725, and of the field's bug reports."""

import hmac
import json

from tests.api.running import ISSUER
from tests.api.verifying import payload
from tests.servers.issuer import SigningKey, encoded, unsigned

ELLIPTIC, RSA, PSS, EDWARDS = (
    SigningKey("ec"),
    SigningKey("rsa", "RS256"),
    SigningKey("pss", "PS256", 1),
    SigningKey("ed", "EdDSA"),
)
FOREIGN = SigningKey("ec", number=1)
"""A key that bears the name of another issuer's."""


def with_hmac(header: dict[str, object], secret: bytes) -> str:
    """A token that is signed by a shared secret."""
    signed = unsigned(header, payload()).rpartition(".")[0]
    return f"{signed}.{encoded(hmac.digest(secret, signed.encode(), 'sha256'))}"


def resigned(token: str, **header: object) -> str:
    """The token under another header, with the signature that it had."""
    _, body, signature = token.split(".")
    return f"{encoded(json.dumps(header).encode())}.{body}.{signature}"


def said(members: str) -> str:
    """A token that the issuer signed, with these members as they stand besides its name."""
    return ELLIPTIC.sign(f'{{"iss":"{ISSUER}",{members}}}'.encode())


GENUINE = ELLIPTIC.sign(payload())
HEADER, BODY, SIGNATURE = GENUINE.split(".")
EVES = encoded(json.dumps(payload(sub="eve")).encode())
TWICE = encoded(b'{"alg":"none","alg":"ES256","kid":"ec"}')

ATTACKS: dict[str, tuple[str, str]] = {
    "none, unsigned": (unsigned({"alg": "none", "typ": "at+jwt"}, payload()), "unsigned"),
    "none, with a signature": (unsigned({"alg": "none", "typ": "at+jwt"}, payload(), b"x"), "algorithm"),
    "noNE": (unsigned({"alg": "noNE", "typ": "at+jwt"}, payload(), b"x"), "algorithm"),
    "es256 in lower case": (resigned(GENUINE, alg="es256", kid="ec", typ="at+jwt"), "algorithm"),
    "no algorithm": (resigned(GENUINE, kid="ec", typ="at+jwt"), "algorithm"),
    "an algorithm that is a list": (resigned(GENUINE, alg=["ES256"], kid="ec"), "algorithm"),
    "HS256 with the public key": (
        with_hmac({"alg": "HS256", "kid": "rsa", "typ": "at+jwt"}, json.dumps(RSA.public()).encode()),
        "algorithm",
    ),
    "another algorithm of the key's type": (SigningKey("rsa", "PS256").sign(payload()), "algorithm"),
    "another type's algorithm for the key": (SigningKey("rsa", "ES256").sign(payload()), "algorithm"),
    "an algorithm that is not allowed": (SigningKey("ec", "ES384").sign(payload()), "algorithm"),
    "another key of the same name": (FOREIGN.sign(payload()), "signature"),
    "a payload that was changed": (f"{HEADER}.{EVES}.{SIGNATURE}", "signature"),
    "a header that was changed": (resigned(GENUINE, alg="ES256", kid="ec", typ="JWT"), "signature"),
    "a short signature": (f"{HEADER}.{BODY}.{SIGNATURE[:-8]}", "signature"),
    "a signature of nothing but zeros": (f"{HEADER}.{BODY}.{encoded(bytes(64))}", "signature"),
    "a key within the header": (
        FOREIGN.sign(payload(), {"kid": "mine", "jwk": FOREIGN.public()}),
        "key_unknown",
    ),
    "an address of keys within the header": (
        FOREIGN.sign(payload(), {"kid": "mine", "jku": "http://127.0.0.1:1/keys", "x5u": "http://127.0.0.1:1/"}),
        "key_unknown",
    ),
    "a name that is a path": (FOREIGN.sign(payload(), {"kid": "../../../../dev/null"}), "key_unknown"),
    "a name that is SQL": (FOREIGN.sign(payload(), {"kid": "x' UNION SELECT 'key"}), "key_unknown"),
    "a name that is empty": (FOREIGN.sign(payload(), {"kid": ""}), "key_unknown"),
    "a name that is endless": (FOREIGN.sign(payload(), {"kid": "k" * 257}), "key_unknown"),
    "a name that is no text": (resigned(GENUINE, alg="ES256", kid=7), "key_unknown"),
    "something critical": (ELLIPTIC.sign(payload(), {"crit": ["exp"], "exp": 1}), "critical"),
    "nothing critical": (resigned(GENUINE, alg="ES256", kid="ec", crit=[]), "critical"),
    "an unencoded payload": (resigned(GENUINE, alg="ES256", kid="ec", b64=False), "critical"),
    "a security event": (ELLIPTIC.sign(payload(), {"typ": "secevent+jwt"}), "type"),
    "a logout token": (ELLIPTIC.sign(payload(), {"typ": "application/logout+jwt"}), "type"),
    "a DPoP proof": (ELLIPTIC.sign(payload(), {"typ": "dpop+jwt"}), "type"),
    "events in the payload": (ELLIPTIC.sign(payload(events={}), {"typ": "JWT"}), "type"),
    "Keycloak's ID token": (ELLIPTIC.sign(payload(typ="ID"), {"typ": "JWT"}), "type"),
    "a type that is no text": (resigned(GENUINE, alg="ES256", kid="ec", typ=1), "type"),
    "no issuer": (ELLIPTIC.sign(payload(iss=None)), "issuer_missing"),
    "an issuer that is a list": (ELLIPTIC.sign(payload(iss=[ISSUER])), "issuer_missing"),
    "an issuer nobody trusts": (ELLIPTIC.sign(payload(iss="https://evil.example")), "issuer_unknown"),
    "an issuer with a slash more": (ELLIPTIC.sign(payload(iss=ISSUER + "/")), "issuer_unknown"),
    "no end": (ELLIPTIC.sign(payload(exp=None)), "unending"),
    "an end that is null": (said('"exp":null'), "malformed"),
    "an end that is text": (ELLIPTIC.sign(payload(exp="2099-01-01")), "malformed"),
    "an end that is true": (ELLIPTIC.sign(payload(exp=True)), "malformed"),
    "an end that is no number": (said('"exp":NaN'), "malformed"),
    "an end at infinity": (said('"exp":1e999'), "malformed"),
    "an end beyond all time": (ELLIPTIC.sign(payload(exp=10**18)), "malformed"),
    "a beginning of ten thousand digits": (said('"exp":9e9,"nbf":' + "9" * 10_000), "malformed"),
    "two ends": (said('"exp":1,"exp":9000000000'), "duplicate_member"),
    "two ends in an inner object": (said('"exp":9e9,"cnf":{"a":1,"a":2}'), "duplicate_member"),
    "two algorithms": (f"{TWICE}.{BODY}.{SIGNATURE}", "duplicate_member"),
    "a payload that is a list": (ELLIPTIC.sign(b"[]"), "malformed"),
    "a payload that is text": (ELLIPTIC.sign(b'"x"'), "malformed"),
    "a payload that is another token": (ELLIPTIC.sign(GENUINE.encode(), {"cty": "JWT"}), "malformed"),
    "half a character": (said(r'"exp":9e9,"sub":"\ud800"'), "malformed"),
    "half a character in a name": (said(r'"exp":9e9,"\ud800":1'), "malformed"),
    "a payload without end": (ELLIPTIC.sign(b'{"iss":' + b"[" * 9_000), "malformed"),
    "a payload that is no UTF-8": (ELLIPTIC.sign(b'{"iss":"\xff"}'), "malformed"),
    "JSON serialisation": (json.dumps({"protected": HEADER, "payload": BODY, "signature": SIGNATURE}), "malformed"),
    "a compact token within JSON": (f'{{"{GENUINE}":1}}', "malformed"),
    "padding": (f"{HEADER}=.{BODY}.{SIGNATURE}", "malformed"),
    "the other base64": (f"{HEADER}.{BODY}.{SIGNATURE[:-1]}+", "malformed"),
    "a space": (f"{HEADER}.{BODY}. {SIGNATURE}", "malformed"),
    "a line's end": (f"{GENUINE}\n", "malformed"),
    "a part too few": (f"{HEADER}.{SIGNATURE}", "malformed"),
    "a part too many": (f"{GENUINE}.{SIGNATURE}", "malformed"),
    "five parts, encrypted": (f"{HEADER}..{BODY}.{BODY}.{SIGNATURE}", "encrypted"),
    "three parts, encrypted": (resigned(GENUINE, alg="ES256", enc="A256GCM", kid="ec"), "encrypted"),
    "an empty text": ("", "malformed"),
    "an opaque token": ("2YotnFZFEjr1zCsicMWpAA", "malformed"),
    "too large": (ELLIPTIC.sign(payload(more="x" * 12_300)), "too_large"),
    "a header too large": (ELLIPTIC.sign(payload(), {"x": "x" * 4_000}), "too_large"),
}
