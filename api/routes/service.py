"""What operators ask: whether the process answers, whether it may be asked, and what it has counted."""

from typing import Any

from fastapi import APIRouter, Response
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from api.examples import HEALTH, READINESS
from api.metrics import Follows
from api.openapi import refusals
from api.problems import NOT_READY, Refused
from api.schemas import Health, Readiness
from api.view import RegistryView


def service_routes(view: RegistryView, follower: Follows, metrics: CollectorRegistry, version: str) -> APIRouter:
    """`/healthz`, `/readyz`, `/metrics`."""
    router = APIRouter(tags=["service"])

    @router.get("/healthz", summary="Whether the process answers", responses=_shown(HEALTH))
    async def healthz() -> Health:
        """Looks at nothing else: restarting this process would not bring Redis back."""
        return Health(version=version)

    @router.get("/readyz", summary="Whether it may be asked", responses=_shown(READINESS) | refusals(NOT_READY))
    async def readyz() -> Readiness:
        """Ready from the first snapshot on, and for good: what is known stays refused when the registry is gone.

        How old that knowledge is stands in every answer and in `tokenward_replica_age_seconds`. It never makes a
        process unready, as then all of them would be at once.
        """
        missing = [{"part": part, "detail": sentence} for part, holds, sentence in _parts(follower) if not holds]
        if missing:
            raise Refused(NOT_READY, errors=missing)
        return Readiness(registry=view.state())

    @router.get("/metrics", summary="For Prometheus", response_class=Response)
    async def read_metrics() -> Response:
        """Every name is promised in `docs/metrics.md`."""
        return Response(generate_latest(metrics), media_type=CONTENT_TYPE_PLAIN_0_0_4)

    return router


def _shown(example: object) -> dict[int | str, dict[str, Any]]:
    return {200: {"content": {"application/json": {"example": example}}}}


def _parts(follower: Follows) -> tuple[tuple[str, bool, str], ...]:
    """What must hold: its name, whether it does, and what is said when not."""
    return (
        ("follower", follower.alive, "The thread that follows the registry does not run."),
        ("replica", follower.ready, "The first snapshot of the registry has not been applied."),
    )
