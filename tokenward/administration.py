"""What a person may ask of the registry: who is refused, refuse somebody, let somebody pass again."""

from collections.abc import Sequence
from itertools import chain

from revocation import naming
from revocation.claims import Answer, Claims
from revocation.naming import Misnamed, Named, subjects_of
from revocation.record import DIGEST_BYTES, Change, Cursor, Position, Revocation, State, Subject
from revocation.registry import Snapshot, Whole
from revocation.replica import Replica
from tokenward.faults import WrongUse

MANUAL = "manual"

_FAULTS = {
    "one": "Name exactly one: --iss with --sid, --sub, --jti, --client-id, --device or --kid; --ip; --iss with --scope "
    "issuer; or --scope with --digest.",
    "address": "--ip takes an address, or a network such as 203.0.113.0/24.",
    "network": "A network has 24 bits of an IPv4 address, or 48 of an IPv6 address: what gateways look up.",
    "digest": f"A digest is {2 * DIGEST_BYTES} hexadecimal digits, as lists and alerts show it.",
}


def subject_of(named: Named, key: bytes) -> Subject:
    """The one subject that is named.

    Raises:
        WrongUse: none is, or several.
    """
    try:
        return naming.subject_of(named, key)
    except Misnamed as error:
        raise WrongUse(_FAULTS[error.fault]) from None


def check(registry: Whole, claims: Claims, key: bytes, now: int) -> Answer:
    """What a gateway would be answered about these claims now, asked of the registry itself."""
    entries = registry.find(subjects_of(claims, key), now)
    replica = Replica(key)
    replica.load(Snapshot(Cursor("", 0), iter([entry for entry in entries if entry is not None])))
    return replica.check(claims, now)


def live_entries(registry: Whole, now: int, limit: int) -> tuple[Position, int, list[Revocation]]:
    """The registry's position, how many live entries it has, and the first `limit` of them."""
    snapshots = [shard.snapshot() for shard in registry.shards]
    live = 0
    first: list[Revocation] = []
    for entry in chain.from_iterable(snapshot.entries for snapshot in snapshots):
        if entry.state is not State.RELEASED and entry.expires_at > now:
            live += 1
            if len(first) < limit:
                first.append(entry)
    return Position(tuple(snapshot.cursor for snapshot in snapshots)), live, first


def changed(changes: Sequence[Change], subject: Subject) -> Revocation | None:
    """The subject's entry among what the registry answered; None: it has none."""
    return next((change.entry for change in changes if change.entry.subject == subject), None)
