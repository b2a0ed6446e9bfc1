"""The commands about the registry: check, list, revoke, release, status, rebuild."""

from contextlib import closing
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from ingest.instant import rfc3339
from revocation.claims import Claims
from revocation.feed import Entry, public
from revocation.naming import Named, decision_of
from revocation.record import Revocation, Scope, State
from tokenward import administration, audited, changelog
from tokenward.administration import MANUAL
from tokenward.cli.common import ConfigOption, JsonOption, print_json, print_line, safe, user
from tokenward.faults import Failure, WrongUse
from tokenward.settings import Settings, read_settings
from tokenward.wiring import clock, policy_of, registry_of, trail_of

Iss = Annotated[str | None, typer.Option(help="Issuer, exactly as in the token.")]
Sub = Annotated[str | None, typer.Option(help="Subject.")]
Sid = Annotated[str | None, typer.Option(help="Session, i.e. token family.")]
Jti = Annotated[str | None, typer.Option(help="Access token id.")]
ClientId = Annotated[str | None, typer.Option("--client-id", help="Client.")]
Device = Annotated[str | None, typer.Option(help="Device id, or the thumbprint in cnf.jkt.")]
Kid = Annotated[str | None, typer.Option(help="Signing key.")]
Ip = Annotated[str | None, typer.Option(help="Address.")]
ScopeOption = Annotated[Scope | None, typer.Option(help="What the digest is of.")]
Digest = Annotated[str | None, typer.Option(help="Digest as lists and alerts show it, instead of an identity.")]
Actor = Annotated[str | None, typer.Option(help="Who decides this (default: the user's name).", show_default=False)]
CLI = audited.CLI
Topic = Annotated[bool, typer.Option("--topic/--no-topic", help="Tell the topic refresh.revocations too.")]


