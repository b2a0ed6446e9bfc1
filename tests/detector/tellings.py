"""Tallies to what the origin stage says of each."""

from detector.config import DetectorConfig
from detector.origins import OriginEngine
from detector.tallies import Tallies
from detector.verdict import CHANNELS
from tests.detector.sessions import LISTENING, START


def origin_grades(channel: str, tallies: Tallies, config: DetectorConfig = LISTENING) -> list[int]:
    """The grade that the channel gives each tally, 0 where it says nothing."""
    verdicts = OriginEngine(config).process(tallies, START)
    told = verdicts.grades[:, CHANNELS.index(channel)].tolist()
    by_row = dict(zip(verdicts.row.tolist(), told, strict=True))
    return [by_row.get(row, 0) for row in range(len(tallies))]
