"""For how long a decision by hand stands."""

from collections.abc import Mapping
from typing import NamedTuple

from revocation.record import State

LONGEST_S = 30 * 86_400
"""What the policy's own spans end at."""


class Terms(NamedTuple):
    """The policy's spans, and how long the access tokens of each issuer live, seconds."""

    revoke_s: int = 86_400
    quarantine_s: int = 900
    lives: Mapping[str, int] = {}

    def span_ms(self, asked_s: int | None, state: State, iss: str | None) -> int:
        """How long the decision stands: never shorter than a token that it hits may live.

        Of whom only a digest is known (`iss` is None) the tokens may be those of any issuer.
        """
        usual = self.quarantine_s if state is State.QUARANTINED else self.revoke_s
        # A quarantine ends with a new login, and by itself soon: the policy's span is what people are promised.
        least = 0 if state is State.QUARANTINED else self._life(iss)
        return max(usual if asked_s is None else asked_s, least) * 1000

    def _life(self, iss: str | None) -> int:
        return max(self.lives.values(), default=0) if iss is None else self.lives.get(iss, 0)
