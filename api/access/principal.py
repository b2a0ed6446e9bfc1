"""Who asks, and what they may: a frozen value that stands in each request from its first moment on."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Literal

import msgspec
from fastapi import Request

from revocation.record import Scope

Kind = Literal["token", "certificate", "key", "open"]


class Verb(StrEnum):
    """What somebody may do; a route asks for one of them (`api.access.rules`)."""

    #: Ask whether a token is good.
    CHECK = "check"
    #: Hold a whole replica: snapshot, changes, stream.
    FOLLOW = "follow"
    #: See entries, the audit trail, readiness and metrics.
    READ = "read"
    REVOKE = "revoke"
    RELEASE = "release"
    #: Confirm what another principal asked for.
    APPROVE = "approve"
    ADMINISTER = "administer"
    #: Ask for what a token says (RFC 7662).
    INTROSPECT = "introspect"
    #: Change SSF streams.
    SSF_MANAGE = "ssf_manage"
    #: Sign a person out everywhere (global token revocation), and nothing else.
    SIGN_OUT = "sign_out"
    #: Receive security events of a stream.
    SSF_READ = "ssf_read"
    #: Ask which addresses are condemned (CrowdSec's bouncers).
    DECISIONS = "decisions"


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """One caller. Nothing in here is secret, nor is it what the caller was recognised by."""

    #: Unique and printable; what the audit trail calls the actor.
    name: str
    kind: Kind
    verbs: frozenset[Verb] = frozenset()
    #: What it may revoke and release.
    scopes: frozenset[Scope] = frozenset()
    #: Whose identities it may look up and act on; None: everybody's.
    issuers: frozenset[str] | None = frozenset()
    #: The OAuth clients that it is: whose tokens it may give up (RFC 7009).
    clients: frozenset[str] = frozenset()

    @property
    def everywhere(self) -> bool:
        """Whether no tenant is closed to it: what names no issuer is for these only."""
        return self.issuers is None

    def may(self, verb: Verb) -> bool:
        """Whether it may do that at all."""
        return verb in self.verbs

    def sees(self, iss: str | None) -> bool:
        """Whether it may know of the issuer's identities; None: of an identity whose issuer nobody can tell."""
        return self.issuers is None or (iss is not None and iss in self.issuers)

    def may_touch(self, scope: Scope, iss: str | None) -> bool:
        """Whether it may revoke or release such an entry of the issuer; None: the entry is known by its digest only.

        An address belongs to no issuer: whoever may condemn one hits the people of all.
        """
        return scope in self.scopes and self.sees(None if scope is Scope.ORIGIN else iss)


OPEN = Principal(name="open", kind="open", verbs=frozenset(Verb), scopes=frozenset(Scope), issuers=None)
"""Everybody, where `access.mode` is `open`."""


def principal_of(scope: Mapping[str, Any]) -> Principal:
    """Who asks, of an ASGI scope that has come through the gate; a KeyError where it has not."""
    found: Principal = scope["state"]["principal"]
    return found


async def principal(request: Request) -> Principal:
    """Who asks, for FastAPI: `Annotated[Principal, Depends(principal)]`."""
    return principal_of(request.scope)
