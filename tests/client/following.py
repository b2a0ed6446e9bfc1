"""What the tests of the replica share: a short way to ask it, and to wait for what it learns."""

from collections.abc import Callable

from tests.api.running import ISSUER
from tests.servers.process import until
from tokenward.client import Replica


def decision(replica: Replica, sid: str) -> str:
    """What is decided about a token of that session."""
    return replica.check({"iss": ISSUER, "sid": sid}).decision


def denies(replica: Replica, *sids: str) -> bool:
    """Whether tokens of all these sessions are denied."""
    return all(decision(replica, sid) == "deny" for sid in sids)


def learns(replica: Replica, *sids: str) -> None:
    """Wait until tokens of all these sessions are denied."""
    until(lambda: denies(replica, *sids), f"the refusal of {', '.join(sids)}", seconds=10)


def when(condition: Callable[[], bool], what: str) -> None:
    """Wait for a condition, ten seconds at most."""
    until(condition, what, seconds=10)
