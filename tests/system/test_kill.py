"""kill -9 at every step: every attack is once in registry, alerts and audit trail, offsets right, nothing twice."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import msgspec
import numpy as np
import pytest

from detector.batch import RefreshBatch
from detector.tallies import OriginKind
from ingest.columns import Columns
from ingest.formats import FORMATS
from ingest.tally_messages import read_tallies, tally_messages
from ingest.telemetry import SessionJudge
from revocation.feed import Entry
from revocation.heads import RedisHeads
from revocation.record import State
from revocation.redis import RedisRegistry, connect
from revocation.retelling import Difference, Retelling, read_record
from revocation.verification import Finding, Line, verify
from tests.rig import Names, clock, past
from tests.servers.process import end, until
from tests.system.child import Order
from tests.telemetry import ISSUERS, KEY, RULES, Session, Stranger, origin_of

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow]

ROOT = Path(__file__).parents[2]


class Mortals:
    """Children of one role, one after another, and what they leave behind."""

    def __init__(self, role: str, names: Names, redis_url: str, folder: Path) -> None:
        self._order = Order(role=role, names=names, redis_url=redis_url, fuse=str(folder / "fuse"))
        self._fuse, self._log = folder / "fuse", folder / "child.log"
        self._alive = ExitStack()

    def start(self, die_at: int | str | None) -> subprocess.Popen[bytes]:
        """Start the next one; its fuse is not lit yet."""
        self._fuse.unlink(missing_ok=True)
        order = msgspec.json.encode(msgspec.structs.replace(self._order, die_at=die_at)).decode()
        with self._log.open("ab") as log:
            command = [sys.executable, "-m", "tests.system.child", order]
            child = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        self._alive.callback(end, child)
        return child

    def light(self) -> None:
        """The child dies in the turn that begins next."""
        self._fuse.touch()

    def log(self) -> str:
        """The end of what the children said."""
        return self._log.read_text()[-2_000:]

    def close(self) -> None:
        """End those that are alive."""
        self._alive.close()


@pytest.fixture
def names(kafka_bootstrap: str) -> Names:
    """Topics that nobody else knows."""
    names = Names(kafka_bootstrap)
    names.create()
    return names


@pytest.fixture
def worker(names: Names, redis_url: str, tmp_path: Path) -> Iterator[Mortals]:
    """Workers that die as ordered."""
    mortals = Mortals("worker", names, redis_url, tmp_path)
    yield mortals
    mortals.close()


@pytest.fixture
def route(names: Names, redis_url: str, tmp_path: Path) -> Iterator[Mortals]:
    """Routes that die as ordered."""
    mortals = Mortals("route", names, redis_url, tmp_path)
    yield mortals
    mortals.close()


@pytest.fixture
def origins(names: Names, redis_url: str, tmp_path: Path) -> Iterator[Mortals]:
    """Stages of origins that die as ordered."""
    mortals = Mortals("origins", names, redis_url, tmp_path)
    yield mortals
    mortals.close()


def audited(names: Names, redis_url: str) -> tuple[list[Finding], list[Difference], list[Entry]]:
    """What is wrong with the trail, what differs from the registry, and the decisions in it."""
    with connect(redis_url) as client:
        heads = [noted.head for noted in RedisHeads(client).all()]
        entries = list(RedisRegistry(client).snapshot().entries)
    lines = [Line(record.value or b"", record.partition, record.offset) for record in names.read(names.audit)]
    records = [record for record in (read_record(line.value) for line in lines) if record is not None]
    retelling = Retelling()
    for record in sorted(records, key=lambda record: record.event.at):
        retelling.tell(record)
    decided = [entry for record in records for entry in record.event.entries]
    return list(verify(lines, heads)), retelling.differences(entries, clock()), decided


def dies(child: subprocess.Popen[bytes], mortals: Mortals) -> None:
    """Wait until the child has killed itself."""
    assert -signal.SIGKILL == child.wait(60), mortals.log()


def test_a_worker_may_be_killed_at_any_step(names: Names, worker: Mortals, redis_url: str) -> None:
    """After a kill at each step, and within the transaction, all thefts are refused and told, each exactly once."""
    moments: list[int | str | None] = [1, 2, 3, 4, 5, "fill", 6, None]
    sessions = [Session(past()) for _ in moments]
    names.tell(*(value for session in sessions for value in session.refreshes(4)), partition=0)
    for moment, session in zip(moments, sessions, strict=True):
        child = worker.start(moment)
        until(lambda: names.unread(names.telemetry) == 0, f"all was read before the kill at {moment}")
        worker.light()
        names.tell(session.theft(), b"garbage", partition=0)
        if moment is not None:
            dies(child, worker)
    until(lambda: names.unread(names.telemetry) == 0, "all was read at last")

    with connect(redis_url) as client:
        entries = list(RedisRegistry(client).snapshot().entries)
    families = sorted(session.family.digest.hex() for session in sessions)
    assert families == sorted(entry.subject.digest.hex() for entry in entries if entry.state is State.REVOKED)
    assert families == names.alerted()
    assert sorted(entry.id.encode() for entry in entries) == sorted(
        record.key or b"" for record in names.read(names.revocations)
    )
    assert [(b"garbage", "bad_json")] * len(moments) == names.letters()
    faults, differences, decided = audited(names, redis_url)
    assert ([], [], sorted(entry.id for entry in entries)) == (faults, differences, sorted(e.id for e in decided))


def test_a_worker_tells_of_each_origin_once(names: Names, worker: Mortals) -> None:
    """Killed before and within the transaction, and after it: no row of a tally is lost, and none is there twice."""
    moments: list[int | str | None] = [3, "fill", 6, None]
    strangers = [Stranger(past(), ip=f"198.51.100.{number}") for number in range(len(moments))]
    for moment, stranger in zip(moments, strangers, strict=True):
        child = worker.start(moment)
        until(lambda: names.unread(names.telemetry) == 0, f"all was read before the kill at {moment}")
        worker.light()
        names.tell(*stranger.tries(20), partition=0)
        if moment is not None:
            dies(child, worker)
    until(lambda: names.unread(names.telemetry) == 0, "all was read at last")

    _, tallies = read_tallies(names.read(names.tallies))
    addresses = tallies.address[tallies.kind == OriginKind.ADDRESS]
    assert [20] * len(moments) == np.unique(addresses, return_counts=True)[1].tolist()


def test_a_stage_of_origins_may_be_killed_at_any_step(names: Names, origins: Mortals, redis_url: str) -> None:
    """After a kill at each step, and within the transaction, each address is refused and told exactly once."""
    moments: list[int | str | None] = [1, 2, 3, 4, 5, "fill", 6, None]
    strangers = [Stranger(past(), ip=f"198.51.100.{number}") for number in range(len(moments))]
    judge = SessionJudge(RULES.detector)
    for moment, stranger in zip(moments, strangers, strict=True):
        child = origins.start(moment)
        until(lambda: names.unread(names.tallies) == 0, f"all was read before the kill at {moment}")
        origins.light()
        tallies = judge.process(columns(stranger.tries(150)), stranger.at).tallies
        tallies = tallies.take(tallies.kind == OriginKind.ADDRESS)
        for message in tally_messages(names.tallies, tallies):
            names.tell(message.value, b"garbage", topic=names.tallies, partition=0)
        if moment is not None:
            dies(child, origins)
    until(lambda: names.unread(names.tallies) == 0, "all was read at last")

    with connect(redis_url) as client:
        entries = list(RedisRegistry(client).snapshot().entries)
    addresses = sorted(origin_of(stranger.ip).digest.hex() for stranger in strangers)
    quarantined = [entry.subject.digest.hex() for entry in entries if entry.state is State.QUARANTINED]
    assert addresses == sorted(digest for digest in quarantined if digest in addresses)
    assert addresses == names.alerted()
    assert [(b"garbage", "bad_tally")] * len(moments) == names.letters()
    # An address that goes on is decided about again, until later.
    faults, differences, decided = audited(names, redis_url)
    assert ([], [], {entry.id for entry in entries}) == (faults, differences, {entry.id for entry in decided})
    assert len(decided) == len(set(decided))


def columns(values: list[bytes]) -> RefreshBatch:
    """Native records as a worker sees them."""
    return Columns(KEY).batch([event for value in values for event in FORMATS["native"](value, ISSUERS)])


def test_a_route_may_be_killed_at_any_step(names: Names, route: Mortals) -> None:
    """After a kill at each step, and within the transaction, every event is in the telemetry exactly once."""
    moments: list[int | str | None] = [1, 2, 3, "fill", 4, None]
    session = Session(past())
    told = 0
    for moment in moments:
        child = route.start(moment)
        until(lambda: names.unread(names.provider) == 0, f"all was read before the kill at {moment}")
        route.light()
        names.tell(*session.keycloak_refreshes(3), b"garbage", topic=names.provider)
        told += 3
        if moment is not None:
            dies(child, route)
    until(lambda: names.unread(names.provider) == 0, "all was read at last")

    ids = [msgspec.json.decode(record.value or b"")["id"] for record in names.read(names.telemetry)]
    assert (told, told) == (len(ids), len(set(ids)))
    assert [(b"garbage", "bad_json")] * len(moments) == names.letters()
