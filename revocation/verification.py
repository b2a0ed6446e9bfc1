"""Verification: whether anybody bent the audit trail. Streams; of each chain it remembers a few hashes. PURE.

Lines come in any mixture of chains; of each chain, in the order in which the topic holds them. An identical record that
comes again soon is harmless: a broker or a mirror may deliver twice. A record that lies beyond the head is harmless,
too: its writer died before it could say how far it was.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

import msgspec

from revocation.chain import ANNOUNCED, HASH_BYTES, MOST_FOLLOWED, TYPE, Head, canonical, hash_of

Fault = Literal["changed", "removed", "swapped", "truncated", "forged", "unreadable"]
RECENT: Final = 16
"""Hashes remembered of each chain, to know a repeated record by."""
MOST_GAPS: Final = 16
"""Gaps of one chain that may be open at once; the first one is told when another opens."""
MOST_CHAINS: Final = 1_000_000
"""Chains followed at once, some 1 KB each; those of services and commands of many years."""
MOST_NUMBER: Final = 2**53 - 1


class Line(NamedTuple):
    """One line and where it stands. In a file, the partition is 0 and the offset counts lines from 0."""

    value: bytes
    partition: int = 0
    offset: int = 0
    #: Whether older records of that place have been deleted, as retention does.
    shortened: bool = False


class Finding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is wrong, and where; what is not known is absent."""

    fault: Fault
    says: str
    chain: str = ""
    number: int | None = None
    partition: int | None = None
    offset: int | None = None


class Links(msgspec.Struct, frozen=True, kw_only=True):
    """What ties a record to others; whatever else it holds is for later versions."""

    type: Literal["tokenward.audit.v1"] = TYPE
    chain: str
    number: int
    previous: str
    hash: str
    follows: tuple[Head, ...] = ()
    keyed: str = ""


class Gap(msgspec.Struct):
    """Numbers that are missing, from `first` to `last`, and the hashes on both sides."""

    first: int
    last: int
    #: None: not known.
    below: str | None
    above: str
    line: Line

    def fits(self, number: int, previous: str, own: str) -> bool:
        """Whether a record of that number belongs between the neighbours."""
        below = number > self.first or self.below is None or self.below == previous
        return below and (number < self.last or self.above == own)

    def without(self, number: int, previous: str, own: str) -> Iterator["Gap"]:
        """What is still missing when that record has turned up."""
        if self.first < number:
            yield Gap(self.first, number - 1, self.below, previous, self.line)
        if number < self.last:
            yield Gap(number + 1, self.last, own, self.above, self.line)


class Known(msgspec.Struct):
    """What is remembered of a chain."""

    recent: deque[tuple[int, str]]
    gaps: list[Gap]
    #: Where the last record stands.
    line: Line
    #: The last record's number and hash; None: it is not to be trusted, and the next one may name any hash.
    number: int = ANNOUNCED
    hash: str | None = ""
    #: The chains that its first record names.
    follows: tuple[str, ...] = ()
    shortened: bool = False


_links = msgspec.json.Decoder(Links)
_plain = msgspec.json.Decoder()


