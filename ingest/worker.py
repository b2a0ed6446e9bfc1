"""Worker: from a Kafka record to a refusal; the loop of both stages (`ingest.telemetry`, `ingest.origins`).

One turn of the loop has six numbered steps:

1. **poll** records of the partitions that are ours.
   A crash after it: nothing has happened; the records are read again.
2. **decode and enrich**: columns, and rejects with their reasons.
   A crash after it: the same; decoding has no effects.
3. **process**: each partition's own judge judges its records.
   A crash after it: the judge's memory is gone with the process; it is rebuilt by replay, see below.
4. **decide** what is done about the verdicts.
   A crash after it: the same records lead to the same decision with the same ids.
5. **apply** the decision to the registry: first, because it stops the thief, and applying twice is applying once.
   A crash after it: the thief is refused already; the same decision is made again, changes nothing, and is told then.
   Alerts derive from the decision, never from what `apply` changed; and `apply` answers the same when it is repeated:
   else a crash here would swallow what is yet to be told.
6. **settle**: one Kafka transaction with alerts, revocation changes, audit records, tallies, dead letters and the
   consumed offsets; then the head of the audit chain is told (`ingest.ledger`).
   A crash within it: the broker aborts it; no reader sees any of it, and the turn is done again.
   A crash after it: all has happened, once; the next owner goes on behind it.
   A turn without effects has nothing but offsets to settle, and tallies for the stage of origins; they wait for the
   next one's, at most `commit_ms`, or until many rows wait. Offsets and tallies of a partition go together, always.

Where a partition is taken over, state is rebuilt first: C is the group's committed offset, and its metadata says the
time of the last record before C. Reading starts a horizon before that time, and up to C with effects off: the very same
steps 2 to 4, whose outcome is dropped (law 1: any cut of the stream gives the same verdicts). From C on effects are on.
A judge who is kept over a rebalance is good only if nobody else committed meanwhile.

Stream time is the largest `at` of a partition's events. It moves with the stream alone, never with a clock: an empty
poll is no tick, since a replay could not repeat it.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic

from detector.config import DetectorConfig
from detector.tallies import Tallies
from ingest.alerts import change_message
from ingest.dead_letters import dead_letter
from ingest.errors import TurnLost
from ingest.exchange import Exchange
from ingest.lane import B, Judge
from ingest.lanes import Lanes
from ingest.ledger import Ledger
from ingest.loop import Loop
from ingest.releases import Releases
from ingest.report import StepReport
from ingest.sink import Message
from ingest.stage import Cut, Stage
from ingest.tally_messages import tally_messages
from ingest.turn import Turn
from revocation.errors import RegistryUnavailable
from revocation.policy import Rules
from revocation.registry import Whole

MOST_WAITING = 8_192
"""Rows of tallies that may wait for a commit, of all partitions: a message each at worst, some 11 us of processor each,
so that a theft that arrives meanwhile waits for a tenth of a second."""
SWEEP_SECONDS = 1.0
SWEEP = 1_000
"""How often the registry is asked for releases and to forget ended entries, and how many at a time: Redis is busy for a
millisecond."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerTopics:
    """Where the worker writes."""

    alerts: str = "refresh.alerts"
    revocations: str = "refresh.revocations"
    dead_letters: str = "refresh.dead-letters"
    tallies: str = "refresh.tallies"


