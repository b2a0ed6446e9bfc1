"""A bulk as it lies in the store, and what it turns into.

    draft ── submit ──> waiting ── approved ──> running ──> done
      ^         └─ small ──────────────────────────^  └─ undo ─┴──> undoing ──> undone
      └────── rejected ───┘

All its decisions are made at one moment, `decided_at`: so a chunk that is applied again is the same decisions again,
and what undoes them says precisely what it undoes. See `api/bulk/chunks.py`.
"""

from typing import Literal

import msgspec

from revocation.record import Scope, State

CHUNK = 500
"""Identities that are applied at once: one script call of some 10 ms of Redis' only thread."""
PART_LINES = 5_000
MOST_LINES = 1_000_000
MOST_TOUCHED = 100
"""Pairs of scope and issuer; who approves is held against each."""
MOST_FAULTS = 10
LIFE_MS = 7 * 86_400_000
"""How long a bulk can be submitted, looked at and undone."""

Stage = Literal["draft", "waiting", "running", "done", "undoing", "undone"]
Action = Literal["revoke", "release"]


class Fault(msgspec.Struct, frozen=True):
    """A line that could not be used, and why; its text is not kept."""

    part: int
    line: int
    why: str


class Part(msgspec.Struct, frozen=True):
    """How many lines of a part can be used, and how many cannot."""

    number: int
    lines: int
    unusable: int = 0
    faults: tuple[Fault, ...] = ()


class Bulk(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One bulk. Times are epoch milliseconds."""

    id: str
    by: str
    at: int
    ends_at: int
    action: Action
    reason: str
    comment: str = ""
    #: Of a revocation: how strong, and for how long.
    state: State = State.REVOKED
    ttl_ms: int = 0
    stage: Stage = "draft"
    #: In the order of their numbers.
    parts: tuple[Part, ...] = ()
    #: Scope and issuer of all lines; the issuer is None where only a digest was given.
    touched: tuple[tuple[Scope, str | None], ...] = ()
    approval: str | None = None
    #: The moment of all its decisions; 0 before it runs.
    decided_at: int = 0
    #: Lines that were carried out; while it is undone, those that are still to be undone.
    done: int = 0
    #: Of the lines carried out, those about whom something changed.
    changed: int = 0
    undone_by: str = ""
    undone_because: str = ""
    finished_at: int = 0
    #: Which process works at it, and until when nobody else may.
    leased_by: str = ""
    leased_until: int = 0

    @property
    def lines(self) -> int:
        """Identities that it names."""
        return sum(part.lines for part in self.parts)

    @property
    def unusable(self) -> int:
        """Lines that name nobody."""
        return sum(part.unusable for part in self.parts)

    @property
    def faults(self) -> tuple[Fault, ...]:
        """The first lines that name nobody."""
        return tuple(fault for part in self.parts for fault in part.faults)[:MOST_FAULTS]

    @property
    def scopes(self) -> set[Scope]:
        """What it touches."""
        return {scope for scope, _ in self.touched}

    def with_part(self, part: Part, touched: set[tuple[Scope, str | None]]) -> "Bulk":
        """The same with a part added, or sent again.

        Raises:
            ValueError: it would be too large.
        """
        others = [other for other in self.parts if other.number != part.number]
        parts = tuple(sorted([*others, part], key=lambda one: one.number))
        both = sorted({*self.touched, *touched}, key=str)
        grown = msgspec.structs.replace(self, parts=parts, touched=tuple(both))
        if grown.lines + grown.unusable > MOST_LINES or len(both) > MOST_TOUCHED:
            raise ValueError("A bulk has at most 1,000,000 lines, of at most 100 pairs of scope and issuer.")
        return grown

    def place(self, line: int) -> tuple[int, int]:
        """The number of the part that holds the line, and where in it; lines are counted over the parts in order.

        Raises:
            IndexError: there is no such line.
        """
        for part in self.parts:
            if line < part.lines:
                return part.number, line
            line -= part.lines
        raise IndexError(line)

    def chunks(self) -> list[int]:
        """The line that each chunk begins at. A chunk is of one part, so that one is read at a time."""
        starts: list[int] = []
        first = 0
        for part in self.parts:
            starts += range(first, first + part.lines, CHUNK)
            first += part.lines
        return starts
