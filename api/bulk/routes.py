"""The routes of bulks."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from starlette.concurrency import run_in_threadpool

from api.bulk import examples
from api.bulk.asked import (
    BulkAsked,
    BulkShown,
    BulksShown,
    DryRunShown,
    FilterAsked,
    PartShown,
    bulk_answer,
    bulk_shown,
    faults_shown,
)
from api.bulk.draft import MOST_LINES
from api.bulk.office import Office
from api.openapi import refusals
from api.problems import BAD_REQUEST, BUSY, FORBIDDEN, REGISTRY_UNAVAILABLE, TOO_LARGE, Refused
from api.view import Filter, RegistryView
from api.writes.asked import Why
from api.writes.once import Answered, Once
from api.writes.problems import (
    CHANGED,
    DECIDED,
    NOT_WAITING,
    OTHER_PAYLOAD,
    RUNNING,
    TOO_MANY_WAIT,
    TRAIL_UNAVAILABLE,
    spoken,
)
from api.writes.routes import By, IfMatch, Key, asked_of, described, example_of, response_of
from revocation.record import Scope, State, Subject

PART_BYTES = 2 * 1024 * 1024
NDJSON = "application/x-ndjson"

Id = Annotated[str, Path(pattern="^[0-9a-f]{32}$")]
Number = Annotated[int, Path(ge=0, le=9_999, description="Parts are carried out in the order of their numbers.")]

_ALWAYS = (BAD_REQUEST, FORBIDDEN, NOT_WAITING, REGISTRY_UNAVAILABLE, TRAIL_UNAVAILABLE)
_TAGS: list[Any] = ["bulk"]


def bulk_routes(office: Office, once: Once, view: RegistryView) -> APIRouter:
    """Draft, dry run, submission, progress, undoing."""
    router = APIRouter(tags=_TAGS)
    _add_drafts(router, office, once, view)
    _add_runs(router, office)
    return router


def _add_drafts(router: APIRouter, office: Office, once: Once, view: RegistryView) -> None:
    @router.post(
        "/v1/bulk",
        summary="Begin one decision about very many",
        status_code=201,
        response_model=BulkShown,
        responses={
            201: described("The draft.", examples.BULK),
            **refusals(
                BAD_REQUEST,
                FORBIDDEN,
                TOO_LARGE,
                BUSY,
                RUNNING,
                OTHER_PAYLOAD,
                TOO_MANY_WAIT,
                REGISTRY_UNAVAILABLE,
                TRAIL_UNAVAILABLE,
            ),
        },
        openapi_extra=example_of(examples.BULKS),
    )
    async def draft(request: Request, asked: BulkAsked, by: By, key: Key = None) -> Response:
        """Nothing is done yet. Whom it is about comes as parts, or, with `filter`, is what this process knows now."""
        found = None
        if asked.filter is not None:
            if not by.everywhere:
                raise Refused(FORBIDDEN)
            found = await _found(view, asked.filter)

        def made() -> Answered:
            return bulk_answer(office.draft(by, asked, found), 201)

        body = asked_of(request, await request.body())
        return response_of(await run_in_threadpool(once.answer, by.name, key, body, made))

    @router.put(
        "/v1/bulk/{bulk}/parts/{part}",
        summary="Say whom it is about",
        responses={
            200: described("What was read.", examples.PART_READ),
            **refusals(*_ALWAYS, DECIDED, TOO_LARGE, TOO_MANY_WAIT),
        },
        openapi_extra={
            "requestBody": {
                "required": False,
                "content": {NDJSON: {"schema": {"type": "string"}, "example": examples.PART}},
            }
        },
    )
    async def add_part(request: Request, bulk: Id, part: Number, by: By) -> PartShown:
        """NDJSON, one identity a line as in `POST /v1/revocations`, without the rest; as many parts as it takes.

        A part has at most 5,000 lines and 2 MiB, a bulk 1,000,000 lines. The same part, sent again, takes the place of
        the first. A part that names somebody whom the caller may not revoke is refused as a whole.
        """
        text = await request.body()
        with spoken():
            read = await run_in_threadpool(office.add_part, by, bulk, part, text)
        return PartShown(lines=read.lines, unusable=read.unusable, faults=faults_shown(read.faults))

    @router.get(
        "/v1/bulk",
        summary="All bulks",
        response_model_exclude_none=True,
        responses={
            200: described("The newest first.", {"bulks": [examples.BULK]}),
            **refusals(FORBIDDEN, REGISTRY_UNAVAILABLE),
        },
    )
    async def list_bulks(by: By, response: Response) -> BulksShown:
        """Those of a week that the caller may see."""
        response.headers["Cache-Control"] = "no-store"
        with spoken():
            seen = await run_in_threadpool(office.every, by)
        return BulksShown(bulks=[bulk_shown(one.bulk) for one in seen])

    @router.get(
        "/v1/bulk/{bulk}",
        summary="One bulk, and how far it is",
        response_model=BulkShown,
        responses={200: described("As it is now.", examples.BULK), **refusals(*_ALWAYS)},
    )
    async def read_bulk(bulk: Id, by: By) -> Response:
        """`done` of `lines` are carried out."""
        with spoken():
            return response_of(bulk_answer(await run_in_threadpool(office.read, by, bulk), 200))


def _add_runs(router: APIRouter, office: Office) -> None:
    @router.post(
        "/v1/bulk/{bulk}/dry-run",
        summary="What it would do",
        responses={200: described("Nothing was done.", examples.DRY_RUN), **refusals(*_ALWAYS)},
    )
    async def dry_run(bulk: Id, by: By) -> DryRunShown:
        """Looks everybody up in the registry: who would be hit, about whom it is so already, which lines are no use."""
        with spoken():
            return await run_in_threadpool(office.dry_run, by, bulk)

    @router.post(
        "/v1/bulk/{bulk}/submit",
        summary="Carry it out",
        status_code=202,
        response_model=BulkShown,
        responses={
            202: described("It runs, or waits for a second person.", examples.BULK),
            **refusals(*_ALWAYS, CHANGED, DECIDED, TOO_MANY_WAIT),
        },
    )
    async def submit(bulk: Id, by: By, if_match: IfMatch = None) -> Response:
        """At once where it is small; else `approval` names what another caller has to approve."""
        with spoken():
            return response_of(bulk_answer(await run_in_threadpool(office.submit, by, bulk, if_match), 202))

    @router.post(
        "/v1/bulk/{bulk}/undo",
        summary="Undo it as a whole",
        status_code=202,
        response_model=BulkShown,
        responses={
            202: described("It is being undone.", examples.BULK | {"stage": "undoing"}),
            **refusals(*_ALWAYS, DECIDED, TOO_MANY_WAIT),
        },
        openapi_extra=example_of({"a reason": {"reason": "soc.false_alarm"}}),
    )
    async def undo(bulk: Id, why: Why, by: By) -> Response:
        """Releases what it decided and puts back what it found. What somebody else decided since stays as it is."""
        with spoken():
            return response_of(bulk_answer(await run_in_threadpool(office.undo, by, bulk, why.reason), 202))


async def _found(view: RegistryView, asked: FilterAsked) -> list[Subject]:
    """The subjects of this process's replica that the filter fits, as many as a bulk may name."""
    wanted = Filter(
        None if asked.scope is None else Scope(asked.scope),
        None if asked.state is None else State[asked.state.upper()],
        asked.reason,
        asked.decided_after,
        asked.decided_before,
    )
    return await view.subjects(wanted, MOST_LINES)
