"""What is made to keep the ``json`` score busy gets an outcome like anything else."""

from __future__ import annotations

import pytest

from benchmarks._hostile_json import LONG, cases
from monitor.records import Call, JsonOutcome
from monitor.scorers.json import score_json
from tests.scorers.build import json_call

CASES = cases()


@pytest.mark.parametrize("made", CASES.values(), ids=CASES.keys())
def test_a_hostile_answer_or_schema_gets_an_outcome(made: Call) -> None:
    score = score_json(made)
    assert score.outcome in JsonOutcome
    assert len(score.detail or "") < 300
    assert score.violations <= 64


@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        ("5 MB of objects", JsonOutcome.OK),
        ("5 MB of wrong objects", JsonOutcome.SCHEMA_VIOLATION),
        ("5 MB of objects in a fence", JsonOutcome.FENCED),
        ("5 MB of objects after prose", JsonOutcome.WRAPPED),
        ("5 MB of spaces", JsonOutcome.EMPTY),
        ("1 MB of one name", JsonOutcome.DUPLICATE_KEYS),
        ("5 MB of brackets in a string", JsonOutcome.TRUNCATED),
        ("5 MB of almost JSON", JsonOutcome.NOT_JSON),
        ("a schema nested 2,000 deep", JsonOutcome.UNKNOWN),
        ("a schema that doubles 60 times", JsonOutcome.UNKNOWN),
        ("a schema of 4,000 anchors of one name", JsonOutcome.UNKNOWN),
    ],
)
def test_what_can_be_judged_of_a_hostile_call_is(name: str, outcome: JsonOutcome) -> None:
    assert score_json(CASES[name]).outcome == outcome


@pytest.mark.parametrize("piece", ["[", "{'name': 'Ada', tags: [1, None,],},"])
def test_a_text_that_is_too_long_to_be_read_tolerantly_is_not_called_lost(piece: str) -> None:
    assert score_json(json_call("{" + piece * (LONG // len(piece)))).recoverable is None
