"""What is kept of a decision by hand besides its entry: the name of an address, where bouncers ask for it."""

from collections.abc import Callable

from revocation.claims import Claims
from revocation.names import Name, Names, Sealer
from revocation.naming import origin_of
from revocation.record import Subject

Remember = Callable[[Subject, Claims, int], None]
"""Told whose digest it is that will be refused, and for how long that is of use, milliseconds."""


def naming_addresses(
    remember: Remember, names: Names | None, sealer: Sealer | None, clock: Callable[[], int]
) -> Remember:
    """The same as `remember`, which also leaves the sealed name of an address before it is refused."""
    if names is None or sealer is None:
        return remember

    def both(subject: Subject, claims: Claims, span_ms: int) -> None:
        remember(subject, claims, span_ms)
        if claims.ip is not None:
            now = clock()
            names.put({subject.digest: Name(sealer.seal(origin_of(claims.ip)), now + span_ms)}, now)

    return both
