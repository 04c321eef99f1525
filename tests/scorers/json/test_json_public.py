"""Agreement with public sets: what ``benchmarks.tables.json_mode`` prints, held to its known reasons."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.tables import json_mode
from benchmarks.tables.json_mode import REASONS, Agreement, reason_of
from tests.paths import SHARED

FOLDER = SHARED / "data" / "scoring" / "jsonmode"


@pytest.mark.parametrize(
    ("judge", "at_least", "unlike"),
    [
        (json_mode.answers, 2_500, 0),
        (json_mode.parsing, 150, 0),
        (json_mode.maskbench, 7_200, 0),
        (json_mode.schema_suite, 3_880, 13),
        (json_mode.repairs, 80, 2),
    ],
)
def test_verdicts_are_the_labels_of_the_set_but_for_known_reasons(
    judge: Callable[[Path], Agreement], at_least: int, unlike: int
) -> None:
    with warnings.catch_warnings(action="ignore", category=FutureWarning):  # of `re`, on patterns of the set
        judged = judge(FOLDER)
    assert judged.total >= at_least
    assert len(judged.differ) <= unlike
    assert {reason_of(name).partition(":")[0] for name in judged.differ} <= {
        reason_of(name).partition(":")[0] for name in REASONS
    }


def test_each_corruption_is_called_by_its_name() -> None:
    assert json_mode.corruptions(FOLDER) == []
