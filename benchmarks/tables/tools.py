"""The ``tools`` table: what the outcome and the risk find of mutated, real and When2Call's mistakes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from benchmarks._data import auroc, call, precision_recall, rows, timed
from benchmarks._stdlib import accepts
from monitor.records import (
    ABSTENTIONS,
    RISKY,
    Call,
    Message,
    Output,
    Part,
    PartType,
    Tool,
    ToolCall,
    ToolsOutcome,
    ToolsScore,
)
from monitor.scorers.tools import score_tools

Row = dict[str, Any]

#: Of scoring.md §2: on the sealed half and this one together.
PUBLISHED = {
    "bfcl_mutations": "strict schema check P 1.000 R .872; gradient boosting on 25 features AUROC .994; "
    "ungrounded .921 on wrong_value, .808 on placeholder_value; other tool .968 on wrong_function",
    "bfcl_real": "strict schema check P .960 R .103, false .32 %; gradient boosting .856 (should_not_call "
    ".946, wrong_call_count .908, wrong_value .616); ungrounded .634 on wrong_value, "
    ".832 on should_not_call; other tool .951 on wrong_function, .686 on wrong_call_count",
    "when2call": "with a call: strict schema check P .951 R .503; gradient boosting .844; ungrounded .848 on "
    "should_ask_first",
}
TARGETS = {
    "bfcl_mutations": "flagged P ≥ .99 R ≥ .93",
    "bfcl_real": "structural false ≤ .30 %; risk ≥ .85, should_not_call ≥ .88, wrong_function ≥ .95",
    "when2call": "risk ≥ .85 with a call",
}
#: Tools of the calls for which the target of speed is set.
TOOLS_OF_TARGET = 3


class Scored(NamedTuple):
    """A row with its call and what we say of it."""

    row: Row
    call: Call
    score: ToolsScore

    @property
    def wrong(self) -> bool:
        """Whether the row is labelled a mistake."""
        return bool(self.row["label"] == "incorrect")

    @property
    def broken(self) -> bool:
        """Whether the outcome is a structural failure."""
        return self.score.outcome is not ToolsOutcome.OK and self.score.outcome not in ABSTENTIONS

    @property
    def risk(self) -> float:
        """Our risk; untold is none."""
        return self.score.risk or 0.0


def table(data: Path, split: str) -> None:
    """Precision and recall of what is flagged, AUROC of the risk, beside references on the same rows."""
    print(f"\ntools, {split}: flagged is a structural failure, or a risk of {RISKY} or more")
    for name in PUBLISHED:
        labelled = [
            row
            for row in rows(data / "scoring" / "toolcalls" / f"{name}.{split}.jsonl.gz")
            if row["label"] != "ambiguous"
        ]
        calls = [with_tools(row) for row in labelled]
        scores, microseconds = timed(score_tools, calls)
        _, of_three = timed(score_tools, [made for made in calls if len(made.tools) == TOOLS_OF_TARGET])
        every = [Scored(*each) for each in zip(labelled, calls, scores, strict=True)]
        print(f"\n  {name}, {len(every)} rows, {microseconds:.0f} µs per call")
        print(f"    with three tools {of_three:.0f} µs (target ≤ 150)")
        _print_flags(every)
        _print_ranks(every)
        print(f"    published:  {PUBLISHED[name]}\n    target:     {TARGETS[name]}")
    _print_airline(data, split)


def _print_flags(every: Sequence[Scored]) -> None:
    labels = [each.wrong for each in every]
    right = len(labels) - sum(labels)
    for title, flags in (
        ("structural", [each.broken for each in every]),
        ("flagged", [each.broken or each.risk >= RISKY for each in every]),
        ("json.loads", [not all(accepts(made.arguments) for made in _made(each)) for each in every]),
    ):
        precision, recall = precision_recall(flags, labels)
        false = sum(flag and not label for flag, label in zip(flags, labels, strict=True))
        shown = f"false {false} of {right} ({false / max(1, right):.2%})"
        print(f"    {title:12}P {precision:.3f} R {recall:.3f}, {shown}")


def _print_ranks(every: Sequence[Scored]) -> None:
    """AUROC against the right rows, of all answers, of those with a call, and of each kind of mistake.

    The best reference of a row is named; one that is above ours is marked.
    """
    with_call = [each for each in every if _made(each)]
    groups = {"all answers": every, "with a call": with_call}
    kinds = sorted({each.row["error_type"] for each in with_call if each.wrong})
    for kind in kinds:
        groups[kind] = [each for each in with_call if not each.wrong or each.row["error_type"] == kind]
    references = {"ungrounded": plain_ungrounded, "other tool": plain_other_tool}
    print(f"    {'AUROC':24}{'wrong':>6}{'risk':>8}{'ungrounded':>12}{'other tool':>12}   best reference")
    for title, group in groups.items():
        labels = [each.wrong for each in group]
        ours = auroc([each.risk for each in group], labels)
        figures = {name: auroc([rank(each) for each in group], labels) for name, rank in references.items()}
        best = max(figures, key=figures.__getitem__)
        above = ", above ours" if figures[best] > ours else ""
        print(
            f"    {title:24}{sum(labels):6}{ours:8.3f}"
            + "".join(f"{figure:12.3f}" for figure in figures.values())
            + f"   {best} {figures[best]:.3f}{above}"
        )


def _print_airline(data: Path, split: str) -> None:
    """Whole conversations of tau-bench, whose reward says whether the customer got what he wanted."""
    folder = data / "scoring" / "toolcalls"
    tools = _offered(msgspec.json.decode((folder / "tau_airline_tools.json").read_bytes()))
    failed, made, errors, scores = [], list[int](), list[int](), list[ToolsScore]()
    for row in rows(folder / f"tau_airline.{split}.jsonl.gz"):
        messages = row["messages"]
        failed.append(not row["reward"])
        made.append(sum(len(message.get("tool_calls") or ()) for message in messages))
        errors.append(sum(message["role"] == "tool" and _is_error(message) for message in messages))
        scores += [score_tools(answer) for answer in _answers(messages, tools)]
    risks = [score.risk for score in scores if score.risk is not None]
    broken = sum(score.outcome is not ToolsOutcome.OK for score in scores)
    print(
        f"\n  tau_airline, {len(failed)} conversations, {sum(failed)} failed: AUROC of the number of calls "
        f"{auroc(made, failed):.3f}, of tool errors {auroc(errors, failed):.3f} (published: length .683)\n"
        f"    of {len(scores)} answers {broken} are not ok, "
        f"{len(risks)} have a risk, {sum(risk >= RISKY for risk in risks)} one of {RISKY} or more"
    )


def _is_error(message: dict[str, Any]) -> bool:
    return str(message["content"]).startswith("Error")


def _answers(messages: Sequence[dict[str, Any]], tools: tuple[Tool, ...]) -> Iterator[Call]:
    """Each answer of a conversation as a call."""
    before: list[Message] = []
    for message in messages:
        calls = [(each["id"], each["function"]) for each in message.get("tool_calls") or ()]
        if message["role"] == "assistant":
            output = Output(
                message["content"] or "",
                tool_calls=tuple(ToolCall(made["name"], made["arguments"], key) for key, made in calls),
            )
            yield call(tools=tools, input=tuple(before), outputs=(output,))
        kind = PartType.TOOL_RESULT if message["role"] == "tool" else PartType.TEXT
        said = Part(kind, content=message["content"] or "", id=message.get("tool_call_id"))
        asked = [
            Part(PartType.TOOL_CALL, id=key, name=made["name"], arguments=made["arguments"])
            for key, made in calls
        ]
        before.append(Message(message["role"], (said, *asked)))


def _offered(tools: Sequence[dict[str, Any]]) -> tuple[Tool, ...]:
    """Tools in OpenAI's shape."""
    return tuple(
        Tool(each["name"], description=each.get("description"), schema=each.get("parameters"))
        for each in (tool["function"] for tool in tools)
    )


