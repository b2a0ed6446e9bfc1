"""What a chunk of a bulk applies, and what undoes it. PURE.

The registry's merge does the work. All decisions of a bulk are made at one moment; to undo one is to release what was
decided up to that moment, so what anybody decided later stands, whatever came first and whoever looks when. What the
bulk found there is put back as a decision of the moment after: so a release that somebody made meanwhile stands, too.
Each of these may be applied any number of times.

An entry does not tell what it was merged from. So a decision that somebody made later about whom the bulk refuses
stands after the undoing as it was merged: where it is no stronger, under the bulk's reason and as strong as the bulk's,
until the later end of the two. Whoever wants less releases that one entry.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from api.bulk.draft import Bulk
from revocation.layout import field_of, pack, unpack
from revocation.naming import decision_of
from revocation.record import Revocation, State, Subject, is_live, release

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[tuple[bytes, bytes]])


def decisions_of(bulk: Bulk, subjects: Iterable[Subject]) -> list[Revocation]:
    """The bulk's decisions about these subjects."""
    return [
        decision_of(subject, bulk.state, bulk.ttl_ms, bulk.reason, bulk.by, bulk.decided_at) for subject in subjects
    ]


def applied(bulk: Bulk, subjects: Sequence[Subject], found: Sequence[Revocation | None]) -> list[Revocation]:
    """What the registry is given: decisions, or the tombstones of what was found."""
    if bulk.action == "revoke":
        return decisions_of(bulk, subjects)
    live = (entry for entry in found if entry is not None and entry.decided_at <= bulk.decided_at)
    return [release(entry, bulk.decided_at, bulk.by) for entry in live]


def before(bulk: Bulk, found: Sequence[Revocation | None]) -> list[Revocation]:
    """Of what was found, what is not the bulk's own: a chunk that is begun again finds that."""
    known = [entry for entry in found if entry is not None]
    own = {decision.id for decision in decisions_of(bulk, [entry.subject for entry in known])}
    return [entry for entry in known if entry.id not in own]


def undoing(bulk: Bulk, subjects: Sequence[Subject], found: Mapping[Subject, Revocation], now: int) -> list[Revocation]:
    """What undoes the bulk's decisions about these subjects, each next to what is put back: what its chunk `found`."""
    return list(_undoing(bulk, subjects, found, now))


def _undoing(
    bulk: Bulk, subjects: Sequence[Subject], found: Mapping[Subject, Revocation], now: int
) -> Iterator[Revocation]:
    for decision in decisions_of(bulk, subjects):
        if bulk.action == "revoke":
            yield release(decision, bulk.decided_at, bulk.undone_by)
        known = found.get(decision.subject)
        if known is not None and is_live(known, now):
            yield _again(known, bulk.decided_at + 1)


def _again(known: Revocation, at: int) -> Revocation:
    """The entry as it was, decided a moment later; a login that ended its quarantine before still does."""
    cut = known.not_before
    if known.state is State.QUARANTINED and not cut:
        cut = known.decided_at
    return msgspec.structs.replace(known, decided_at=max(at, known.decided_at), not_before=cut)


def kept(entries: Iterable[Revocation]) -> bytes:
    """Entries as they are kept."""
    return _encoder.encode([(field_of(entry.subject), pack(entry)) for entry in entries])


def put_back(text: bytes) -> dict[Subject, Revocation]:
    """The same again, by subject."""
    entries = (unpack(field, value).entry for field, value in _decoder.decode(text))
    return {entry.subject: entry for entry in entries}


def counts(entry: Revocation | None, bulk: Bulk) -> bool:
    """Whether the bulk would change something about whoever has this entry."""
    if bulk.action == "release":
        return entry is not None
    return entry is None or entry.state < bulk.state
