"""The story of the demonstration: a past, then live traffic at its real pace, with thefts at known moments.

The past is 25 minutes of traffic, produced as a backlog with the times at which it happened; the rest happens when its
time has come. So nothing is accelerated: an owner who comes two minutes after the thief really does.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ingest.formats.event import RefreshEvent
from revocation.claims import Claims
from tokenward.demo.gateway import Gateway
from tokenward.demo.system import KEYCLOAK_TOPIC, OTHER_TOPIC, System
from tokenward.demo.watch import Case, Watch
from tokenward.faults import Failure
from tokenward.simulate.provider import MINUTE, SECOND
from tokenward.simulate.shapes import SHAPES
from tokenward.simulate.simulation import KEYCLOAK_ISS, Happening, Simulation
from tokenward.simulate.thefts import Kind, plan
from tokenward.wiring import clock

PAST_MS = 25 * MINUTE
GAP_MS = 4 * MINUTE
"""The last part of the past, simulated when the thefts are planned: the thief who is first strikes in it."""
START_SECONDS = 60.0
REFUSAL_SECONDS = 8.0
"""How long a theft may go on after the last moment before it counts as got away."""
LONGEST_NAP = 0.05
ROUND: tuple[Kind, ...] = ("refresh_burst", "replayed_grandparent", "thief_first", "impossible_travel")
"""One round; the burst first, as it takes a while."""
ROUND_SECONDS = 10
FIRST_SECONDS = 1.0
LAST_SECONDS = 2.0


@dataclass(slots=True)
class Story:
    """What happens; `on_tick` is called often, in the main thread."""

    system: System
    watch: Watch
    simulation: Simulation
    seconds: float
    on_tick: Callable[[], None] = lambda: None
    sent: int = 0
    _gateway: Gateway = field(init=False)

    def __post_init__(self) -> None:
        self._gateway = Gateway(self.system.address)

    def tell(self) -> None:
        """Past, present, end.

        Raises:
            Failure: a part of the system ended, or took too long.
        """
        self._produce_until(clock() - GAP_MS)
        self._catch_up()
        start = clock() + SECOND // 2
        for kind, at in schedule(start, self.seconds):
            plan(self.simulation, kind, at)
        self._produce_until(clock())
        self._catch_up()
        self._live(start + round(self.seconds * SECOND))
        self._last_words()
        self._gateway.close()

    def _catch_up(self) -> None:
        """Wait until route and worker have read what was sent."""
        self.system.producer.flush()
        self.system.await_(lambda: self.system.progress.judged >= self.sent, "reading the past", START_SECONDS)

    def _live(self, end: int) -> None:
        while (now := clock()) < end:
            for happening in self.simulation.until(now):
                self._produce(happening)
            self.system.check()
            self.watch.check()
            self.on_tick()
            upcoming = self.simulation.next_at() or end
            time.sleep(min(max(min(upcoming, end) - clock(), 0) / SECOND, LONGEST_NAP))

    def _last_words(self) -> None:
        """Give what was just stolen the time to be refused."""
        deadline = time.monotonic() + REFUSAL_SECONDS
        while not self.watch.settled() and time.monotonic() < deadline:
            for happening in self.simulation.until(clock()):
                self._produce(happening)
            self.on_tick()
            time.sleep(LONGEST_NAP)

    def _produce_until(self, end: int) -> None:
        for happening in self.simulation.until(end):
            self._produce(happening)

    def _produce(self, happening: Happening) -> None:
        event, theft = happening
        case = self.watch.open(theft) if theft is not None else None
        if case is not None and event.at >= case.theft.at and case.before is None:
            case.before = self._gateway.ask(case.claims)
        keycloak = event.iss == KEYCLOAK_ISS
        record = SHAPES["keycloak" if keycloak else "native"](event)
        began = time.perf_counter()
        self.system.producer.send(KEYCLOAK_TOPIC if keycloak else OTHER_TOPIC, record, timestamp_ms=event.at)
        self.sent += 1
        if case is None:
            self._meet(event)
        else:
            _note(case, event, began)

    def _meet(self, event: RefreshEvent) -> None:
        if event.access_jti is not None:
            claims = Claims(iss=event.iss, sub=event.sub, sid=event.sid, jti=event.access_jti, iat=event.at // 1000)
            self.watch.meet(claims)


def _note(case: Case, event: RefreshEvent, began: float) -> None:
    case.produced[event.id or ""] = began
    if case.decisive is None and event.at >= case.theft.at:
        case.decisive = began


def schedule(start: int, seconds: float) -> list[tuple[Kind, int]]:
    """Thefts for that many seconds of live traffic, each kind in turn; at least one of each.

    Raises:
        Failure: it is too short for that.
    """
    rounds = max(1, int(seconds // ROUND_SECONDS))
    thefts = [kind for _ in range(rounds) for kind in ROUND]
    room = seconds - FIRST_SECONDS - LAST_SECONDS
    if room <= 0:
        raise Failure("The demonstration needs more than 3 seconds.")
    step = room / len(thefts)
    return [(kind, start + round((FIRST_SECONDS + number * step) * SECOND)) for number, kind in enumerate(thefts)]
