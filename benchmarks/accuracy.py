"""How right the scores are: one table per scorer on public labelled data, beside a plain reference.

The reference's figure is computed in the same run, on the same rows. ``python -m benchmarks.accuracy DATA``:
DATA is the folder with ``scoring/`` in it; thresholds are chosen on ``--split train``.
"""

from __future__ import annotations

import argparse
import base64
import gzip
import json
import string
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from monitor.records import (
    Call,
    Contract,
    ContractKind,
    Document,
    FinishReason,
    JsonOutcome,
    Message,
    Output,
    Part,
    Source,
    Tool,
    ToolCall,
    ToolsOutcome,
)
from monitor.scorers.grounding import score_grounding
from monitor.scorers.json import score_json
from monitor.scorers.tools import score_tools

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"

#: What a broken answer of ``llm_json_mode`` may be called; whatever is not here is ``not_json``.
EXPECTED = {
    None: {JsonOutcome.OK},
    "schema_violation": {JsonOutcome.SCHEMA_VIOLATION},
    "duplicate_key": {JsonOutcome.DUPLICATE_KEYS},
    "truncated": {JsonOutcome.TRUNCATED},
    "fenced": {JsonOutcome.FENCED},
    "prose_prefix": {JsonOutcome.WRAPPED},
    "prose_suffix": {JsonOutcome.WRAPPED},
    "empty": {JsonOutcome.EMPTY},
    "refusal": {JsonOutcome.REFUSED},
}


def call(**fields: Any) -> Call:
    """A call with these fields and nothing else that matters."""
    return Call(call_id="benchmark", started_at=datetime.now(UTC), source=Source("benchmark"), **fields)


def rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a gzipped JSON lines file."""
    with gzip.open(path, "rb") as lines:
        yield from map(msgspec.json.decode, lines)


def auroc(scores: Sequence[float], labels: Sequence[bool]) -> float:
    """The probability that a positive scores above a negative, ties counting half (Mann-Whitney)."""
    ranked = sorted(zip(scores, labels, strict=True))
    positives, rank_sum, start = sum(labels), 0.0, 0
    while start < len(ranked):
        end = start
        while end < len(ranked) and ranked[end][0] == ranked[start][0]:
            end += 1
        rank_sum += (start + end + 1) / 2 * sum(label for _, label in ranked[start:end])
        start = end
    return (rank_sum - positives * (positives + 1) / 2) / (positives * (len(ranked) - positives))


def plain_count(row: dict[str, Any]) -> int:
    """The reference: answer words of four letters or more whose first five are not in context or question."""
    table = str.maketrans(string.punctuation, " " * len(string.punctuation))

    def words(text: str) -> list[str]:
        return text.lower().translate(table).split()

    known = {word[:5] for word in words(f"{row['context']} {row['question'] or ''}")}
    return sum(word[:5] not in known for word in words(row["answer"]) if len(word) > 3)


def grounding(data: Path, split: str) -> None:
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
            _precision_recall([score.outcome in outcomes for score in scores], labels)
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


def _precision_recall(flags: Sequence[bool], labels: Sequence[bool]) -> str:
    hits = sum(flag and label for flag, label in zip(flags, labels, strict=True))
    return f"P {hits / max(1, sum(flags)):.2f} R {hits / max(1, sum(labels)):.2f}"


def json_mode(data: Path) -> None:
    """Agreement with the labels of ``llm_json_mode`` and JSONTestSuite, beside the standard library's."""
    right, total = Counter[str](), Counter[str]()
    valid_ours = valid_stdlib = 0
    for row in rows(data / "scoring" / "jsonmode" / "llm_json_mode.jsonl.gz"):
        contract = Contract(ContractKind.JSON_SCHEMA, row["schema"])
        outcome = score_json(call(contract=contract, outputs=(Output(row["response"]),))).outcome
        name = row["error"] or "none"
        total[name] += 1
        right[name] += outcome in EXPECTED.get(row["error"], {JsonOutcome.NOT_JSON})
        kept = {JsonOutcome.OK, JsonOutcome.DUPLICATE_KEYS, JsonOutcome.SCHEMA_VIOLATION, JsonOutcome.UNKNOWN}
        valid_ours += (outcome in kept) == row["json_valid"]
        valid_stdlib += _stdlib_accepts(row["response"]) == row["json_valid"]
    print("\njson: llm_json_mode, share of answers given the outcome that their corruption asks for")
    for name in sorted(total):
        print(f"  {name:18}{right[name]:6} of {total[name]}")
    print(f"  {'all':18}{right.total():6} of {total.total()}")
    print(f"  valid or not: ours {valid_ours}, json.loads {valid_stdlib} of {total.total()}")

    ours = stdlib = decided = 0
    for row in rows(data / "scoring" / "jsonmode" / "jsontestsuite.jsonl.gz"):
        if row["expect"] == "impl":
            continue
        decided += 1
        raw = base64.b64decode(row["b64"])
        text = raw.decode(errors="surrogateescape")
        contract = Contract(ContractKind.JSON_SCHEMA, schema=True)
        outcome = score_json(call(contract=contract, outputs=(Output(text),))).outcome
        ours += (outcome in {JsonOutcome.OK, JsonOutcome.DUPLICATE_KEYS}) == (row["expect"] == "valid")
        stdlib += _stdlib_accepts(raw) == (row["expect"] == "valid")
    print(f"json: JSONTestSuite, decided cases: ours {ours}, json.loads {stdlib} of {decided}")