def with_tools(row: Row) -> Call:
    """The row as a call."""
    return call(
        tools=_offered(row["tools"]),
        input=tuple(
            Message(message["role"], (Part(content=message["content"] or ""),)) for message in row["messages"]
        ),
        outputs=(
            Output(
                row["content"] or "",
                tool_calls=tuple(
                    ToolCall(item["name"], item["arguments"]) for item in row["tool_calls"] or ()
                ),
            ),
        ),
    )


def plain_ungrounded(each: Scored) -> float:
    """A reference: of each call's arguments, the largest share of words that the user didn't say."""
    said = set(_words(" ".join(part.content for message in each.call.input for part in message.parts)))
    shares = [
        sum(word not in said for word in words) / len(words)
        for made in _made(each)
        for value in made.arguments.split(",")
        if (words := _words(value.partition(":")[2]))
    ]
    return max(shares, default=0.0)


def plain_other_tool(each: Scored) -> float:
    """A reference: how much more of the request the best other tool's name and description say."""
    said = set(_words(each.call.input[-1].parts[0].content))
    names = {made.name for made in _made(each)}
    fits: Callable[[Tool], int] = lambda tool: len(said & set(_words(f"{tool.name} {tool.description}")))  # noqa: E731
    best = max((fits(tool) for tool in each.call.tools if tool.name not in names), default=0)
    return best - max((fits(tool) for tool in each.call.tools if tool.name in names), default=0)


def _made(each: Scored) -> Sequence[ToolCall]:
    return each.call.outputs[0].tool_calls


def _words(text: str) -> list[str]:
    return "".join(letter if letter.isalnum() else " " for letter in text.lower()).split()
