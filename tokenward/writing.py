"""Wiring of the write API: by what the API changes the registry, and whom it tells."""

from collections.abc import Callable, Sequence

from api.access.principal import Principal
from api.access.rules import Rule
from api.registrar import Registrar
from api.writes.terms import Terms
from api.writes.whole import Writes
from revocation.audit import Event, Trail
from revocation.claims import Claims
from revocation.followers import Followers
from revocation.pending import Pending
from revocation.record import Change, Scope, Subject
from revocation.registry import Whole
from tokenward.policies import PolicyFile
from tokenward.settings import Settings

FOLLOWED_SECONDS = 1.0
"""How long the answer to a change waits for this process's own replica; usually that takes milliseconds."""


def terms_of(settings: Settings, policy: PolicyFile) -> Terms:
    """For how long decisions by hand stand, by the policy as it is now."""
    spans = policy.rules().policy
    lives = {iss: section.access_token_ttl for iss, section in settings.issuers.items()}
    return Terms(spans.revoke_seconds, spans.quarantine_seconds, lives)


def writes_of(
    settings: Settings,
    *,
    registry: Whole,
    followers: Followers,
    trail: Trail,
    pending: Pending,
    policy: PolicyFile,
    tell: Callable[[Sequence[Change]], None],
    clock: Callable[[], int],
    remember: Callable[[Subject, Claims, int], None] = lambda _subject, _claims, _ms: None,
) -> Writes:
    """What the write API is made of. Where everybody is the same one, there is no second person to approve."""
    access = settings.access
    alone = access.mode == "open"
    registrar = Registrar(
        registry,
        trail,
        tell,
        clock,
        settings.key,
        lambda changes: followers.wait_for(changes, FOLLOWED_SECONDS),
        approval_scopes=() if alone else [Scope(scope) for scope in access.approval_scopes],
    )
    return Writes(
        registrar=registrar,
        pending=pending,
        terms=lambda: terms_of(settings, policy),
        approval_ms=access.approval_s * 1000,
        approval_lines=0 if alone else access.approval_bulk,
        remember=remember,
    )


def refusals_to(trail: Trail, clock: Callable[[], int]) -> Callable[[Principal | None, Rule, str], None]:
    """Writes refused attempts to the trail."""

    def refused(by: Principal | None, rule: Rule, reason: str) -> None:
        details = {"route": f"{rule.method} {rule.path}", "why": reason}
        actor = "somebody" if by is None else by.name
        trail.write([Event(at=clock(), actor=actor, via="api", action="refused", details=details)])

    return refused
