"""An address that is refused is named for the bouncers, sealed: nobody else's, and nowhere in the clear."""

import msgspec
import numpy as np
import pytest

from detector.tallies import OriginKind, Tallies
from ingest.tally_messages import LAYOUT, name_in, read_tallies, tally_messages
from revocation.memory import MemoryRegistry
from revocation.names import LONGEST_SEAL, MemoryNames, Sealer
from tests.ingest.records import record
from tests.ingest.test_tally_messages import ROW
from tests.rig import Names, Steps, clock, past
from tests.telemetry import KEY, Stranger, origin_of

SEALER = Sealer(KEY)


@pytest.mark.kafka
@pytest.mark.parametrize("naming", [True, False])
def test_a_refused_address_is_named(kafka_bootstrap: str, *, naming: bool) -> None:
    """The worker seals what it tells of, the stage behind it leaves the seal of whom it refuses, and of nobody else."""
    topics, registry, names = Names(kafka_bootstrap), MemoryRegistry("e"), MemoryNames()
    topics.create()
    thief, passer = Stranger(past(), "::ffff:198.51.100.66"), Stranger(past(), "192.0.2.9")
    values = [*thief.tries(150), *passer.tries(1)]
    topics.tell(*values, partition=0)
    worker = topics.worker(registry, commit_ms=0, sealer=SEALER if naming else None)
    stage = topics.origins(registry, names=names)
    try:
        Steps(worker.step).until(lambda: topics.unread(topics.telemetry) == 0, "the worker has not read all")
        Steps(stage.step).until(lambda: topics.unread(topics.tallies) == 0, "the stage has not read all")
    finally:
        worker.close()
        stage.close()
    digests = [origin_of("198.51.100.66").digest, origin_of("192.0.2.9").digest]
    found = {digest: SEALER.open(digest, seal) for digest, seal in names.find(digests, clock()).items()}

    assert ({digests[0]: "198.51.100.66"} if naming else {}) == found
    assert not any(b"198.51.100.66" in (one.value or b"") for one in topics.read(topics.tallies))


def test_only_an_address_carries_its_name() -> None:
    """A network or a program of the same number is told of without."""
    kinds = [OriginKind.ADDRESS, OriginKind.NETWORK]
    both = Tallies.concat([Tallies.of(at=np.arange(1), origin=np.full(1, 7), kind=np.full(1, kind)) for kind in kinds])
    messages = list(tally_messages("t", both, {7: b"seal"}))

    assert [b"seal", b""] == [name_in(record(message.value or b"", 0)) for message in messages]
    assert 2 == len(read_tallies([record(message.value or b"", 0) for message in messages])[1])


def test_a_name_that_is_too_long_is_no_tally() -> None:
    """Nobody fills memory through a name."""
    long = record(msgspec.msgpack.encode((LAYOUT, 1, 7, ROW, bytes(LONGEST_SEAL + 1))), 0)

    assert ["bad_tally"] == [reject.reason for _, reject in read_tallies([long])[0].rejects]
