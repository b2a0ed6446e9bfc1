"""How the demonstration is shown: live on a terminal, as lines elsewhere, as JSON for machines."""

import sys
from typing import Any, Protocol, Self

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from tokenward.cli.common import print_json, print_line
from tokenward.demo.watch import Case, Watch

TITLES = {
    "replayed_grandparent": "replayed grandparent",
    "thief_first": "thief first",
    "impossible_travel": "impossible travel",
    "refresh_burst": "refresh burst",
}
COLOURS = {"allow": "green", "step_up": "yellow", "deny": "bold red", "quarantine": "yellow", "revoke": "bold red"}
FRAMES_A_SECOND = 8


class Show(Protocol):
    """What is told while the demonstration runs; `case` and `tick` may come from different threads."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def say(self, text: str) -> None:
        """Something happens that is not a theft."""
        ...

    def case(self, case: Case) -> None:
        """More is known of a theft."""
        ...

    def tick(self, watch: Watch, sent: int) -> None:
        """Time has gone on."""
        ...

    def end(self, summary: dict[str, Any]) -> None:
        """The last word, after the block."""
        ...


def told(case: Case) -> dict[str, Any]:
    """All that is known of a theft."""
    alert, before, after = case.alert, case.before, case.after
    return {
        "type": "theft",
        "kind": case.theft.kind,
        "story": case.theft.story,
        "client_id": case.theft.client_id,
        "decided": None if alert is None else alert.level,
        "reasons": [] if alert is None else alert.reasons,
        "score": None if alert is None else alert.score,
        "gateway_before": None if before is None else before.decision,
        "gateway_after": None if after is None else after.decision,
        "milliseconds": None if case.milliseconds is None else round(case.milliseconds, 1),
    }


def is_told(case: Case) -> bool:
    """Whether everything is known: the gateway refuses, and the alert says why."""
    return case.stopped and case.alert is not None


class _Once:
    """What shows without a screen share: each theft is told once, when all is known, and time goes by unseen."""

    def __init__(self) -> None:
        self._done: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def case(self, case: Case) -> None:
        """Tell it, once."""
        if is_told(case) and case.theft.sid not in self._done:
            self._done.add(case.theft.sid)
            self._tell(told(case))

    def tick(self, watch: Watch, sent: int) -> None:
        """Nothing."""

    def _tell(self, known: dict[str, Any]) -> None: ...


class JsonShow(_Once):
    """One JSON object a line: type `note`, `theft` or `summary`."""

    def say(self, text: str) -> None:
        """A note."""
        print_json({"type": "note", "text": text})

    def end(self, summary: dict[str, Any]) -> None:
        """The summary."""
        print_json(summary)

    def _tell(self, known: dict[str, Any]) -> None:
        print_json(known)


class LineShow(_Once):
    """Plain lines, for logs and pipes."""

    def say(self, text: str) -> None:
        """A line."""
        print_line(text)

    def end(self, summary: dict[str, Any]) -> None:
        """The summary in words."""
        for line in in_words(summary):
            print_line(line)

    def _tell(self, known: dict[str, Any]) -> None:
        print_line(f"\n{TITLES[known['kind']]}: {known['story']}")
        print_line(f"  decided: {known['decided']} for {', '.join(known['reasons'])} (score {known['score']:.3f})")
        print_line(f"  gateway: {known['gateway_before']} -> {known['gateway_after']} after {known['milliseconds']} ms")


class LiveShow:
    """A table that grows, for a terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._note = ""
        self._watch: Watch | None = None
        self._sent = 0
        self._live = Live(self._frame(), console=console, refresh_per_second=FRAMES_A_SECOND, transient=False)

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.update(self._frame(), refresh=True)
        self._live.__exit__(None, None, None)

    def say(self, text: str) -> None:
        """The line above the table."""
        self._note = text
        self._live.update(self._frame())

    def case(self, case: Case) -> None:
        """Shown with the next tick."""

    def tick(self, watch: Watch, sent: int) -> None:
        """Draw anew."""
        self._watch, self._sent = watch, sent
        self._live.update(self._frame())

    def end(self, summary: dict[str, Any]) -> None:
        """The summary in words, under the table, which is left by now."""
        for line in in_words(summary):
            self._console.print(line, highlight=False)

    def _frame(self) -> Group | Panel:
        watch = self._watch
        head = Text(self._note)
        if watch is None:
            return Panel(head, title="Tokenward", border_style="cyan")
        honest = Text(f"{len(watch.touched)} honest sessions touched", "green" if not watch.touched else "bold red")
        counts = Text(f"{self._sent:,} records of telemetry   {watch.asked:,} questions of the gateway   ") + honest
        return Panel(
            Group(head, counts, Text(), _cases(list(watch.cases.values()))), title="Tokenward", border_style="cyan"
        )


def _cases(cases: list[Case]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", expand=True)
    table.add_column("attacked", ratio=5)
    table.add_column("decided, and why", ratio=3)
    table.add_column("gateway", no_wrap=True, min_width=16)
    table.add_column("ms", justify="right", no_wrap=True, min_width=6)
    for case in cases:
        if case.decisive is None:
            continue
        attacked = Text(f"{TITLES[case.theft.kind]}\n", "bold") + Text(case.theft.story, "dim")
        table.add_row(attacked, _decided(case), _answers(case), _milliseconds(case))
    return table


def _decided(case: Case) -> Text:
    if case.alert is None:
        return Text("...", "dim")
    return Text(case.alert.level, COLOURS[case.alert.level]) + Text("\n" + "\n".join(case.alert.reasons), "not bold")


def _answers(case: Case) -> Text:
    before, after = (reply.decision if reply is not None else "" for reply in (case.before, case.after))
    return Text(before, COLOURS.get(before, "")) + Text(" -> ", "dim") + Text(after, COLOURS.get(after, ""))


def _milliseconds(case: Case) -> Text:
    return Text("" if case.milliseconds is None else f"{case.milliseconds:.0f}", "bold")


def in_words(summary: dict[str, Any]) -> list[str]:
    """The summary in sentences."""
    refusal, check = summary["refusal_ms"], summary["check_ms"]
    thefts = f"{summary['stopped']} of {summary['thefts']} thefts stopped"
    honest = f"{summary['honest_touched']} of {summary['honest_sessions']:,} honest people touched"
    asked = (
        f"{summary['checks']:,} questions of the gateway over HTTP, {check['p50']} ms (p50), {check['p99']} ms (p99)"
    )
    trail = summary["audit"]
    bent = f"{trail['faults']} faults, {trail['differences']} entries differ from the registry"
    return [
        "",
        f"{thefts}; {honest}.",
        f"From the record in Kafka to the gateway's refusal: {refusal['p50']} ms (p50), {refusal['p99']} ms (p99).",
        f"{asked}; {summary['telemetry']:,} records of telemetry in {summary['seconds']} s.",
        f"The audit trail, verified and replayed: {trail['records']} records, {bent}.",
    ]


def choose(*, json: bool) -> Show:
    """What fits where the output goes."""
    if json:
        return JsonShow()
    console = Console()
    return LiveShow(console) if console.is_terminal and sys.stdout.isatty() else LineShow()
