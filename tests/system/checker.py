"""Watches every answer of many gateways during a fault: who was refused does not pass before his entry ends."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from tests.rig import clock
from tests.servers.process import until

MOST_TOLD = 10
DENY = "deny"


class Gateway(NamedTuple):
    """Something that answers about tokens: `allow`, `deny` or `step_up`; None while it does not answer."""

    name: str
    ask: Callable[[str], str | None]
    #: Between two rounds of questions, seconds: what watches shall not keep busy.
    pause: float = 0.003


class Checker:
    """Asks each gateway in a thread of its own about all tokens again and again.

    `ends` says of each token when its entry ends, epoch milliseconds; tokens may be added to it while watching. It does
    not matter how a gateway knows: in this process, over HTTP, behind a proxy.
    """

    def __init__(self, gateways: Sequence[Gateway], ends: Mapping[str, int]) -> None:
        self._gateways = gateways
        self._ends = ends
        #: What each gateway said last, and of whom it ever said deny.
        self._last: dict[tuple[str, str], str] = {}
        self._denied: set[tuple[str, str]] = set()
        self._answers = dict.fromkeys((gateway.name for gateway in gateways), 0)
        self._broken: list[str] = []
        self._stop = threading.Event()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch while the block runs.

        Raises:
            AssertionError: somebody passed, or was let off with less, after he had been refused; or nobody was asked.
        """
        threads = [threading.Thread(target=self._watch, args=(gateway,), daemon=True) for gateway in self._gateways]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in threads:
                thread.join(10)
        assert [] == self._broken
        assert [] == [name for name, answers in self._answers.items() if not answers]

    def until_denied(self, *tokens: str, seconds: float = 30.0) -> None:
        """Wait until every gateway has just said deny of all these tokens."""
        pairs = [(gateway.name, token) for gateway in self._gateways for token in tokens]
        for pair in pairs:
            self._last.pop(pair, None)
        try:
            until(lambda: all(self._last.get(pair) == DENY for pair in pairs), f"{tokens} refused", seconds)
        except TimeoutError as error:
            others = [f"{pair}: {self._last.get(pair)}" for pair in pairs if self._last.get(pair) != DENY]
            raise TimeoutError(f"{error}; not by {', '.join(others[:MOST_TOLD])}") from None

    def _watch(self, gateway: Gateway) -> None:
        while not self._stop.wait(gateway.pause):
            for token, ends in list(self._ends.items()):
                answer = gateway.ask(token)
                if answer is not None:
                    self._note(gateway.name, token, answer, lives=clock() < ends)

    def _note(self, gateway: str, token: str, answer: str, *, lives: bool) -> None:
        pair = (gateway, token)
        self._answers[gateway] += 1
        self._last[pair] = answer
        if answer == DENY:
            self._denied.add(pair)
        elif lives and pair in self._denied and len(self._broken) < MOST_TOLD:
            self._broken.append(f"{gateway} said {answer} of {token}, whom it had refused")
