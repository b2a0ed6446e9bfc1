"""The odds that the detector is shipped with: a table for `detector.odds`, rewritten by `tokenward fit`."""

from typing import Final

from detector.odds import Ladder, Odds

ODDS: Final = Odds(
    prior=-9_210,  # one refresh in 10,000 that is looked at is a thief's: ln(1e-4)
    ladders={
        "reuse": Ladder((4, 5), (9_900, 14_000)),  # `Finding`: suspected, confirmed
        "travel": Ladder((1, 2, 3), (2_000, 9_900, 11_500)),  # vague, impossible, there and back
        "cadence": Ladder((20, 50), (5_000, 9_900)),  # nats
        "failure": Ladder((20, 50), (5_000, 9_900)),
        "spread": Ladder((20, 50), (5_000, 9_900)),
        "novelty": Ladder((1, 5, 10, 15), (300, 1_500, 3_500, 4_500)),
        "model": Ladder((600, 700), (500, 1_500)),  # thousandths of the forest's score
    },
    source="judgement: one signal short of a confirmed reuse never revokes, two independent ones do",
)

ORIGIN_ODDS: Final = Odds(
    prior=-9_210,
    ladders={
        "failure": Ladder((20, 50), (5_000, 9_900)),
        "spread": Ladder((50,), (5_000,)),  # an aeroplane's Wi-Fi meets a hundred phones within minutes
    },
    source="judgement: nobody is refused for sharing an address, but for what is refused there",
)
"""By which origins are judged."""
