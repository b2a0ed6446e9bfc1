"""Who watches the demonstration: honest tokens at the gateway all the time, stolen ones until they are refused, alerts.

Three threads, each with a connection of its own. A `Case` is what became of one theft; its members are written once
each, by the thread that learns of them.
"""

import http.client
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random

import msgspec
from kafka import KafkaConsumer, TopicPartition

from api.server import Address
from revocation.claims import Claims
from revocation.record import Scope, digester
from tokenward.demo.gateway import Gateway, Reply
from tokenward.faults import Failure
from tokenward.settings import Settings
from tokenward.simulate.thefts import Theft
from tokenward.wiring import consumer_options

STOLEN_PAUSE = 0.002
HONEST_PAUSE = 0.01
HONEST_KEPT = 1000
"""Honest tokens that the gateway is shown in turn: the newest."""
TIMES_KEPT = 100_000
WORST = {"revoke": {"deny"}, "quarantine": {"deny", "step_up"}}
"""What a gateway must answer at least, by what must be decided."""


class AlertBody(msgspec.Struct):
    """What the demonstration reads of an alert."""

    level: str
    reasons: list[str]
    score: float
    family: str | None = None
    events: list[str] = []
    measurements: dict[str, float] = {}


class _CloudEvent(msgspec.Struct):
    data: AlertBody


@dataclass(slots=True)
class Case:
    """One theft and what became of it. Moments are of `time.perf_counter`."""

    theft: Theft
    #: When each of its records was produced, by event id, and the first that could be decided on.
    produced: dict[str, float] = field(default_factory=dict)
    decisive: float | None = None
    before: Reply | None = None
    alert: AlertBody | None = None
    after: Reply | None = None
    refused: float | None = None

    @property
    def claims(self) -> Claims:
        """The thief's token, or the one that dies with its family."""
        theft = self.theft
        return Claims(
            iss=theft.iss,
            sub=theft.sub,
            sid=theft.sid,
            jti=theft.access_jti,
            iat=theft.iat,
            auth_time=theft.auth_time,
            client_id=theft.client_id,
        )

    @property
    def stopped(self) -> bool:
        """Whether the gateway refuses as the truth demands."""
        return self.after is not None and self.after.decision in WORST[self.theft.expect]

    @property
    def milliseconds(self) -> float | None:
        """From the record that gave the theft away to the first refusal; None: not known."""
        if self.refused is None or self.alert is None:
            return None
        told = [self.produced[name] for name in self.alert.events if name in self.produced]
        began = told[0] if told else self.decisive
        return None if began is None else (self.refused - began) * 1000


class Watch:
    """What is known of honest people and thieves."""

    def __init__(self, settings: Settings, address: Address, on_change: Callable[[Case], None]) -> None:
        self.cases: dict[str, Case] = {}
        #: How long the gateway's questions took, seconds; the newest.
        self.times: deque[float] = deque(maxlen=TIMES_KEPT)
        self.asked = 0
        #: Honest families that were refused or decided about, by digest.
        self.touched: set[str] = set()
        self._settings = settings
        self._address = address
        self._on_change = on_change
        self._honest: deque[Claims] = deque(maxlen=HONEST_KEPT)
        self._stolen: dict[str, str] = {}
        self._stop = threading.Event()
        self.fault: BaseException | None = None

    def meet(self, claims: Claims) -> None:
        """Show the gateway an honest token."""
        self._honest.append(claims)

    def open(self, theft: Theft) -> Case:
        """The case of a theft, opened at its first event."""
        case = self.cases.get(theft.sid)
        if case is None:
            self._stolen[self._digest(theft.iss, theft.sid)] = theft.sid
            case = self.cases[theft.sid] = Case(theft)
        return case

    def settled(self) -> bool:
        """Whether every theft that can be known is refused, and told about."""
        known = [case for case in self.cases.values() if case.decisive is not None]
        return all(case.stopped and case.alert is not None for case in known)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Watch while the block runs."""
        jobs = (self._ask_honest, self._ask_stolen, self._read_alerts)
        threads = [threading.Thread(target=self._run, args=(job,), name=job.__name__, daemon=True) for job in jobs]
        try:
            for thread in threads:
                thread.start()
            yield
        finally:
            self._stop.set()
            for thread in threads:
                thread.join(5)

    def check(self) -> None:
        """Raise Failure when a watcher ended."""
        if self.fault is not None and not self._stop.is_set():
            raise Failure(f"The gateway of the demonstration gave up: {self.fault}.") from self.fault

    def _digest(self, iss: str, sid: str) -> str:
        return digester(self._settings.key, Scope.FAMILY, iss)(sid).hex()

    def _run(self, job: Callable[[], None]) -> None:
        try:
            job()
        except (OSError, http.client.HTTPException, msgspec.DecodeError, Failure) as error:
            self.fault = error

    def _ask(self, gateway: Gateway, claims: Claims) -> Reply:
        reply = gateway.ask(claims)
        self.times.append(reply.seconds)
        self.asked += 1
        return reply

    def _ask_honest(self) -> None:
        gateway, rng = Gateway(self._address), Random(0)  # noqa: S311 - picks whom to ask about
        while not self._stop.wait(HONEST_PAUSE):
            if self._honest:
                claims = self._honest[rng.randrange(len(self._honest))]
                if self._ask(gateway, claims).decision != "allow" and claims.sid not in self.cases:
                    self.touched.add(self._digest(claims.iss or "", claims.sid or ""))
        gateway.close()

    def _ask_stolen(self) -> None:
        gateway = Gateway(self._address)
        while not self._stop.wait(STOLEN_PAUSE):
            for case in list(self.cases.values()):
                if case.decisive is not None and not case.stopped:
                    self._follow(case, self._ask(gateway, case.claims))
        gateway.close()

    def _follow(self, case: Case, reply: Reply) -> None:
        if reply.decision == "allow":
            return
        if case.refused is None:
            case.refused = time.perf_counter()
        case.after = reply
        self._on_change(case)

    def _read_alerts(self) -> None:
        topic = self._settings.topics.alerts
        consumer = KafkaConsumer(
            group_id=None, auto_offset_reset="earliest", enable_auto_commit=False, **consumer_options(self._settings)
        )
        try:
            while not (numbers := consumer.partitions_for_topic(topic)):
                if self._stop.wait(0.05):
                    return
            consumer.assign([TopicPartition(topic, number) for number in numbers])
            while not self._stop.is_set():
                for records in consumer.poll(timeout_ms=100).values():
                    for record in records:
                        self._hear(msgspec.json.decode(record.value, type=_CloudEvent).data)
        finally:
            consumer.close(autocommit=False)

    def _hear(self, alert: AlertBody) -> None:
        case = self.cases.get(self._stolen.get(alert.family or "", ""))
        if case is None:
            self.touched.add(alert.family or "unknown")
        elif case.alert is None:
            case.alert = alert
            self._on_change(case)