class Worker(Loop[Turn[B], StepReport], Generic[B]):
    """Owns one judge a partition."""

    STEPS = ("poll", "decode", "process", "decide", "apply", "settle")

    def __init__(
        self,
        stage: Stage[B],
        *,
        exchange: Exchange,
        registry: Whole,
        rules: Callable[[], Rules],
        clock: Callable[[], int],
        topics: WorkerTopics | None = None,
        ledger: Ledger | None = None,
        horizon_ms: int = 86_400_000,
        commit_ms: int = 5_000,
        poll_ms: int = 100,
        on_step: Callable[[int], None] = lambda _step: None,
        on_report: Callable[[StepReport], None] = lambda _report: None,
    ) -> None:
        """Wire it.

        Args:
            stage: what is read, and who judges it.
            exchange: the group member that reads the stage's topics, and the producer beside it.
            registry: where decisions are applied.
            rules: the policy, asked for at each turn; others than before take effect then, and no state is lost.
            clock: epoch milliseconds; for expiries and the lag, never for a verdict.
            topics: where to write.
            ledger: who writes the audit trail; None: nobody does.
            horizon_ms: how much record time is read again to rebuild a partition's state.
            commit_ms: the longest that the offsets of turns without effects wait to be committed.
            poll_ms: how long a poll waits for a first record, i.e. how soon `run` sees that it shall end.
            on_step: as for every loop.
            on_report: as for every loop.
        """
        super().__init__(exchange, on_step, on_report)
        self._stage = stage
        self._registry = registry
        self._ask_rules = rules
        self._rules = rules()
        self._clock = clock
        self._topics = topics or WorkerTopics()
        self._ledger = ledger
        self._commit_ms = commit_ms
        self._poll_ms = poll_ms
        self._releases = Releases(registry)
        self._lanes = Lanes(exchange.source, self._appoint, self._rules.detector, horizon_ms)
        self._committed_at = time.monotonic()
        self._swept_at = -math.inf

    def close(self) -> None:
        """Commit what waits, as far as Kafka lets it happen at once, and disconnect."""
        try:
            self._exchange.stop.set()
            if waiting := self._lanes.waiting():
                self._exchange.settle(self._tallies(self._lanes.tallies(waiting)), waiting)
        except TurnLost:
            pass  # nothing else had effects: the next owner reads these records again
        finally:
            self._exchange.close()

    def step(self) -> StepReport:
        """One turn: steps 1 to 6."""
        self._reload()
        report = super().step()
        self._sweep()
        return report

    def _appoint(self, config: DetectorConfig) -> Judge[B]:
        judge = self._stage.judge(config)
        for entry in self._releases.known:
            judge.released(entry)
        return judge

    def _sweep(self) -> None:
        """Hear of releases, and let the registry forget some of what has ended; a failure is made good later."""
        if time.monotonic() - self._swept_at < SWEEP_SECONDS:
            return
        self._swept_at = time.monotonic()
        try:
            self._lanes.released(self._releases.news())
            self._registry.expire(self._clock(), SWEEP)
        except RegistryUnavailable as error:
            self._stalled(error.reason)

    def _begin(self) -> Turn[B]:
        return Turn()

    def _turn(self, turn: Turn[B]) -> None:
        self._lanes.admit()
        cuts = list(self._poll())
        if not cuts:
            self._settle(turn)
            return
        self._done(turn, 1)
        turn.parts = [self._stage.read(cut) for cut in cuts]
        self._done(turn, 2)
        for part in turn.parts:
            part.lane.now = max(part.lane.now, int(part.batch.at.max(initial=0)))
            judgement = part.lane.judge.process(part.batch, part.lane.now)
            part.verdicts = judgement.verdicts
            if part.live and len(judgement.tallies):
                part.lane.tallies.append(judgement.tallies)
        self._done(turn, 3)
        for part in turn.parts:
            now = self._clock() if part.live else part.lane.now
            part.decision = part.lane.judge.decide(part.verdicts, part.batch, self._rules, now)
        self._done(turn, 4)
        if revocations := turn.revocations():
            turn.changes = self._exchange.insist(lambda: self._registry.apply(revocations, self._clock()))
        self._done(turn, 5)
        self._settle(turn)
        self._done(turn, 6)

    def _forget(self, turn: Turn[B]) -> None:
        self._lanes.forget({part.partition for part in turn.parts} | turn.named)
        if self._ledger is not None:
            self._ledger.lost()

    def _poll(self) -> Iterator[Cut[B]]:
        for partition, records in sorted(self._exchange.poll(self._poll_ms).items()):
            lane = self._lanes[partition]
            cuts = [Cut(partition, lane, part, live) for live, part in lane.cut(records)]
            lane.advance(records, self._exchange.source.position(partition))
            yield from cuts

    def _settle(self, turn: Turn[B]) -> None:
        messages = [*self._messages(turn), *self._audited(turn)]
        places = self._lanes.waiting()
        tallies = self._lanes.tallies(places)
        rows = sum(map(len, tallies))
        due = time.monotonic() - self._committed_at >= self._commit_ms / 1000 or rows > MOST_WAITING
        if messages or (places and due):
            turn.named |= places.keys()
            self._exchange.settle([*messages, *self._tallies(tallies)], places)
            self._lanes.committed(places)
            if self._ledger is not None:
                turn.audited = self._ledger.committed()
            self._committed_at = time.monotonic()
            turn.tallies = rows

    def _audited(self, turn: Turn[B]) -> list[Message]:
        ledger, revocations = self._ledger, turn.revocations()
        return self._exchange.insist(lambda: ledger.seal(revocations)) if ledger is not None else []

    def _tallies(self, parts: Iterable[Tallies]) -> Iterator[Message]:
        return tally_messages(self._topics.tallies, Tallies.concat(parts))

    def _messages(self, turn: Turn[B]) -> Iterator[Message]:
        for part in turn.live:
            for alert in part.alerts:
                yield self._stage.alert(self._topics.alerts, alert, part)
            for record, reject in part.reading.rejects:
                yield dead_letter(self._topics.dead_letters, record, reject)
        for change in turn.changes:
            yield change_message(self._topics.revocations, change)

    def _reload(self) -> None:
        rules = self._ask_rules()
        if rules is not self._rules:
            self._rules = rules
            self._lanes.configure(rules.detector)

    def _stall(self, reason: str) -> StepReport:
        return StepReport(partitions=len(self._lanes), stalls={reason: 1})

    def _report(self, turn: Turn[B]) -> StepReport:
        levels, reasons = turn.verdicts()
        newest = turn.newest()
        return StepReport(
            records=sum(len(part.records) for part in turn.live),
            events=sum(len(part.batch) for part in turn.live),
            replayed=sum(len(part.batch) for part in turn.parts if not part.live),
            rejects=turn.rejects(),
            verdicts=levels,
            reasons=reasons,
            revocations=len(turn.revocations()),
            alerts=sum(len(part.alerts) for part in turn.live),
            families_in_two_partitions=sum(part.crossed for part in turn.parts),
            partitions=len(self._lanes),
            preparing=len(self._exchange.source.held),
            behind=self._exchange.source.behind(),
            lag_ms=None if newest is None else self._clock() - newest,
            tallies=turn.tallies,
            audited=turn.audited,
            lost=turn.lost,
            seconds=turn.seconds,
        )
