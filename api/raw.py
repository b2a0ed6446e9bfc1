"""What the routes ahead of FastAPI have in common: how they refuse."""

from api.body import Send
from api.metrics import Counts
from api.problems import MEDIA_TYPE, METHOD_NOT_ALLOWED, Problem

# An answer is true for a moment only, and says something of a person's session.
NO_STORE = (b"cache-control", b"no-store")


async def refuse(
    send: Send, counts: Counts, route: str, problem: Problem, members: dict[str, object], *, allow: bytes
) -> None:
    """Answer with a problem, and count it; `allow` names the route's methods."""
    counts.request(route, problem.status)
    counts.refusal(problem.slug)
    body = problem.body(**members)
    headers = [(name.lower().encode(), value.encode()) for name, value in problem.headers]
    headers += [(b"content-type", MEDIA_TYPE.encode()), NO_STORE, (b"content-length", b"%d" % len(body))]
    if problem is METHOD_NOT_ALLOWED:
        headers.append((b"allow", allow))
    await send({"type": "http.response.start", "status": problem.status.value, "headers": headers})
    await send({"type": "http.response.body", "body": body})
