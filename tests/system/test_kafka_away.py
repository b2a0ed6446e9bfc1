"""Kafka stops answering: the programs wait, end when they are told to, and lose nothing."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from subprocess import Popen
from typing import Any

import pytest

from ingest.worker import Worker
from revocation.memory import MemoryRegistry
from tests.rig import Names, past
from tests.servers.kafka import kafka_process
from tests.servers.process import until
from tests.telemetry import Session

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

SOON_SECONDS = 10.0
"""What is promised after SIGTERM."""
SILENCE_SECONDS = 12.0
"""More than a transaction may last, and than a member of a group may be silent."""
APPLIED = 5
"""The step after which only the transaction is missing."""


@pytest.fixture(scope="module")
def broker() -> Iterator[tuple[str, Popen[bytes]]]:
    """A broker of one's own, which may be halted."""
    with kafka_process() as broker:
        yield broker


@contextmanager
def running(worker: Worker[Any]) -> Iterator[Callable[[], bool]]:
    """The worker in a thread; yields what tells it to end, and says whether it did in time."""
    stop = threading.Event()
    thread = threading.Thread(target=worker.run, args=(stop,), daemon=True)
    thread.start()

    def end() -> bool:
        stop.set()
        thread.join(SOON_SECONDS)
        return not thread.is_alive()

    try:
        yield end
    finally:
        end()


def test_nothing_is_lost_while_kafka_is_mute(broker: tuple[str, Popen[bytes]]) -> None:
    """A worker whose broker falls silent before the transaction ends in time; its successor tells the theft, once."""
    bootstrap, process = broker
    names, registry = Names(bootstrap), MemoryRegistry("e")
    names.create(1)
    thief = Session(past())
    names.tell(*thief.refreshes(4), thief.theft())
    applied = threading.Event()

    def halt(step: int) -> None:
        if step == APPLIED:
            process.send_signal(signal.SIGSTOP)
            applied.set()

    with running(names.worker(registry, on_step=halt)) as end:
        try:
            assert applied.wait(30)
            ended = end()
        finally:
            process.send_signal(signal.SIGCONT)
    with running(names.worker(registry)):
        until(lambda: names.unread(names.telemetry) == 0, "all was read")

    assert ended
    assert [thief.family.digest.hex()] == names.alerted()


def test_a_worker_outlasts_a_silence(broker: tuple[str, Popen[bytes]]) -> None:
    """A broker that comes back after longer than a transaction may last finds the worker there, and its alert, once."""
    bootstrap, process = broker
    names, registry = Names(bootstrap), MemoryRegistry("e")
    names.create(1)
    first, second = Session(past()), Session(past())
    names.tell(*first.refreshes(4), *second.refreshes(4), first.theft())
    applied = threading.Event()
    silences = [SILENCE_SECONDS]

    def halt(step: int) -> None:
        if step == APPLIED and silences:
            process.send_signal(signal.SIGSTOP)
            threading.Timer(silences.pop(), process.send_signal, (signal.SIGCONT,)).start()
            applied.set()

    with running(names.worker(registry, on_step=halt)):
        assert applied.wait(30)
        until(lambda: len(names.alerted()) == 1, "the theft before was told", seconds=90)
        names.tell(second.theft())
        until(lambda: len(names.alerted()) == 2, "the theft after was told", seconds=60)
        until(lambda: names.unread(names.telemetry) == 0, "all was read")

    assert sorted(session.family.digest.hex() for session in (first, second)) == names.alerted()
