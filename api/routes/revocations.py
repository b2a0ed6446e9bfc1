"""`GET /v1/revocations/entries`: what is refused now."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from api import examples
from api.access.principal import Principal, principal
from api.openapi import refusals
from api.problems import BAD_REQUEST, BUSY, FORBIDDEN, NOT_READY, REGISTRY_UNAVAILABLE, Refused
from api.schemas import PAGE_ENTRIES, EntryPage, ScopeSlug, StateSlug
from api.view import Filter, RegistryView
from api.writes.shown import entry_shown
from revocation.record import DIGEST_BYTES, Revocation, Scope, State

IDENTIFIER_CHARS = 1024

Identifier = Annotated[str | None, Query(min_length=1, max_length=IDENTIFIER_CHARS)]


def revocation_routes(view: RegistryView) -> APIRouter:
    """The list of entries."""
    router = APIRouter(tags=["revocations"])

    @router.get(
        "/v1/revocations/entries",
        summary="The live entries",
        response_model_exclude_none=True,
        responses={
            200: {"content": {"application/json": {"example": examples.PAGE}}},
            **refusals(BAD_REQUEST, NOT_READY, BUSY, REGISTRY_UNAVAILABLE),
        },
    )
    async def revocations(  # noqa: PLR0917 - FastAPI passes query parameters by name
        response: Response,
        by: Annotated[Principal, Depends(principal)],
        scope: ScopeSlug | None = None,
        state: StateSlug | None = None,
        reason: Annotated[str | None, Query(max_length=64, description="One of the entry's reasons.")] = None,
        iss: Identifier = None,
        sub: Identifier = None,
        sid: Identifier = None,
        jti: Identifier = None,
        limit: Annotated[int, Query(ge=1, le=PAGE_ENTRIES)] = 100,
        cursor: Annotated[str | None, Query(max_length=64, description="The `next` of the page before.")] = None,
    ) -> EntryPage:
        """All of them, page by page and in no meaningful order, or those of one identity.

        An identity is `iss` with any of `sub`, `sid`, `jti`; it is digested here, asked of the registry itself, and
        never answered. Pages come from this process's replica. A caller of some issuers asks for identities of theirs;
        a digest tells no issuer, so pages are for callers of all.
        """
        response.headers["Cache-Control"] = "no-store"
        if not by.sees(iss):
            raise Refused(FORBIDDEN)
        registry = view.state()
        wanted = Filter(scope and Scope(scope), state and State[state.upper()], reason)
        identities = {
            kind: value
            for kind, value in ((Scope.SUBJECT, sub), (Scope.FAMILY, sid), (Scope.TOKEN, jti))
            if value is not None
        }
        if iss is None and not identities:
            found = await view.page(wanted, _after(cursor), limit + 1)
            shown, following = found[:limit], _cursor(found[limit - 1]) if len(found) > limit else None
        elif iss is not None and identities and cursor is None:
            found = await view.of_identity(iss, identities)
            shown, following = [entry for entry in found if wanted.fits(entry)], None
        else:
            raise Refused(BAD_REQUEST, errors=[{"detail": "An identity is iss with any of sub, sid, jti; no cursor."}])
        return EntryPage(registry=registry, entries=[entry_shown(entry) for entry in shown], next=following)

    return router


def _after(cursor: str | None) -> bytes:
    """The digest after which a page begins."""
    if cursor is None:
        return b""
    try:
        digest = urlsafe_b64decode(cursor + "==")
    except (Base64Error, ValueError):
        digest = b""
    if len(digest) != DIGEST_BYTES:
        raise Refused(BAD_REQUEST, errors=[{"detail": "Not a valid value.", "parameter": "cursor"}])
    return digest


def _cursor(last: Revocation) -> str:
    """The cursor of the page after `last`."""
    return urlsafe_b64encode(last.subject.digest).rstrip(b"=").decode()