class Verification:
    """Reads lines, and says what is wrong with them. `heads` must have been read before the lines were."""

    def __init__(
        self, heads: Sequence[Head] = (), keys: Mapping[str, bytes] | None = None, most_chains: int = MOST_CHAINS
    ) -> None:
        self._keys = keys or {}
        self._most_chains = most_chains
        self._chains: dict[str, Known] = {}
        #: By chain, the furthest record that anybody has vouched for.
        self._heads: dict[str, Head] = {}
        self._vouch(heads)
        #: The chains that the given heads name.
        self._named = {head.chain for head in heads}
        #: Whether any place has lost its oldest records.
        self._aged = False
        #: How many records were read.
        self.records = 0

    @property
    def heads(self) -> list[Head]:
        """How far each chain goes, as read; worth keeping where nobody of this house can write."""
        return [Head(chain=name, number=known.number, hash=known.hash or "") for name, known in self._chains.items()]

    @property
    def shortened(self) -> int:
        """How many chains begin before what the topic still holds."""
        return sum(known.shortened for known in self._chains.values())

    def read(self, line: Line) -> Iterator[Finding]:
        """The next line; what is wrong is said as soon as it is known."""
        self.records += 1
        self._aged = self._aged or line.shortened
        links = _read(line.value)
        if links is None:
            yield _finding("unreadable", "The line is no record of an audit trail.", line)
            return
        if fault := self._fault(links, line.value):
            yield _finding("changed" if fault == CHANGED else "forged", fault, line, links)
            self._skip(links, line)
            return
        yield from self._place(links, line)
        if links.number == 0:
            yield from self._begin(links)

    def end(self, heads: Iterable[Head] | None = ()) -> Iterator[Finding]:
        """After the last line. `heads` as they are now name chains that began meanwhile; None: nobody knows any."""
        born = self._born(heads or ())
        for name, known in self._chains.items():
            yield from (_removed(name, gap) for gap in known.gaps)
            if heads is not None and name not in born:
                yield _finding("forged", "No head knows this chain, and no other chain does.", known.line, name)
        for name, head in self._heads.items():
            if head.number > ANNOUNCED:
                yield from self._reached(name, head)

    def _begin(self, links: Links) -> Iterator[Finding]:
        """The first record of a chain vouches for those that it follows."""
        follows = links.follows[:MOST_FOLLOWED]
        self._vouch(follows)
        if links.chain in self._chains:
            self._chains[links.chain].follows = tuple(head.chain for head in follows)
        for head in follows:
            known = self._chains.get(head.chain)
            if known is not None and any(n == head.number and own != head.hash for n, own in known.recent):
                yield _finding("forged", OTHER, known.line, head)

    def _born(self, heads: Iterable[Head]) -> set[str]:
        """The chains that a head knows, or one of those chains; forged ones may know one another, and count nothing."""
        born: set[str] = set()
        asked = [*self._named, *(head.chain for head in heads)]
        while asked:
            name = asked.pop()
            if name not in born:
                born.add(name)
                asked += self._chains[name].follows if name in self._chains else ()
        return born

    def _vouch(self, heads: Iterable[Head]) -> None:
        for head in heads:
            before = self._heads.get(head.chain)
            room = before is not None or len(self._heads) < self._most_chains
            if room and (before is None or head.number > before.number):
                self._heads[head.chain] = head

    def _fault(self, links: Links, text: bytes) -> str:
        """What is wrong with the record by itself; empty: nothing."""
        if links.keyed not in self._keys and (links.keyed or self._keys):
            return STRANGE if links.keyed else UNKEYED
        return "" if _intact(text, links.hash, self._keys.get(links.keyed, b"")) else CHANGED

    def _skip(self, links: Links, line: Line) -> None:
        """Pass over a record that nobody can trust, where it says that it is the next one of a chain that is known."""
        known = self._chains.get(links.chain)
        if known is not None and links.number == known.number + 1:
            known.number, known.hash, known.line = links.number, None, line

    def _place(self, links: Links, line: Line) -> Iterator[Finding]:
        """Where the record stands in its chain."""
        known = self._chains.get(links.chain)
        if known is None:
            if len(self._chains) >= self._most_chains:
                yield _finding("forged", "There are more chains than anybody can have begun.", line, links)
                return
            known = self._chains[links.chain] = Known(deque(maxlen=RECENT), [], line)
            if line.shortened and links.number > 0:
                known.number, known.hash, known.shortened = links.number - 1, None, True
        if links.number > known.number:
            yield from self._forward(known, links, line)
        else:
            yield from self._backward(known, links, line)

    def _forward(self, known: Known, links: Links, line: Line) -> Iterator[Finding]:
        if links.number > known.number + 1:
            if len(known.gaps) == MOST_GAPS:
                yield _removed(links.chain, known.gaps.pop(0))
            known.gaps.append(Gap(known.number + 1, links.number - 1, known.hash, links.previous, line))
        elif known.hash is not None and links.previous != known.hash:
            yield _finding("changed", BEFORE, line, links)
        known.number, known.hash, known.line = links.number, links.hash, line
        known.recent.append((links.number, links.hash))
        head = self._heads.get(links.chain)
        if head is not None and head.number == links.number and head.hash != links.hash:
            yield _finding("forged", OTHER, line, links)

    def _backward(self, known: Known, links: Links, line: Line) -> Iterator[Finding]:
        gap = next((gap for gap in known.gaps if gap.first <= links.number <= gap.last), None)
        if gap is not None:
            yield _finding("swapped", "The record stands after one that came later.", line, links)
            if not gap.fits(links.number, links.previous, links.hash):
                yield _finding("changed", NEIGHBOURS, line, links)
            known.gaps.remove(gap)
            known.gaps += gap.without(links.number, links.previous, links.hash)
            known.recent.append((links.number, links.hash))
        elif (links.number, links.hash) not in known.recent:
            yield _finding("forged", "Another record bears this number, or this one comes again too late.", line, links)

    def _reached(self, name: str, head: Head) -> Iterator[Finding]:
        """Whether the chain goes as far as somebody vouched."""
        known = self._chains.get(name)
        if known is None and self._aged and name not in self._named:
            return  # an old chain may name an older one that has been deleted by age since
        if known is None or known.number < head.number:
            last = "nothing of it is" if known is None else f"it ends at {known.number}"
            says = f"The chain went on to {head.number} at least, and {last} there."
            yield Finding(
                fault="truncated",
                says=says,
                chain=name,
                number=0 if known is None else known.number + 1,
                partition=None if known is None else known.line.partition,
                offset=None if known is None else known.line.offset,
            )


