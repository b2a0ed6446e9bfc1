"""Settings of what others tell us: what the API is made of by them, and what is no setting."""

from pathlib import Path

import pytest

from revocation.record import Scope
from tokenward.faults import Failure
from tokenward.inbound_sections import inbound_by
from tokenward.settings import read_settings

IDP = "https://idp.example.com/"
LEAST = f"""
[transmitters."{IDP}"]
jwks_uri = "https://idp.example.com/keys"
audiences = ["https://revocation.example.com"]
"""


def written(folder: Path, text: str) -> Path:
    """A settings file."""
    path = folder / "tokenward.toml"
    path.write_text(text)
    return path


def test_a_transmitter_needs_keys_and_an_audience(tmp_path: Path) -> None:
    """All else has a default that trusts it with little: RS256, its own identities, no tenant and no client."""
    settings = read_settings(written(tmp_path, LEAST), {})
    (one,) = inbound_by(settings.inbound, settings.transmitters).transmitters

    assert {Scope.TOKEN, Scope.FAMILY, Scope.SUBJECT, Scope.DEVICE} == set(one.scopes)
    assert [(IDP,), ("RS256",), False, "none"] == [
        one.says.issuers,
        one.keys.algorithms,
        one.says.lenient,
        one.says.opaque,
    ]


def test_everything_said_arrives(tmp_path: Path) -> None:
    """What stands in the file is what the API goes by."""
    more = """
issuers = ["https://idp.example.com/realms/acme"]
events = ["caep.session_revoked"]
scopes = ["issuer"]
tenants = { t1 = "https://idp.example.com/realms/acme" }
authorization = "Bearer agreed"
critical_members = ["device"]
verification_state = "asked"
lenient = true
[inbound]
cascade = ["https://idp.example.com/realms/acme"]
email_issuer = "https://idp.example.com/realms/acme"
max_staleness_s = 5
"""
    settings = read_settings(written(tmp_path, LEAST + more), {})
    inbound = inbound_by(settings.inbound, settings.transmitters)
    (one,) = inbound.transmitters

    assert [{"caep.session_revoked"}, {Scope.ISSUER}, "Bearer agreed", {"device"}, "asked"] == [
        one.says.obeyed,
        one.scopes,
        one.authorization,
        one.says.critical,
        one.says.verification_state,
    ]
    assert (("https://idp.example.com/realms/acme",), "https://idp.example.com/realms/acme", 5_000) == (
        inbound.cascade,
        inbound.emails,
        inbound.max_staleness_ms,
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('events = ["caep.session_ended"]', "nothing follows from caep.session_ended"),
        ('algorithms = ["HS256"]', "there is no algorithm HS256"),
        ('scopes = ["realm"]', "transmitters."),
        ("audiences_of = []", "no setting"),
    ],
)
def test_what_makes_no_sense_is_a_sentence(tmp_path: Path, text: str, expected: str) -> None:
    """Each is told with what there is."""
    with pytest.raises(Failure, match=expected):
        read_settings(written(tmp_path, LEAST + text), {})


def test_keys_come_over_a_protected_line(tmp_path: Path) -> None:
    """Who could change a transmitter's keys on the way could end anybody's session."""
    with pytest.raises(Failure, match="must be https"):
        read_settings(
            written(tmp_path, LEAST.replace("https://idp.example.com/keys", "http://idp.example.com/keys")), {}
        )
