"""The Lua scripts in Redis, of the registry and of what others are told: what they are made of, how they are called."""

from collections.abc import Sequence
from functools import cache
from hashlib import sha1
from importlib.resources import files
from typing import Any

from redis.exceptions import NoScriptError

from revocation.connections import Client

SCRIPTS: dict[str, tuple[str, ...]] = {
    "apply": ("history", "entry", "apply"),
    "release": ("history", "entry", "release"),
    "expire": ("history", "entry", "expire"),
    "changes": ("changes",),
    "pending": ("pending",),
    "place": ("history", "place"),
    "rights": ("rights",),
    "ssf_put": ("ssf_put",),
    "ssf_lend": ("ssf_lend",),
    "ssf_done": ("ssf_done",),
    "ssf_change": ("ssf_change",),
    "ssf_hold": ("ssf_hold",),
    "seen": ("seen",),
    "head": ("head",),
    "name": ("name",),
}
"""The scripts, and the files in `lua/` that each is made of."""


class Script:
    """A Lua script, sent by its digest; a Redis that does not know it, as after a failover, is given the text."""

    def __init__(self, *names: str) -> None:
        self._text = "".join(files("revocation").joinpath("lua", f"{name}.lua").read_text("utf-8") for name in names)
        self._digest = sha1(self._text.encode(), usedforsecurity=False).hexdigest()

    def __call__(self, client: Client, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
        """What it answers; all keys are of one slot."""
        try:
            return client.evalsha(self._digest, len(keys), *keys, *arguments)
        except NoScriptError:
            return client.eval(self._text, len(keys), *keys, *arguments)


@cache
def script(name: str) -> Script:
    """The script of that name in `SCRIPTS`."""
    return Script(*SCRIPTS[name])
