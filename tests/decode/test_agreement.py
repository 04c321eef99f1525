"""The published table of what each emitter loses is what is computed, line by line."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.records import OUTCOMES, InstructionsOutcome, JsonOutcome, ToolsOutcome
from monitor.scorers import score
from tests.agreement import differences, emitters, joined
from tests.paths import ROOT

PAGE = ROOT / "docs/agreement.md"
FOLDERS = emitters()

#: What an emitter may make of a call that was fine: anything else would be a failure that is none.
_ABSTENTIONS = {"unknown", "not_applicable", "no span"}


def rows(section: str) -> list[list[str]]:
    """The cells of the table below this heading, without its head."""
    text = PAGE.read_text().split(f"## {section}")[1].split("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]


def test_every_folder_with_pairs_is_compared() -> None:
    assert len(FOLDERS) == 23


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_what_an_emitter_loses_is_what_the_page_says(folder: Path) -> None:
    told = [row for row in rows("What differs, and why") if row[0] == folder.name]

    assert [row[:4] for row in told] == [list(difference) for difference in differences(folder)]
    assert all(row[4] for row in told)


def test_the_page_tells_of_no_other_emitter() -> None:
    names = {folder.name for folder in FOLDERS}
    assert {row[0] for row in rows("What differs, and why")} <= names
    assert [row[0] for row in rows("How many calls agree in every score")] == [
        folder.name for folder in FOLDERS
    ]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_as_many_calls_agree_as_the_page_says(folder: Path) -> None:
    pairs = list(joined(folder))
    same = sum(
        call is not None
        and all(
            getattr(score(pair.call), name).outcome == getattr(score(call), name).outcome for name in OUTCOMES
        )
        for pair, call in pairs
    )
    (row,) = (row for row in rows("How many calls agree in every score") if row[0] == folder.name)

    assert row[1:] == [str(len(pairs)), str(same)]


def test_no_emitter_makes_a_failure_of_a_call_that_was_fine() -> None:
    """A refusal may look like an empty answer, and an answer cut by the token limit like a whole one."""
    for row in rows("What differs, and why"):
        emitter, score_name, pair, emitted, _ = row
        renamed = emitted == JsonOutcome.EMPTY and pair.startswith("refused ")
        unseen = emitted == InstructionsOutcome.OK and pair.startswith("length_limit ")
        assert emitted in _ABSTENTIONS or renamed or unseen, (emitter, score_name, pair, emitted)
    assert ToolsOutcome.OK not in {
        row[3] for row in rows("What differs, and why") if row[1] != "instructions"
    }
