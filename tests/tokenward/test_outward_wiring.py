"""What is told to others is wired as the settings say, and a sentence says what is missing."""

import threading
from pathlib import Path
from typing import Any

import pytest

from revocation.claims import Claims
from revocation.record import Scope, Subject
from revocation.redis import connect
from revocation.ssf.identity import Identity
from revocation.ssf.store import Known
from tests.tokenward.command import KEY
from tokenward.faults import Failure
from tokenward.outward_wiring import (
    Outward,
    desk_of,
    name_of,
    providers_of,
    receivers_of,
    remember_of,
    seal_of,
    store_of,
)
from tokenward.settings import read_settings
from tokenward.wiring import redis_of

SEAL_KEY = "a key to seal with, of 32 bytes or more"
ISS = "https://idp/realms/acme"
SETTINGS = f"""\
digest_key = "{KEY}"
[notify]
key = "{SEAL_KEY}"
[ssf]
issuer = "https://tokenward.example.com/acme"
[ssf.receivers.ann]
audience = ["https://ann"]
issuers = ["{ISS}"]
[issuers."{ISS}".outbound]
global_revocation = "https://idp/global-token-revocation"
"""


def settings(folder: Path, text: str = SETTINGS, **environ: str) -> Any:
    """The settings in that file."""
    path = folder / "tokenward.toml"
    path.write_text(text)
    return read_settings(path, environ)


def test_the_transmitter_is_what_the_settings_say(tmp_path: Path) -> None:
    """Its addresses begin with the issuer's host, its receivers and providers are those of the file."""
    made = settings(tmp_path)
    desk = desk_of(made, redis_of(made), lambda: 0)
    assert desk is not None

    assert "/.well-known/ssf-configuration/acme" == desk.transmitter.well_known_path
    assert "https://tokenward.example.com/v1/ssf/streams" == desk.transmitter.metadata()["configuration_endpoint"]
    assert {"ann": frozenset({ISS})} == {name: one.issuers for name, one in receivers_of(made).items()}
    assert [(ISS, frozenset({Scope.SUBJECT}))] == [(one.iss, one.scopes) for one in providers_of(made)]


def test_without_an_issuer_there_is_no_transmitter(tmp_path: Path) -> None:
    """No route, no receiver; and without a key nothing is sealed beside telemetry."""
    made = settings(tmp_path, f'digest_key = "{KEY}"')

    assert None is desk_of(made, redis_of(made), lambda: 0)
    assert "nameless" == getattr(name_of(made), "__name__", "")
    with pytest.raises(Failure, match=r"No notify\.key is set"):
        seal_of(made)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ('[notify]\nkey = "short"', "32 bytes"),
        ('[ssf]\nissuer = "http://tokenward.example.com"', "https"),
        ('[ssf]\nissuer = "https://tokenward.example.com?a=b"', "query"),
        ('[notify]\nnetworks = ["10.0.0.1/8"]', "host bits"),
    ],
)
def test_a_setting_that_cannot_be_is_named(tmp_path: Path, line: str, sentence: str) -> None:
    """Before anything is started."""
    with pytest.raises(Failure, match=sentence):
        settings(tmp_path, line)


@pytest.mark.redis
def test_whom_a_decision_by_hand_is_about_is_kept_sealed(tmp_path: Path, redis_url: str) -> None:
    """The registry's change names a digest only; a digest that nobody named is not kept."""
    made = settings(tmp_path, SETTINGS, TOKENWARD_REDIS__URL=redis_url)
    store, whom = store_of(made, redis_of(made)), Subject(Scope.FAMILY, b"d" * 16)
    remember = remember_of(made, redis_of(made), lambda: 1_000)
    remember(Subject(Scope.DEVICE, b"e" * 16), Claims(iss=ISS, device="x"), 60_000)
    remember(whom, Claims(iss=ISS, sid="sid"), 60_000)

    assert Known(Identity(ISS, None, "sid")) == store.recall(whom, 2_000)
    client = connect(redis_url)
    assert [whom.digest.hex()] == [key.decode().rpartition(":")[2] for key in client.scan_iter()]
    client.close()


def test_a_courier_that_fails_ends_the_service() -> None:
    """A service that hears and tells nobody would look healthy."""

    class Broken:
        def run(self, _: threading.Event) -> None:
            raise RuntimeError("the courier")

    class Patient:
        def run(self, stop: threading.Event) -> None:
            assert stop.wait(10)

    with pytest.raises(RuntimeError, match="the courier"):
        Outward(Patient(), Broken()).run(threading.Event())  # type: ignore[arg-type]
