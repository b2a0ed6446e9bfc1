"""What a person may ask of the registry: who is refused, refuse somebody, let somebody pass again."""

from collections.abc import Sequence
from hashlib import blake2b
from ipaddress import ip_address, ip_network
from itertools import chain

import msgspec

from revocation.claims import CUTOFFS, PROBES, Answer, Claims, network_of
from revocation.record import DIGEST_BYTES, Change, Cursor, Position, Revocation, Scope, State, Subject, digester
from revocation.registry import Snapshot, Whole
from revocation.replica import Replica
from tokenward.faults import WrongUse

MANUAL = "manual"


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a person names: an issuer with one identity of it, or a digest as alerts and lists show it."""

    claims: Claims = Claims()
    scope: Scope | None = None
    digest: str | None = None


def subjects_of(claims: Claims, key: bytes) -> list[Subject]:
    """Everything that an entry which hits these claims could be about, the whole issuer first."""
    found = []
    for probe in PROBES:
        value = probe.value(claims)
        if value is not None and (claims.iss is not None or not probe.of_issuer):
            issuer = claims.iss if probe.of_issuer and claims.iss is not None else ""
            found.append(Subject(probe.scope, digester(key, probe.scope, issuer)(value)))
    return found


def subject_of(named: Named, key: bytes) -> Subject:
    """The one subject that is named.

    Raises:
        WrongUse: none is, or several.
    """
    if named.digest is not None and named.scope is not None:
        return Subject(named.scope, _digest(named.digest))
    subjects = [subject for subject in subjects_of(named.claims, key) if subject.scope is not Scope.ISSUER]
    if named.claims.ip is not None:
        # An address is checked by its network, too; who names an address means it alone.
        subjects = [subject for subject in subjects if subject.scope is not Scope.ORIGIN] + [
            _origin(named.claims.ip, key)
        ]
    if named.scope is Scope.ISSUER and named.claims.iss is not None and not subjects:
        return subjects_of(named.claims, key)[0]
    if len(subjects) != 1:
        raise WrongUse(
            "Name exactly one: --iss with --sid, --sub, --jti, --client-id, --device or --kid; --ip; --iss with "
            "--scope issuer; or --scope with --digest."
        )
    return subjects[0]


def check(registry: Whole, claims: Claims, key: bytes, now: int) -> Answer:
    """What a gateway would be answered about these claims now, asked of the registry itself."""
    entries = registry.find(subjects_of(claims, key), now)
    replica = Replica(key)
    replica.load(Snapshot(Cursor("", 0), iter([entry for entry in entries if entry is not None])))
    return replica.check(claims, now)


def revocation_of(subject: Subject, state: State, ttl_ms: int, reason: str, actor: str, now: int) -> Revocation:
    """A person's decision. It hits what was issued up to now, where the scope has a cut-off."""
    about = msgspec.json.encode([subject.scope, subject.digest.hex(), state, reason, actor, now])
    return Revocation(
        id=blake2b(about, digest_size=DIGEST_BYTES).hexdigest(),
        subject=subject,
        state=state,
        reasons=(reason,),
        decided_at=now,
        expires_at=now + ttl_ms,
        not_before=now if subject.scope in CUTOFFS else 0,
        actor=actor,
    )


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


def named_origin(text: str) -> str:
    """The address, or the network of the width that gateways look up, in the form in which they do.

    Raises:
        WrongUse: it is neither.
    """
    try:
        value = str(ip_address(text)) if "/" not in text else str(ip_network(text))
    except ValueError:
        raise WrongUse("--ip takes an address, or a network such as 203.0.113.0/24.") from None
    if "/" in value and network_of(value.partition("/")[0]) != value:
        raise WrongUse("A network has 24 bits of an IPv4 address, or 48 of an IPv6 address: what gateways look up.")
    return value


def _origin(text: str, key: bytes) -> Subject:
    return Subject(Scope.ORIGIN, digester(key, Scope.ORIGIN, "")(named_origin(text)))


def _digest(text: str) -> bytes:
    try:
        digest = bytes.fromhex(text)
    except ValueError:
        digest = b""
    if len(digest) != DIGEST_BYTES:
        raise WrongUse(f"A digest is {2 * DIGEST_BYTES} hexadecimal digits, as lists and alerts show it.")
    return digest
