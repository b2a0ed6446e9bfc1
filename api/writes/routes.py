"""The routes of the write API."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from api.access.principal import Principal, principal
from api.openapi import refusals
from api.problems import BAD_REQUEST, FORBIDDEN, REGISTRY_UNAVAILABLE, TOO_LARGE, Refused
from api.registrar import REASON
from api.schemas import Entry, ScopeSlug
from api.writes import examples
from api.writes.asked import (
    COMMENT_CHARS,
    ApprovalShown,
    ApprovalsShown,
    ReleaseAsked,
    RevocationAsked,
    Why,
)
from api.writes.desk import Desk
from api.writes.once import Answered, Once
from api.writes.problems import (
    CHANGED,
    DECIDED,
    NO_ENTRY,
    NOT_WAITING,
    OTHER_PAYLOAD,
    RUNNING,
    SAME_PERSON,
    TOO_MANY_WAIT,
    TRAIL_UNAVAILABLE,
    spoken,
)
from api.writes.shown import approval_answer, approval_shown
from revocation.record import Scope, Subject

By = Annotated[Principal, Depends(principal)]
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key", max_length=300, description="Sent again with it, a request is done once; a day long."
    ),
]
IfMatch = Annotated[
    str | None, Header(alias="If-Match", max_length=100, description="Only as long as its `ETag` is this one.")
]
Digest = Annotated[str, Path(pattern="^[0-9a-fA-F]{32}$", description="As entries and alerts show it.")]
Id = Annotated[str, Path(pattern="^[0-9a-f]{32}$")]
ReasonAsked = Annotated[str, Query(pattern=f"^{REASON.pattern}$", description="Why: one word.")]
CommentAsked = Annotated[str, Query(max_length=COMMENT_CHARS, description="For the audit trail only.")]

_ALWAYS = (BAD_REQUEST, FORBIDDEN, REGISTRY_UNAVAILABLE, TRAIL_UNAVAILABLE)
_ONCE = (*_ALWAYS, TOO_LARGE, RUNNING, OTHER_PAYLOAD, TOO_MANY_WAIT)


def write_routes(desk: Desk, once: Once) -> APIRouter:
    """Revoke, release, and what waits for a second person."""
    router = APIRouter()
    _add_revocations(router, desk, once)
    _add_approvals(router, desk)
    return router


def response_of(answer: Answered) -> Response:
    """What is sent."""
    return Response(answer.body, answer.status, dict(answer.headers))


def asked_of(request: Request, body: bytes) -> bytes:
    """What tells one request from another: method, path and body."""
    return b"\0".join((request.method.encode(), str(request.url.path).encode(), body))


def _add_revocations(router: APIRouter, desk: Desk, once: Once) -> None:
    tags: list[Any] = ["revocations"]

    @router.post(
        "/v1/revocations",
        tags=tags,
        summary="Refuse somebody from now on",
        status_code=201,
        response_model=Entry,
        responses={
            201: described("A new entry.", examples.ENTRY),
            200: {"model": Entry, **described("There was one already; it stands as shown.", examples.ENTRY)},
            202: {"model": ApprovalShown, **described("It waits for a second person.", examples.APPROVAL)},
            **refusals(*_ONCE),
        },
        openapi_extra=example_of(examples.REVOCATIONS),
    )
    async def revoke(request: Request, asked: RevocationAsked, by: By, key: Key = None) -> Response:
        """By an identity, which is digested here and never kept.

        An entry that stands already is merged with the decision: its state never weakens and its expiry never comes
        earlier. So the answer, not the question, says how it stands.
        """
        return response_of(
            await run_in_threadpool(
                once.answer, by.name, key, asked_of(request, await request.body()), lambda: desk.revoke(by, asked)
            )
        )

    @router.post(
        "/v1/revocations/release",
        tags=tags,
        summary="Let somebody pass again",
        status_code=204,
        response_model=None,
        responses={
            204: {"description": "Nobody refuses that any more."},
            202: {"model": ApprovalShown, **described("It waits for a second person.", examples.APPROVAL)},
            **refusals(NO_ENTRY, *_ONCE),
        },
        openapi_extra=example_of(examples.RELEASES),
    )
    async def release(request: Request, asked: ReleaseAsked, by: By, key: Key = None) -> Response:
        """By an identity. What was decided so far does not come back; later decisions count."""
        return response_of(
            await run_in_threadpool(
                once.answer, by.name, key, asked_of(request, await request.body()), lambda: desk.release(by, asked)
            )
        )

    @router.get(
        "/v1/revocations/{scope}/{digest}",
        tags=tags,
        summary="One entry",
        response_model=Entry,
        responses={
            200: described("The entry, with its `ETag`.", examples.ENTRY),
            **refusals(BAD_REQUEST, FORBIDDEN, NO_ENTRY, REGISTRY_UNAVAILABLE),
        },
    )
    async def read_entry(scope: ScopeSlug, digest: Digest, by: By) -> Response:
        """As the registry itself has it. A digest tells no issuer, so this is for callers of all."""
        if not by.everywhere:
            raise Refused(FORBIDDEN)
        with spoken():
            return response_of(await run_in_threadpool(desk.entry, _subject(scope, digest)))

    @router.delete(
        "/v1/revocations/{scope}/{digest}",
        tags=tags,
        summary="Release one entry",
        status_code=204,
        response_model=None,
        responses={
            204: {"description": "Nobody refuses that any more."},
            202: {"model": ApprovalShown, **described("It waits for a second person.", examples.APPROVAL)},
            **refusals(NO_ENTRY, CHANGED, TOO_MANY_WAIT, *_ALWAYS),
        },
    )
    async def delete_entry(
        scope: ScopeSlug,
        digest: Digest,
        by: By,
        reason: ReasonAsked,
        comment: CommentAsked = "",
        if_match: IfMatch = None,
    ) -> Response:
        """As lists and alerts show it; for callers of all. With `If-Match` only if it is still as it was read."""
        with spoken():
            subject = _subject(scope, digest)
            return response_of(await run_in_threadpool(desk.release_entry, by, subject, reason, comment, if_match))


def _add_approvals(router: APIRouter, desk: Desk) -> None:
    tags: list[Any] = ["approvals"]
    approvals = desk.approvals
    shown = {
        200: described("As it is now.", examples.APPROVAL),
        **refusals(NOT_WAITING, SAME_PERSON, DECIDED, CHANGED, *_ALWAYS),
    }

    @router.get(
        "/v1/approvals",
        tags=tags,
        summary="What waits for a second person",
        response_model_exclude_none=True,
        responses={
            200: described("The newest first.", {"approvals": [examples.APPROVAL]}),
            **refusals(FORBIDDEN, REGISTRY_UNAVAILABLE),
        },
    )
    async def list_approvals(by: By, response: Response) -> ApprovalsShown:
        """Also what was decided lately; of other tenants nothing."""
        response.headers["Cache-Control"] = "no-store"
        with spoken():
            seen = await run_in_threadpool(approvals.every, by)
        return ApprovalsShown(approvals=[approval_shown(one) for one in seen])

    @router.get(
        "/v1/approvals/{approval}",
        tags=tags,
        summary="One that waits",
        response_model=ApprovalShown,
        responses={
            200: described("As it is now, with its `ETag`.", examples.APPROVAL),
            **refusals(BAD_REQUEST, FORBIDDEN, NOT_WAITING, REGISTRY_UNAVAILABLE),
        },
    )
    async def read_approval(approval: Id, by: By) -> Response:
        """Whoever asked for it, and whoever may see what it touches, may read it."""
        with spoken():
            return response_of(approval_answer(await run_in_threadpool(approvals.read, by, approval), 200))

    @router.post(
        "/v1/approvals/{approval}/approve",
        tags=tags,
        summary="Agree, and do it",
        response_model=ApprovalShown,
        responses=shown,
        openapi_extra=example_of(examples.WHYS),
    )
    async def approve(approval: Id, why: Why, by: By, if_match: IfMatch = None) -> Response:
        """By somebody else than who asked. Cut off in between, it may be approved again: nothing is done twice."""
        with spoken():
            seen = await run_in_threadpool(approvals.approve, by, approval, why.reason, if_match)
            return response_of(approval_answer(seen, 200))

    @router.post(
        "/v1/approvals/{approval}/reject",
        tags=tags,
        summary="Let it be",
        response_model=ApprovalShown,
        responses=shown,
        openapi_extra=example_of(examples.WHYS),
    )
    async def reject(approval: Id, why: Why, by: By, if_match: IfMatch = None) -> Response:
        """Whoever asked for it may take it back in this way, too."""
        with spoken():
            seen = await run_in_threadpool(approvals.reject, by, approval, why.reason, if_match)
            return response_of(approval_answer(seen, 200))


def _subject(scope: str, digest: str) -> Subject:
    return Subject(Scope(scope), bytes.fromhex(digest))


def described(description: str, example: object) -> dict[str, Any]:
    """An answer of the document."""
    return {"description": description, "content": {"application/json": {"example": example}}}


def example_of(shown: dict[str, Any]) -> dict[str, Any]:
    """The examples of a body, by what each is."""
    named = {name.replace(" ", "_"): {"summary": name, "value": value} for name, value in shown.items()}
    return {"requestBody": {"content": {"application/json": {"examples": named}}}}
