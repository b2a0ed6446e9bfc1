"""Signing keys rotate: published before they sign, and as long as anything they signed is under way."""

import stat
from pathlib import Path

import jwt
import pytest
from joserfc import jwt as jose
from joserfc.jwk import KeySet

from ingest.outward.keys import KeysUnusable, Plan, Rotation, SigningKeys, plan

ROTATION = Rotation(every_s=100, ahead_s=10, kept_s=50)


@pytest.mark.parametrize(
    ("made", "now", "expected"),
    [
        ([], 0, Plan(None, due=True, over=())),
        ([0], 0, Plan(0, due=False, over=())),
        ([0], 99, Plan(0, due=False, over=())),
        ([0], 100, Plan(0, due=True, over=())),
        ([0, 100], 109, Plan(0, due=False, over=())),
        ([0, 100], 110, Plan(100, due=False, over=())),
        ([0, 100], 159, Plan(100, due=False, over=())),
        ([0, 100], 160, Plan(100, due=False, over=(0,))),
        ([0, 100], 205, Plan(100, due=True, over=(0,))),
    ],
)
def test_what_is_due_follows_from_when_keys_were_made(made: list[int], now: int, expected: Plan) -> None:
    """The first signs at once, each other one after having been shown; the one before stays for a while."""
    assert expected == plan(made, now, ROTATION)


def test_a_signature_is_verified_with_what_was_shown(tmp_path: Path) -> None:
    """By PyJWT and by joserfc, with the type that the SET must have."""
    keys = SigningKeys(tmp_path / "keys", ROTATION)
    shown = list(keys.turn(0).values())
    token = keys.sign({"iss": "https://t", "events": {}}, "secevent+jwt")
    by_pyjwt = jwt.decode(token, jwt.PyJWK(shown[0]), algorithms=["RS256"])
    by_joserfc = jose.decode(token, KeySet.import_key_set({"keys": shown}), algorithms=["RS256"])

    assert {"iss": "https://t", "events": {}} == by_pyjwt == by_joserfc.claims
    assert ("secevent+jwt", shown[0]["kid"]) == (by_joserfc.header["typ"], by_joserfc.header["kid"])
    assert set() == shown[0].keys() & {"d", "p", "q"}


def test_keys_rotate_and_survive_a_restart(tmp_path: Path) -> None:
    """A new process signs with the key of the one before, and the next key is shown before it signs."""
    first, later = SigningKeys(tmp_path, ROTATION), SigningKeys(tmp_path, ROTATION)
    (old,) = first.turn(0)
    shown = later.turn(100_000)
    signing = [jwt.get_unverified_header(later.sign({}, "x"))["kid"]]
    later.turn(110_000)
    signing.append(jwt.get_unverified_header(later.sign({}, "x"))["kid"])
    after = later.turn(160_000)

    assert ([old, *(shown.keys() - {old})], {old}) == (signing, shown.keys() - after.keys())
    assert [0o600] == [stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()]


def test_keys_that_others_can_read_are_refused(tmp_path: Path) -> None:
    """Whoever else could read it could sign in our name."""
    SigningKeys(tmp_path, ROTATION).turn(0)
    (path,) = tmp_path.iterdir()
    path.chmod(0o644)

    with pytest.raises(KeysUnusable, match="read by others"):
        SigningKeys(tmp_path, ROTATION).turn(0)


def test_what_is_no_key_is_refused(tmp_path: Path) -> None:
    """A sentence instead of a signature that nobody can verify."""
    path = tmp_path / "0-abc.pem"
    path.touch(0o600)

    with pytest.raises(KeysUnusable, match="is no RSA key"):
        SigningKeys(tmp_path, ROTATION).turn(0)


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    """It is in the way of a file."""
    (tmp_path / "keys").touch()

    with pytest.raises(KeysUnusable, match="cannot be used"):
        SigningKeys(tmp_path / "keys", ROTATION).turn(0)


def test_nothing_is_signed_without_a_key(tmp_path: Path) -> None:
    """Before the first look at the folder there is none."""
    with pytest.raises(KeysUnusable, match="no signing key"):
        SigningKeys(tmp_path, ROTATION).sign({}, "x")
