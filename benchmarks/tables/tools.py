"""The ``tools`` table: precision and recall on mutated and on real calls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks._data import call, precision_recall, rows
from benchmarks._stdlib import accepts
from monitor.records import Call, Output, Tool, ToolCall, ToolsOutcome
from monitor.scorers.tools import score_tools


def table(data: Path, split: str) -> None:
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
            reference.append(not all(accepts(item["arguments"]) for item in row["tool_calls"] or ()))
            if wrong:
                seen[row["error_type"]] += 1
                missed[row["error_type"]] += not ours[-1]
        false = sum(flag and not label for flag, label in zip(ours, labels, strict=True))
        right = len(labels) - sum(labels)
        print(f"  {name:16} ours {_shown(ours, labels)}, false {false} of {right} ({false / right:.2%})")
        print(f"  {'':16} reference {_shown(reference, labels)}")
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


def _shown(flags: Sequence[bool], labels: Sequence[bool]) -> str:
    precision, recall = precision_recall(flags, labels)
    return f"P {precision:.2f} R {recall:.2f}"
