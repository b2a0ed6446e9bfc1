"""Ahead of every route: who asks, and may they."""

from api.access.principal import OPEN
from api.body import Scope


class Gate:
    """Puts the principal into each request."""

    def admit(self, scope: Scope) -> None:
        """Let a request pass."""
        scope.setdefault("state", {})["principal"] = OPEN
