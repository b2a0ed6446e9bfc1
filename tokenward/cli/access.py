"""The command that makes a key."""

from hashlib import sha256
from secrets import token_urlsafe

from api.access.access import KEY_PREFIX
from tokenward.cli.common import JsonOption, print_json, print_line

KEY_BYTES = 32


def key(*, json: JsonOption = False) -> None:
    """Make a key for a caller of the API; it is shown this once, and only its digest is kept, in the settings."""
    made = KEY_PREFIX.decode() + token_urlsafe(KEY_BYTES)
    digest = sha256(made.encode()).hexdigest()
    if json:
        print_json({"key": made, "sha256": digest})
        return
    print_line(f"key:    {made}")
    print_line(f"sha256: {digest}")
    print_line("Give the key to its owner; add { sha256 = ... } to keys of [principals.NAME] (docs/access.md).")
