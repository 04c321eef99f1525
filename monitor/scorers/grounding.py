"""The ``grounding`` score: a call comes in, how much of its answer the context does not carry goes out.

A heuristic, not a judge: it counts the answer's content words, numbers, names and links that stand nowhere in
what the model was given. It sees invention and misses contradiction, and a right answer in other words than
its context's looks like invention to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from monitor.records import (
    Call,
    ContractKind,
    FinishReason,
    GroundingOutcome,
    GroundingScore,
    Output,
    PartType,
    Signal,
    Status,
)
from monitor.scorers.refusal import refuses
from monitor.scorers.strict import Broken, parse
from monitor.scorers.words import Support, is_latin, unsupported

#: Of this scorer: a change that can change a score counts one up.
VERSION: Final = 2

#: Characters from which on one user message is taken for a passage to be grounded in.
LONG_PASSAGE = 800
#: Characters of tool results from which on an answer is taken to stand on them; fewer are a value or two.
MIN_RESULTS = 200
#: Characters of context, and of answer, above which nothing is judged.
MAX_CONTEXT = 1_000_000
MAX_ANSWER = 100_000
#: Unsupported items at which ``risk`` is one half.
HALF_RISK = 8
#: Unsupported items, and share of content words, from which on an answer is ``suspect``: together they have
#: the best mean balanced accuracy on the train parts (docs/scores.md).
SUSPECT_ITEMS, SUSPECT_SHARE = 3, 0.2
#: The same for ``unsupported``: there they reach a precision of 0.85.
UNSUPPORTED_ITEMS, UNSUPPORTED_SHARE = 8, 0.25

_CONTEXT_PARTS = frozenset({PartType.DOCUMENT, PartType.TOOL_RESULT})
_READ_PARTS = _CONTEXT_PARTS | {PartType.TEXT}
_MARKED = re.compile(
    r"""^[ \t#*]*(?:(?:retrieved|relevant|given|provided|supporting|background|the)\ )*
        (?:contexts?|passages?|documents?|sources?|excerpts?|articles?|evidence|references|search\ results|
           knowledge\ base|transcript|snippets?)(?:\ \w+|\ \#?\d+)?[*]*\s*:
    |<(?:contexts?|passages?|documents?|sources?|excerpts?|articles?|evidence|files?|search_results|transcript|
         snippets?)\b""",
    re.IGNORECASE | re.MULTILINE | re.VERBOSE,
)
_CODE = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_NO_ANSWER = frozenset(
    {FinishReason.TOOL_CALL, FinishReason.REFUSAL, FinishReason.CONTENT_FILTER, FinishReason.PAUSE}
)
_JSON = frozenset({ContractKind.JSON_OBJECT, ContractKind.JSON_SCHEMA})


def score_grounding(call: Call) -> GroundingScore:
    """How much of the call's answer its context does not carry. Never raises.

    ``risk`` is ``items / (items + HALF_RISK)``, so it ranks calls as ``items`` does, an untrained count:
    unsupported content words and names, and twice the numbers and links, one of which is worse than an
    odd word. With several choices, the one with the highest risk is reported.
    """
    if call.status == Status.ERROR:
        return GroundingScore(GroundingOutcome.NOT_APPLICABLE)
    if not call.captured.input or not call.captured.output:
        return GroundingScore(GroundingOutcome.UNKNOWN)
    if not _has_context(call):
        return GroundingScore(GroundingOutcome.NOT_APPLICABLE)
    answers = [answer for output in call.outputs if (answer := _answer(output, call))]
    if not answers:
        return GroundingScore(GroundingOutcome.NOT_APPLICABLE)
    if _is_hidden(call):
        return GroundingScore(GroundingOutcome.UNKNOWN)
    context = "\n".join(_context(call))
    if len(context) > MAX_CONTEXT or not is_latin(context):
        return GroundingScore(GroundingOutcome.UNKNOWN)
    support = Support(context)
    return max(
        (_judge(answer, support) for answer in answers),
        key=lambda score: -1.0 if score.risk is None else score.risk,
    )


def _judge(answer: str, support: Support) -> GroundingScore:
    if len(answer) > MAX_ANSWER or not is_latin(answer):
        return GroundingScore(GroundingOutcome.UNKNOWN)
    terms = unsupported(answer, support)
    if terms.foreign:
        return GroundingScore(GroundingOutcome.UNKNOWN)
    if not terms.content:
        return GroundingScore(GroundingOutcome.NOT_APPLICABLE)
    items = terms.words + terms.names + 2 * (terms.numbers + terms.links)
    share = terms.words / terms.content
    outcome = GroundingOutcome.SUPPORTED
    if items >= UNSUPPORTED_ITEMS and share >= UNSUPPORTED_SHARE:
        outcome = GroundingOutcome.UNSUPPORTED
    elif items >= SUSPECT_ITEMS and share >= SUSPECT_SHARE:
        outcome = GroundingOutcome.SUSPECT
    return GroundingScore(
        outcome,
        risk=round(items / (items + HALF_RISK), 4),
        words=terms.words,
        share=round(share, 4),
        signals=tuple(
            Signal(name, count)
            for name, count in (("numbers", terms.numbers), ("names", terms.names), ("links", terms.links))
            if count
        ),
    )


def _has_context(call: Call) -> bool:
    """Whether the call carries something that its answer is meant to stand on.

    That is: a document, tool results that are more than a few values, a block that calls itself context, or a
    long user message. A long system message alone is instructions.
    """
    if any(document.content for document in call.documents):
        return True
    results = 0
    for message in call.input:
        for part in message.parts:
            if part.type == PartType.DOCUMENT and part.content:
                return True
            if part.type == PartType.TOOL_RESULT:
                results += len(part.content)
            elif part.type == PartType.TEXT and message.role != "assistant":
                is_passage = message.role == "user" and len(part.content) >= LONG_PASSAGE
                if is_passage or _MARKED.search(part.content):
                    return True
    return results >= MIN_RESULTS


def _is_hidden(call: Call) -> bool:
    """Whether the answer may draw on what the record does not show: media, or the provider's own search."""
    if any(part.type == PartType.MEDIA for message in call.input for part in message.parts):
        return True
    searched = any(
        output.citations or any(tool_call.server_side for tool_call in output.tool_calls)
        for output in call.outputs
    )
    return searched and not call.documents


def _context(call: Call) -> Iterator[str]:
    """Everything the answer may draw on: what the model was given, but not what it said itself."""
    for document in call.documents:
        yield document.content
    for message in call.input:
        if message.role != "assistant":
            yield from (part.content for part in message.parts if part.type in _READ_PARTS)
    if isinstance(call.contract.schema, dict):
        yield from _strings(call.contract.schema)


def _answer(output: Output, call: Call) -> str:
    """The prose to judge: of a JSON answer its string values, of any other its text without code."""
    if (
        output.finish_reason in _NO_ANSWER
        or output.refusal
        or refuses(output.text)
        or any(not tool_call.server_side for tool_call in output.tool_calls)
    ):
        return ""
    if call.contract.kind in _JSON:
        try:
            return "\n".join(_strings(parse(output.text)))
        except Broken:
            return ""
    return _CODE.sub(" ", output.text).strip()


def _strings(value: Any) -> Iterator[str]:
    """The strings of a JSON value, keys left out, level by level."""
    level = [value]
    while level:
        following: list[Any] = []
        for item in level:
            if isinstance(item, str):
                yield item
            elif isinstance(item, dict):
                following.extend(item.values())
            elif isinstance(item, list):
                following.extend(item)
        level = following
