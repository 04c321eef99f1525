"""The ``instructions`` table: refusals told from answers, languages, and what recorded calls get.

Beside our refusals stands what a search of the log would find: an answer that says sorry, unable or can't.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks._data import call, precision_recall, rows, timed
from benchmarks.tables.languages import print_languages
from monitor.decode import decode
from monitor.records import Call, InstructionsOutcome, Output, Record
from monitor.scorers.instructions import score_instructions

PUBLISHED = """\
  elsewhere, on SORRY-Bench's labels by people: a model of 7 billion parameters trained for it, kappa 0.81"""

_SEARCHED = re.compile(r"\b(?:sorry|apolog\w+|unable|can't|cannot|can not)\b", re.IGNORECASE)


def table(data: Path, split: str) -> None:
    """Precision and recall of refusals, mistakes of language, outcomes by provider, and the cost."""
    _refusals(data, split)
    print_languages(_grounded_answers(data, split), split)
    _recorded(data)


def _refusals(data: Path, split: str) -> None:
    print(
        f"\ninstructions, {split}: refused by its words; the reference is a search for sorry, unable, can't"
    )
    replies = [
        (row["content"], row["id"].endswith("_cannot_answer"))
        for row in rows(data / "scoring" / "toolcalls" / f"when2call.{split}.jsonl.gz")
        if row["content"]
    ]
    _print_refusals("When2Call replies", replies)
    corrupted = [
        (row["response"], row["error"] == "refusal")
        for row in rows(data / "scoring" / "jsonmode" / "llm_json_mode.jsonl.gz")
        if row["response"].strip()
    ]
    _print_refusals("llm_json_mode", corrupted)
    answers = [(answer, False) for answer in _grounded_answers(data, split)]
    _print_refusals("answers to a context", answers)
    print(PUBLISHED)


def _print_refusals(name: str, labelled: Sequence[tuple[str, bool]]) -> None:
    texts, labels = [text for text, _ in labelled], [label for _, label in labelled]
    scores, cost = timed(score_instructions, [call(outputs=(Output(text),)) for text in texts])
    ours = [score.outcome is InstructionsOutcome.REFUSED for score in scores]
    searched = [_SEARCHED.search(text) is not None for text in texts]
    print(
        f"  {name:22}{len(labels):6} rows{sum(labels):5} refusals   ours {_shown(ours, labels)}"
        f"   reference {_shown(searched, labels)}   {cost:.0f} µs"
    )


def _shown(flags: Sequence[bool], labels: Sequence[bool]) -> str:
    false = sum(flag and not label for flag, label in zip(flags, labels, strict=True))
    if not any(labels):
        return f"false {false}"
    precision, recall = precision_recall(flags, labels)
    return f"P {precision:.2f} R {recall:.2f} kappa {_kappa(flags, labels):.2f} false {false}"


def _kappa(flags: Sequence[bool], labels: Sequence[bool]) -> float:
    """Cohen's: how far agreement goes beyond chance."""
    flagged, labelled = sum(flags) / len(flags), sum(labels) / len(labels)
    chance = flagged * labelled + (1 - flagged) * (1 - labelled)
    same = sum(flag == label for flag, label in zip(flags, labels, strict=True)) / len(labels)
    return (same - chance) / (1 - chance)


def _grounded_answers(data: Path, split: str) -> list[str]:
    """The answers of the hallucination sets: all English, none a refusal, some that found nothing."""
    paths = sorted((data / "scoring" / "hallucination").glob(f"*/{split}.jsonl.gz"))
    return [row["answer"] for path in paths for row in rows(path) if row["answer"].strip()]


def _recorded(data: Path) -> None:
    by_provider = defaultdict[str, Counter[str]](Counter)
    received = datetime(2026, 1, 1, tzinfo=UTC)
    calls: list[Call] = []
    for path in sorted((data / "recorded" / "pairs").glob("*/*.json")):
        calls += decode(
            Record(path.name, 0, 0, path.read_bytes(), timestamp=received), keep_content=True
        ).calls
    scores, cost = timed(score_instructions, calls)
    for one, score in zip(calls, scores, strict=True):
        by_provider[one.provider][score.outcome.value] += 1
        by_provider["all"][score.outcome.value] += 1
    print(f"instructions: {len(calls)} recorded pairs, {cost:.0f} µs a call")
    for provider, outcomes in sorted(by_provider.items(), key=lambda item: -item[1].total())[:9]:
        shares = ", ".join(f"{name} {count}" for name, count in outcomes.most_common())
        print(f"  {provider:22}{outcomes.total():6}   {shares}")
