"""The ``grounding`` table: AUROC per set, ours beside the plain count and the length."""

from __future__ import annotations

import string
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks._data import auroc, call, precision_recall, rows, timed
from monitor.records import Call, Document, FinishReason, GroundingOutcome, Message, Output, Part
from monitor.scorers.grounding import score as grounding
from monitor.scorers.grounding import score_grounding
from monitor.scorers.grounding.context import Cache

#: What the project wants of the AUROC, by set and for the mean over the sets.
TARGETS = {"ragtruth_qa": 0.85, "macro": 0.80}
#: Characters of context and answer of the calls that are timed: about 2 kB.
TIMED = (1_500, 2_500)
#: Single words are swapped in its summaries: no look-up of words sees that, and so it is not in the mean.
NOT_IN_MACRO = "summedits"

PUBLISHED = """
published AUROC, on their versions of the sets (all of RAGTruth's 900 answers to questions, not these):
  ragtruth_qa  LettuceDetect base 0.841, large 0.855 (149M, 395M parameters) · lexical overlap 0.703
               model2vec 0.558 · numbers 0.665 · named entities 0.621 · MiniCheck 0.604  (MRathmayr's re-runs)
  TRUE         ROUGE-1 0.720 · BERTScore 0.686 · NER overlap 0.593 · AlignScore 0.838  (AlignScore's README)
"""


def plain_count(row: dict[str, Any]) -> int:
    """The reference: answer words of four letters or more whose first five are not in context or question."""
    table = str.maketrans(string.punctuation, " " * len(string.punctuation))

    def words(text: str) -> list[str]:
        return text.lower().translate(table).split()

    known = {word[:5] for word in words(f"{row['context']} {row['question'] or ''}")}
    return sum(word[:5] not in known for word in words(row["answer"]) if len(word) > 3)


def table(data: Path, split: str) -> None:
    """AUROC per set, ours beside the plain count and the length; precision and recall; cost."""
    print(f"\ngrounding, {split}: AUROC, and precision/recall of the outcomes")
    print(
        f"{'set':18}{'n':>6}{'pos':>6}{'ours':>8}{'count':>8}{'length':>8}   suspect or worse   unsupported"
    )
    macro: list[tuple[float, ...]] = []
    timed_calls: list[Call] = []
    for path in sorted((data / "scoring" / "hallucination").glob(f"*/{split}.jsonl.gz")):
        name, every = path.parent.name, list(rows(path))
        labels = [bool(row["label"]) for row in every]
        calls = [_grounded(row) for row in every]
        timed_calls += [one for row, one in zip(every, calls, strict=True) if _is_timed(row)]
        scores = [score_grounding(one) for one in calls]
        figures = (
            auroc([score.risk or 0.0 for score in scores], labels),
            auroc([plain_count(row) for row in every], labels),
            auroc([len(row["answer"]) for row in every], labels),
        )
        if name != NOT_IN_MACRO:
            macro.append(figures)
        suspect = _shown([score.outcome in ("suspect", "unsupported") for score in scores], labels)
        unsupported = _shown([score.outcome is GroundingOutcome.UNSUPPORTED for score in scores], labels)
        print(
            f"{name:18}{len(every):6}{sum(labels):6}{_figures(figures)}   {suspect:18} {unsupported:16}"
            + _target(name)
        )
    means = [sum(column) / len(column) for column in zip(*macro, strict=True)]
    print(f"{'macro, no ' + NOT_IN_MACRO:30}{_figures(means)}{'':38}{_target('macro')}")
    print(PUBLISHED.rstrip())
    fresh, known = _timed(_forgetful, timed_calls), _timed(score_grounding, timed_calls)
    print(
        f"µs per call of about 2 kB: {fresh:.0f} with a context that is new, {known:.0f} with one that recurs"
        " (target 200)"
    )


def _grounded(row: dict[str, Any]) -> Call:
    return call(
        documents=(Document(row["context"]),),
        input=(Message("user", (Part(content=row["question"] or ""),)),),
        outputs=(Output(row["answer"], finish_reason=FinishReason.STOP),),
    )


def _is_timed(row: dict[str, Any]) -> bool:
    return TIMED[0] <= len(row["context"]) + len(row["answer"]) <= TIMED[1]


def _forgetful(one: Call) -> object:
    """Scores as if no passage had been seen before."""
    grounding.CACHE = Cache()
    return score_grounding(one)


def _timed(scorer: Callable[[Call], object], calls: Sequence[Call]) -> float:
    return timed(scorer, calls)[1]


def _figures(figures: Sequence[float]) -> str:
    return "".join(f"{figure:8.3f}" for figure in figures)


def _target(name: str) -> str:
    return f"  target {TARGETS[name]:.2f}" if name in TARGETS else ""


def _shown(flags: Sequence[bool], labels: Sequence[bool]) -> str:
    precision, recall = precision_recall(flags, labels)
    return f"P {precision:.2f} R {recall:.2f}"
