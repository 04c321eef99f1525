"""How many calls are usual at a time of day, so that none of them can be missed."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.rules.compare import usual_calls

DAYS = 28

#: Calls from yesterday back, and what is usual.
CASES = {
    "steady": ([100.0] * DAYS, 100.0),
    "four days old": ([100.0] * 4, 100.0),
    "three days old": ([100.0] * 3, 0.0),
    "never": ([], 0.0),
    "rests on this weekday": ([100.0] * 6 + [0.0] + ([100.0] * 6 + [0.0]) * 3, 0.0),
    "comes on this weekday alone": (([0.0] * 6 + [100.0]) * 4, 0.0),
    "one outage": ([100.0, 0.0] + [100.0] * 26, 100.0),
    "switched off a week ago": ([0.0] * 7 + [100.0] * 21, 0.0),
    "switched off two days ago": ([0.0] * 2 + [100.0] * 26, 100.0),
}


@pytest.mark.parametrize(("calls", "usual"), CASES.values(), ids=CASES)
@pytest.mark.parametrize("fraction", [0.0, 0.5])
def test_what_is_usual(calls: list[float], usual: float, fraction: float) -> None:
    days = np.array([calls + [0.0] * (DAYS - len(calls))])
    assert usual_calls(np.repeat(days[:, :, None], 3, axis=2), fraction) == pytest.approx([usual])
