"""Entries and subjects for the registry's tests, by name."""

from revocation.record import NEVER, Revocation, Scope, State, Subject, digester

KEY = b"a key of the tests, 32 bytes long"[:32]
ISS = "https://idp.example/realms/acme"


def subject(name: str = "ann", scope: Scope = Scope.FAMILY, iss: str = ISS) -> Subject:
    """The subject of an identifier of one issuer."""
    return Subject(scope, digester(KEY, scope, iss)(name))


def entry(
    about: Subject | None = None,
    state: State = State.REVOKED,
    *,
    id: str = "d1",  # noqa: A002 - the field's name
    decided_at: int = 1_000,
    expires_at: int = 100_000,
    not_before: int = 0,
    released_at: int = NEVER,
    reasons: tuple[str, ...] = ("reuse.theft_confirmed",),
    actor: str = "detector",
) -> Revocation:
    """A decision; by default a family revoked at second 1 until second 100."""
    return Revocation(
        id=id,
        subject=about or subject(),
        state=state,
        reasons=reasons,
        decided_at=decided_at,
        expires_at=expires_at,
        not_before=not_before,
        actor=actor,
        released_at=released_at,
    )
