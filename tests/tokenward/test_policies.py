"""The policy file: read, read again, refused."""

from pathlib import Path

import pytest

from tokenward.faults import Failure
from tokenward.policies import PolicyFile


def policy(path: Path | None) -> PolicyFile:
    """A policy file for no issuer."""
    return PolicyFile(path, [], b"k" * 32)


def test_without_a_file_the_defaults_hold() -> None:
    """No policy file is needed."""
    assert "enforce" == policy(None).rules().policy.mode


def test_a_changed_file_takes_effect(tmp_path: Path) -> None:
    """The next rules asked for are those of the new file; unchanged, they are the same object."""
    path = tmp_path / "policy.toml"
    path.write_text("quarantine_seconds = 600\n")
    file = policy(path)
    before = file.rules()
    path.write_text("quarantine_seconds = 1200\n")

    after = [file.rules(), file.rules()]

    assert 600 == before.policy.quarantine_seconds
    assert 1200 == after[0].policy.quarantine_seconds
    assert after[0] is after[1]


@pytest.mark.parametrize("content", [b"quarantine_seconds = 1\n", b"nope = 1\n", b"= \n", b"\xff\xfe"])
def test_a_bad_file_leaves_the_old_policy_and_shows(tmp_path: Path, content: bytes) -> None:
    """A file that is not accepted changes nothing, and `fault` says so until a good one comes."""
    path = tmp_path / "policy.toml"
    path.write_text('mode = "shadow"\n')
    file = policy(path)
    path.write_bytes(content)
    refused = (file.rules().policy.mode, file.fault is not None)
    path.write_text('mode = "enforce"  # again\n')

    mended = (file.rules().policy.mode, file.fault)

    assert ("shadow", True) == refused
    assert ("enforce", None) == mended


def test_a_file_that_goes_away_changes_nothing(tmp_path: Path) -> None:
    """In the middle of being replaced, the old policy holds."""
    path = tmp_path / "policy.toml"
    path.write_text('mode = "shadow"\n')
    file = policy(path)
    path.unlink()

    assert ("shadow", None) == (file.rules().policy.mode, file.fault)


@pytest.mark.parametrize(("content", "sentence"), [(None, "cannot be read: No such file"), ("nope = 1\n", "nope")])
def test_at_the_start_a_bad_file_is_a_failure(tmp_path: Path, content: str | None, sentence: str) -> None:
    """A service does not start with a policy that it cannot keep to."""
    path = tmp_path / "policy.toml"
    if content is not None:
        path.write_text(content)

    with pytest.raises(Failure, match=sentence):
        policy(path)