def check(
    *,
    iss: Iss = None,
    sub: Sub = None,
    sid: Sid = None,
    jti: Jti = None,
    iat: Annotated[int | None, typer.Option(help="Issued at, seconds.")] = None,
    auth_time: Annotated[int | None, typer.Option("--auth-time", help="Signed in at, seconds.")] = None,
    client_id: ClientId = None,
    device: Device = None,
    kid: Kid = None,
    ip: Ip = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Say what a gateway is answered about a token with these claims."""
    claims = Claims(
        iss=iss,
        sub=sub,
        sid=sid,
        jti=jti,
        iat=iat,
        auth_time=auth_time,
        client_id=client_id,
        device=device,
        kid=kid,
        ip=ip,
    )
    if iss is None and ip is None:
        raise WrongUse("Say whose token it is: --iss with --sid, --sub or --jti, or --ip.")
    settings = read_settings(config)
    answer = administration.check(registry_of(settings), claims, settings.key, clock())
    told = {"decision": answer.decision, "state": answer.state, "scope": answer.scope, "reason": answer.reason}
    if json:
        print_json({name: value for name, value in {**told, "until": answer.until}.items() if value is not None})
    else:
        why = f" by its {answer.scope.value}: {answer.reason}" if answer.scope is not None else ""
        until = f", until {rfc3339(answer.until)}" if answer.until is not None else ""
        print_line(f"{answer.decision} ({answer.state}{why}{until})")


def list_(
    *,
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="Most entries shown.")] = 100,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Show who is refused now."""
    now = clock()
    _, live, entries = administration.live_entries(registry_of(read_settings(config)), now, limit)
    if json:
        for entry in entries:
            print_json(_shown(entry))
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("scope", "digest", "state", "reasons", "decided", "ends", "by"):
        table.add_column(title, overflow="fold")
    for entry in entries:
        reasons, actor = safe(", ".join(entry.reasons)), safe(entry.actor)
        times = (rfc3339(entry.decided_at), rfc3339(entry.expires_at))
        table.add_row(entry.subject.scope.value, entry.subject.digest.hex(), entry.state.slug, reasons, *times, actor)
    Console().print(table)
    print_line(f"{live} entries" + (f", {limit} shown; --limit shows more." if live > limit else "."))


def revoke(
    *,
    iss: Iss = None,
    sub: Sub = None,
    sid: Sid = None,
    jti: Jti = None,
    client_id: ClientId = None,
    device: Device = None,
    kid: Kid = None,
    ip: Ip = None,
    scope: ScopeOption = None,
    digest: Digest = None,
    quarantine: Annotated[bool, typer.Option("--quarantine", help="Ask for a new login only.")] = False,
    ttl: Annotated[int | None, typer.Option(min=1, help="How long, seconds (default: the policy's).")] = None,
    reason: Annotated[str, typer.Option(help="Why: a word.")] = MANUAL,
    actor: Actor = None,
    topic: Topic = True,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Refuse somebody from now on."""
    settings = read_settings(config)
    claims = Claims(iss=iss, sub=sub, sid=sid, jti=jti, client_id=client_id, device=device, kid=kid, ip=ip)
    subject = administration.subject_of(Named(claims=claims, scope=scope, digest=digest), settings.key)
    state = State.QUARANTINED if quarantine else State.REVOKED
    ttl_ms = (_ttl(settings, iss, state) if ttl is None else ttl) * 1000
    now = clock()
    decided = decision_of(subject, state, ttl_ms, reason, actor or user(), now)
    with closing(trail_of(settings, CLI)) as trail:
        changes = audited.apply(registry_of(settings), trail, decided, now, reason)
    _tell(administration.changed(changes, subject), json=json)
    if topic:
        changelog.tell(settings, changes)


def release(
    *,
    iss: Iss = None,
    sub: Sub = None,
    sid: Sid = None,
    jti: Jti = None,
    client_id: ClientId = None,
    device: Device = None,
    kid: Kid = None,
    ip: Ip = None,
    scope: ScopeOption = None,
    digest: Digest = None,
    actor: Actor = None,
    topic: Topic = True,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Let somebody pass again; what was decided so far does not come back."""
    settings = read_settings(config)
    claims = Claims(iss=iss, sub=sub, sid=sid, jti=jti, client_id=client_id, device=device, kid=kid, ip=ip)
    subject = administration.subject_of(Named(claims=claims, scope=scope, digest=digest), settings.key)
    with closing(trail_of(settings, CLI)) as trail:
        changes = audited.release(registry_of(settings), trail, subject, clock(), actor or user())
    if not changes:
        raise Failure("Nobody refuses that: there is no entry to release.")
    _tell(administration.changed(changes, subject), json=json)
    if topic:
        changelog.tell(settings, changes)


def status(*, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Say how the registry is: its place, and what it holds."""
    now = clock()
    position, live, _ = administration.live_entries(registry_of(read_settings(config)), now, 0)
    if json:
        print_json({"epoch": position.epoch, "seq": position.seq, "entries": live})
    else:
        print_line(f"{live} entries refuse somebody; epoch {position.epoch}, change {position.seq}.")


def rebuild(*, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Fill an empty Redis from the topic refresh.revocations; what is there already stays, merged."""
    settings = read_settings(config)
    with closing(trail_of(settings, CLI)) as trail:
        audited.rebuild(trail, settings.topics.revocations, clock(), user())
    rebuilt = changelog.rebuild(settings, registry_of(settings), clock())
    if json:
        print_json(rebuilt)
    else:
        print_line(
            f"{rebuilt.read} changes read: {rebuilt.applied} applied, {rebuilt.ended} had ended, "
            f"{rebuilt.unreadable} could not be read."
        )


def _tell(entry: Revocation | None, *, json: bool) -> None:
    if entry is None:
        raise Failure("The registry did not take it: it would have ended already.")
    if json:
        print_json(_shown(entry))
    else:
        about = f"{entry.subject.scope.value} {entry.subject.digest.hex()}"
        print_line(f"{about} is {entry.state.slug}, until {rfc3339(entry.expires_at)}.")


def _shown(entry: Revocation) -> Entry:
    return public(entry, with_actor=True)


def _ttl(settings: Settings, iss: str | None, state: State) -> int:
    """Seconds: the policy's, and never less than an access token of the issuer lives."""
    policy = policy_of(settings).rules().policy
    if state is State.QUARANTINED:
        return policy.quarantine_seconds
    lives = settings.issuers[iss].access_token_ttl if iss in settings.issuers else 0
    return max(policy.revoke_seconds, lives)
