"""Whom a person or another system names: identities become the registry's subjects, and a wish a decision. PURE."""

from hashlib import blake2b
from ipaddress import ip_address, ip_network

import msgspec

from revocation.claims import CUTOFFS, PROBES, Claims, network_of
from revocation.record import DIGEST_BYTES, Revocation, Scope, State, Subject, digester


class Misnamed(ValueError):  # noqa: N818 - named after what is wrong
    """Nobody can be told from what was given.

    `fault` says why: `one` (none was named, or several), `address`, `network` (not of the width that gateways look
    up), or `digest`.
    """

    def __init__(self, fault: str) -> None:
        super().__init__(fault)
        self.fault = fault


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """An issuer with one identity of it, an address, a whole issuer, or a digest as alerts and lists show it."""

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
        Misnamed: none is, or several.
    """
    claims = named.claims
    if named.digest is not None:
        if named.scope is None or claims != Claims():
            raise Misnamed("one")
        return Subject(named.scope, _digest(named.digest))
    subjects = [subject for subject in subjects_of(claims, key) if subject.scope not in {Scope.ISSUER, Scope.ORIGIN}]
    if claims.ip is not None:
        # An address is checked by its network, too; who names an address means it alone.
        subjects.append(_origin(claims.ip, key))
    if named.scope is Scope.ISSUER and claims.iss is not None and not subjects:
        return subjects_of(claims, key)[0]
    if len(subjects) != 1 or named.scope not in {None, subjects[0].scope}:
        raise Misnamed("one")
    return subjects[0]


def decision_of(
    subject: Subject, state: State, ttl_ms: int, reason: str, actor: str, now: int, not_before: int | None = None
) -> Revocation:
    """A decision made by hand. It hits what was issued up to `not_before` (None: now), if its scope has a cut-off."""
    about = msgspec.json.encode([subject.scope, subject.digest.hex(), state, reason, actor, now])
    cut = now if not_before is None else not_before
    return Revocation(
        id=blake2b(about, digest_size=DIGEST_BYTES).hexdigest(),
        subject=subject,
        state=state,
        reasons=(reason,),
        decided_at=now,
        expires_at=now + ttl_ms,
        not_before=cut if subject.scope in CUTOFFS else 0,
        actor=actor,
    )


def _origin(text: str, key: bytes) -> Subject:
    """The address, or the network of the width that gateways look up, in the form in which they do."""
    try:
        value = str(ip_address(text)) if "/" not in text else str(ip_network(text))
    except ValueError:
        raise Misnamed("address") from None
    if "/" in value and network_of(value.partition("/")[0]) != value:
        raise Misnamed("network")
    return Subject(Scope.ORIGIN, digester(key, Scope.ORIGIN, "")(value))


def _digest(text: str) -> bytes:
    try:
        digest = bytes.fromhex(text)
    except ValueError:
        digest = b""
    if len(digest) != DIGEST_BYTES:
        raise Misnamed("digest")
    return digest
