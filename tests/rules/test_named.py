"""The statistics: each is named once, and the docs say what it is in the same words."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

from monitor.rules.model import Statistic
from monitor.rules.named import BY_MINUTE, STATISTICS

DOCS = Path(__file__).resolve().parents[2] / "docs" / "rules.md"


def test_every_statistic_of_the_language_has_a_definition_of_one_sentence() -> None:
    assert {*STATISTICS} == {*get_args(Statistic)}
    assert {*STATISTICS} >= BY_MINUTE
    for sentence in STATISTICS.values():
        assert re.fullmatch(r"[A-Z][^.]+\.", sentence)


def test_the_docs_say_each_in_the_words_of_the_page() -> None:
    listed = re.findall(r"^\| `(\w+)` \| ([A-Z][^|]+\.) \|$", DOCS.read_text(), re.MULTILINE)
    assert dict(listed) == STATISTICS
