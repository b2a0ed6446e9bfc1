"""An issuer changes its signing key while a real API process is asked: nobody is refused, and no stampede comes."""

import pytest

from bench.rollover import CASES, Plan, rollover

PLAN = Plan(per_second=300, invented=100, before=1.0, after=1.5, least=0.5)
"""Slower than `python -m bench rollover`, which asks a thousand a second: other tests run beside this one."""


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_a_rollover_refuses_nobody_and_costs_one_fetch_an_interval(case: str) -> None:
    """Published ahead or not, and flooded with invented keys: honest tokens pass, invented ones do not.

    The issuer is asked once where the key is new to all at once; in the other cases once an interval at most.
    """
    seen = rollover(case, PLAN)

    assert (0, 0) == (seen.refused, seen.invented_let_pass)
    assert seen.fetches <= seen.most_fetches
    assert (seen.asked > 0, seen.invented > 0) == (True, case == "flooded")
