"""Trails for tests: chains of plain events, sealed, and what a verification says of them."""

from collections.abc import Callable, Iterable, Sequence

from revocation.audit import Event
from revocation.chain import Chain, Head, Sealed
from revocation.verification import Line, verify

KEY = b"a key of the trail's own, 32 byte"


def event(number: int = 0, **members: object) -> Event:
    """An event of that second."""
    return Event(at=number * 1000, actor="ann", via="cli", action="revoke", reason=f"no. {number}", **members)  # type: ignore[arg-type]


def chain(name: str = "api-1", count: int = 6, key: bytes = b"", follows: Sequence[Head] = ()) -> list[Sealed]:
    """So many records of one chain."""
    return Chain(name, follows, key).seal([event(number) for number in range(count)])


def lines(sealed: Iterable[Sealed | bytes], *, shortened: bool = False) -> list[Line]:
    """The records as they stand in one partition."""
    values = (one if isinstance(one, bytes) else one.line for one in sealed)
    return [Line(value, 0, offset, shortened) for offset, value in enumerate(values)]


def faults(
    sealed: Iterable[Sealed | bytes],
    heads: Sequence[Head],
    keys: dict[str, bytes] | None = None,
    then: Callable[[], Iterable[Head] | None] = lambda: (),
) -> list[tuple[str, str, int | None, int | None]]:
    """Fault, chain, number and offset of each finding."""
    found = verify(lines(sealed), heads, keys, then)
    return [(finding.fault, finding.chain, finding.number, finding.offset) for finding in found]
