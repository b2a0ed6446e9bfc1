"""`GET /v1/revocations/replicas`: who follows the feed of this process, and how far behind each is."""

from fastapi import APIRouter, Response

from api.feed.openapi import STANDINGS
from api.feed.replicas import Replicas
from api.schemas import ReplicaStanding, ReplicaStandings


def replica_routes(replicas: Replicas) -> APIRouter:
    """The list of replicas."""
    router = APIRouter(tags=["feed"])

    @router.get(
        "/v1/revocations/replicas",
        summary="Who follows, and how far behind",
        response_model_exclude_none=True,
        responses={200: {"content": {"application/json": {"example": STANDINGS}}}},
    )
    async def standings(response: Response) -> ReplicaStandings:
        """Replicas that named themselves in polls and acknowledgements lately, by name.

        Each process knows of those that ask it. A name proves nothing: any follower may write any.
        """
        response.headers["Cache-Control"] = "no-store"
        return ReplicaStandings(
            replicas=[
                ReplicaStanding(
                    name=standing.name,
                    cursor=str(standing.position),
                    heard_at=standing.heard_at,
                    behind=standing.behind,
                    lag_ms=standing.lag_ms,
                    laggard=replicas.is_laggard(standing),
                )
                for standing in replicas.standings()
            ]
        )

    return router