def _stdlib_accepts(text: str | bytes) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def tools(data: Path, split: str) -> None:
    """Precision and recall on mutated and on real calls, ours beside "the arguments parse"."""
    print(f"\ntools, {split}: flagged as broken; the reference flags arguments that json.loads refuses")
    for name in ("bfcl_mutations", "bfcl_real"):
        labels, ours, reference, missed, seen = [], [], [], Counter[str](), Counter[str]()
        for row in rows(data / "scoring" / "toolcalls" / f"{name}.{split}.jsonl.gz"):
            if row["label"] == "ambiguous":
                continue
            outcome = score_tools(_with_tools(row)).outcome
            wrong = row["label"] == "incorrect"
            labels.append(wrong)
            ours.append(outcome not in {ToolsOutcome.OK, ToolsOutcome.NOT_APPLICABLE, ToolsOutcome.UNKNOWN})
            reference.append(not all(_stdlib_accepts(item["arguments"]) for item in row["tool_calls"] or ()))
            if wrong:
                seen[row["error_type"]] += 1
                missed[row["error_type"]] += not ours[-1]
        false = sum(flag and not label for flag, label in zip(ours, labels, strict=True))
        right = len(labels) - sum(labels)
        print(
            f"  {name:16} ours {_precision_recall(ours, labels)}, "
            f"false {false} of {right} ({false / right:.2%})"
        )
        print(f"  {'':16} reference {_precision_recall(reference, labels)}")
        print(f"  {'':16} found: " + ", ".join(f"{k} {n - missed[k]}/{n}" for k, n in sorted(seen.items())))


def _with_tools(row: dict[str, Any]) -> Call:
    offered = [tool["function"] for tool in row["tools"]]
    return call(
        tools=tuple(Tool(tool["name"], schema=tool.get("parameters")) for tool in offered),
        outputs=(
            Output(
                row["content"] or "",
                tool_calls=tuple(
                    ToolCall(item["name"], item["arguments"]) for item in row["tool_calls"] or ()
                ),
            ),
        ),
    )


def main() -> None:
    """Print every table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="?", type=Path, default=DATA)
    parser.add_argument("--split", choices=("train", "test"), default="test")
    options = parser.parse_args()
    json_mode(options.data)
    tools(options.data, options.split)
    grounding(options.data, options.split)


if __name__ == "__main__":
    main()
