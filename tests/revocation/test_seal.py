"""What is sealed opens for who has the key, at the place for which it was sealed, and not once it was altered."""

import pytest

from revocation.seal import Seal


def test_what_was_sealed_opens() -> None:
    """Closing the same again gives the same bytes, so that a record that is written again is the same record."""
    seal = Seal(b"a key")

    assert (b"ann", seal.close(b"ann", "here")) == (
        seal.open(seal.close(b"ann", "here"), "here"),
        seal.close(b"ann", "here"),
    )


@pytest.mark.parametrize(
    "opened",
    [
        lambda sealed: Seal(b"a key").open(sealed, "elsewhere"),
        lambda sealed: Seal(b"another").open(sealed, "here"),
        lambda sealed: Seal(b"a key").open(sealed[:-1] + bytes([sealed[-1] ^ 1]), "here"),
        lambda sealed: Seal(b"a key").open(sealed[:3], "here"),
        lambda _: Seal(b"a key").open(b"", "here"),
    ],
)
def test_nothing_else_opens(opened: object) -> None:
    """Another place, another key, an altered or cut text: there is no answer."""
    assert callable(opened)
    assert None is opened(Seal(b"a key").close(b"ann", "here"))


def test_a_key_can_be_changed() -> None:
    """The first key closes, the one before still opens what it has closed."""
    new = Seal(b"new", b"old")

    assert b"ann" == new.open(Seal(b"old").close(b"ann", "here"), "here")
    assert None is Seal(b"old").open(new.close(b"ann", "here"), "here")


def test_a_seal_needs_a_key() -> None:
    """Without one nothing is made."""
    with pytest.raises(ValueError, match="needs a key"):
        Seal()
