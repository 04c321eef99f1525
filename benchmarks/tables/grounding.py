"""The ``grounding`` table: AUROC per set, ours beside the plain count and the length."""

from __future__ import annotations

import string
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks._data import auroc, call, precision_recall, rows
from monitor.records import Call, Document, FinishReason, Message, Output, Part
from monitor.scorers.grounding import score_grounding


def plain_count(row: dict[str, Any]) -> int:
    """The reference: answer words of four letters or more whose first five are not in context or question."""
    table = str.maketrans(string.punctuation, " " * len(string.punctuation))

    def words(text: str) -> list[str]:
        return text.lower().translate(table).split()

    known = {word[:5] for word in words(f"{row['context']} {row['question'] or ''}")}
    return sum(word[:5] not in known for word in words(row["answer"]) if len(word) > 3)


def table(data: Path, split: str) -> None:
    """AUROC per set, ours beside the plain count and the length; precision and recall of outcomes."""
    print(f"\ngrounding, {split}: AUROC, and precision/recall of the outcomes")
    print(
        f"{'set':18}{'n':>6}{'pos':>6}{'ours':>8}{'count':>8}{'length':>8}   suspect or worse   unsupported"
    )
    every = []
    for path in sorted((data / "scoring" / "hallucination").glob(f"*/{split}.jsonl.gz")):
        table = list(rows(path))
        labels = [bool(row["label"]) for row in table]
        scores = [score_grounding(_grounded(row)) for row in table]
        risks = [score.risk or 0.0 for score in scores]
        figures = (
            auroc(risks, labels),
            auroc([plain_count(row) for row in table], labels),
            auroc([len(row["answer"]) for row in table], labels),
        )
        if path.parent.name != "summedits":
            every.append(figures)
        flagged = [
            _shown([score.outcome in outcomes for score in scores], labels)
            for outcomes in ({"suspect", "unsupported"}, {"unsupported"})
        ]
        numbers = "".join(f"{figure:8.3f}" for figure in figures)
        print(f"{path.parent.name:18}{len(table):6}{sum(labels):6}{numbers}   {flagged[0]:16}   {flagged[1]}")
    macro = "".join(f"{sum(column) / len(column):8.3f}" for column in zip(*every, strict=True))
    print(f"{'macro, no summedits':30}{macro}")


def _grounded(row: dict[str, Any]) -> Call:
    return call(
        documents=(Document(row["context"]),),
        input=(Message("user", (Part(content=row["question"] or ""),)),),
        outputs=(Output(row["answer"], finish_reason=FinishReason.STOP),),
    )


def _shown(flags: Sequence[bool], labels: Sequence[bool]) -> str:
    precision, recall = precision_recall(flags, labels)
    return f"P {precision:.2f} R {recall:.2f}"