CHANGED: Final = "The record is not what was written: its hash does not fit."
STRANGE: Final = "The record is sealed with a key that is not among the given ones."
UNKEYED: Final = "The record is sealed without a key, which anybody can do."
BEFORE: Final = "The record names another one before it than the one that stands there."
OTHER: Final = "The head names another record of this number."
NEIGHBOURS: Final = "The record does not fit to its neighbours."


def verify(
    lines: Iterable[Line],
    heads: Sequence[Head],
    keys: Mapping[str, bytes] | None = None,
    then: Callable[[], Iterable[Head] | None] = lambda: (),
) -> Iterator[Finding]:
    """All that is wrong with these lines; `then` tells the heads after the last one."""
    verification = Verification(heads, keys)
    for line in lines:
        yield from verification.read(line)
    yield from verification.end(then())


def _read(text: bytes) -> Links | None:
    try:
        links = _links.decode(text)
    except (ValueError, RecursionError):  # msgspec's, and that of text which is no UTF-8
        return None
    possible = links.chain and 0 <= links.number <= MOST_NUMBER and len(links.hash) == 2 * HASH_BYTES
    return links if possible else None


def _intact(text: bytes, own: str, key: bytes) -> bool:
    """Whether the text is canonical to the byte, and its hash is its own."""
    try:
        members: dict[str, Any] = _plain.decode(text)
    except (ValueError, RecursionError):  # in a member that `Links` passes over
        return False
    if canonical(members) != text:
        return False
    del members["hash"]
    return hash_of(canonical(members), key) == own


def _removed(chain: str, gap: Gap) -> Finding:
    count = gap.last - gap.first + 1
    says = "A record is missing." if count == 1 else f"{count} records are missing, up to number {gap.last}."
    place = {"partition": gap.line.partition, "offset": gap.line.offset}
    return Finding(fault="removed", says=says, chain=chain, number=gap.first, **place)


def _finding(fault: Fault, says: str, line: Line, of: Links | Head | str = "") -> Finding:
    chain, number = (of, None) if isinstance(of, str) else (of.chain, of.number)
    return Finding(fault=fault, says=says, chain=chain, number=number, partition=line.partition, offset=line.offset)
