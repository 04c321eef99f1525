"""What is structurally wrong with tool calls: an answer comes in, findings go out.

Names, arguments against their schema, ``tool_choice``, ``parallel_tool_calls``, and calls made over again.
Tools that the provider runs itself are none of the application's and are left out.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from monitor.records import Call, FinishReason, Output, Tool, ToolCall, ToolsOutcome
from monitor.scorers.details import MAX_NAME, shown_tool
from monitor.scorers.schema import Schemas, Unusable
from monitor.scorers.strict import Broken, duplicate_key, parse
from monitor.scorers.tools.loop import Conversation, Step
from monitor.scorers.tools.results import is_error, is_unfinished
from monitor.scorers.tools.words import name_words, words_of

#: Characters of arguments above which two calls are not compared.
MAX_COMPARED = 100_000
#: Work, as a schema's budget counts it, of judging one call besides: so no more than 4,000 calls are judged.
CALL_WORK = 10_000

_UNFINISHED = frozenset({FinishReason.PAUSE, FinishReason.ERROR})
_BY_KEYWORD = {
    "required": ToolsOutcome.MISSING_ARGUMENT,
    "dependentRequired": ToolsOutcome.MISSING_ARGUMENT,
    "additionalProperties": ToolsOutcome.UNEXPECTED_ARGUMENT,
    "unevaluatedProperties": ToolsOutcome.UNEXPECTED_ARGUMENT,
    "type": ToolsOutcome.WRONG_TYPE,
}
_OPEN = frozenset(
    {
        "additionalProperties",
        "patternProperties",
        "unevaluatedProperties",
        "$ref",
        "$dynamicRef",
        "allOf",
        "anyOf",
        "oneOf",
        "if",
        "dependentSchemas",
        "dependencies",
    }
)
# Words in the names of tools that are meant to be called over and over: chance, and waiting or moving on.
_CHANCE = frozenset({"roll", "dice", "random", "flip", "draw", "shuffle", "uuid"})
_OVER_AGAIN = _CHANCE | frozenset(
    words_of(
        """
    wait sleep poll status check progress next more scroll click press key type step move swipe screenshot
    snapshot refresh reload tick now time think continue retry computer browser run exec execute bash shell
    command test update read receive
    """
    )
)
# Words of a request that want something so many times.
_TIMES_SPELT = """
    ; ; two twice both another again double couple pair; three thrice triple; four; five; six; seven; eight;
    nine; ten
    """
_TIMES = {
    word: number
    for number, words in enumerate(_TIMES_SPELT.split(";"))
    for word in (*words.split(), f"{number}")
}
_WHOLE_WORD = re.compile(r"(?<![\w.,:/-])\w+(?![\w:/-])")
_Key = tuple[str, bytes]


class Finding(NamedTuple):
    """One thing that is wrong, or that could not be judged."""

    outcome: ToolsOutcome
    detail: str


class Made(NamedTuple):
    """One call of an answer, read."""

    call: ToolCall
    tool: Tool | None
    """The tool that was offered under its name."""
    arguments: dict[str, Any] | None
    broken: str | None
    """Why there are no arguments."""


def read_calls(output: Output, tools: Mapping[str, Tool]) -> list[Made]:
    """The calls that are the application's, with their arguments.

    An empty text stands for no arguments: streams carry it so where there are none.
    """
    made = []
    for tool_call in output.tool_calls:
        if tool_call.server_side:
            continue
        arguments, why = None, None
        try:
            value = parse(tool_call.arguments or "{}")
        except Broken as broken:
            cut = broken.truncated and output.finish_reason == FinishReason.LENGTH
            why = "cut off by the token limit" if cut else broken.reason
        else:
            arguments, why = (value, None) if isinstance(value, dict) else (None, "not an object")
        made.append(Made(tool_call, tools.get(tool_call.name), arguments, why))
    return made


def findings(
    call: Call,
    output: Output,
    calls: Sequence[Made],
    conversation: Conversation,
    schemas: Schemas,
    *,
    required: bool,
) -> Iterator[Finding]:
    """What is wrong with one choice of an answer.

    Args:
        call: the whole call.
        output: the choice.
        calls: its calls, as ``read_calls`` gives them.
        conversation: what they were made in.
        schemas: those of the whole call.
        required: whether a call was required.
    """
    if output.finish_reason == FinishReason.MALFORMED_TOOL_CALL:
        yield Finding(ToolsOutcome.MALFORMED_ARGUMENTS, "reported by the provider")
    allowed = call.tool_choice.names
    for made in calls:
        name = shown_tool(made.call.name, [made.tool.name] if made.tool else [])
        yield from _judge(made, name, schemas, complete=call.captured.tools)
        if call.tool_choice.mode == "none" or (allowed and made.call.name not in allowed):
            yield Finding(ToolsOutcome.FORBIDDEN_CALL, name)
    if required and not output.tool_calls and output.finish_reason not in _UNFINISHED:
        yield Finding(ToolsOutcome.MISSING_CALL, output.finish_reason.value)
    if len(calls) > 1 and not call.parallel_tool_calls:
        yield Finding(ToolsOutcome.PARALLEL_NOT_ALLOWED, f"{len(calls)} calls")
    yield from _repeated(calls, conversation)


def _judge(made: Made, name: str, schemas: Schemas, *, complete: bool) -> Iterator[Finding]:
    """What is wrong with one call by itself."""
    try:
        schemas.budget.spend(CALL_WORK)
    except Unusable as why:
        yield Finding(ToolsOutcome.UNKNOWN, f"{name}: {why}")
        return
    tool, arguments = made.tool, made.arguments
    if tool is None:
        yield (
            Finding(ToolsOutcome.UNKNOWN_TOOL, name)
            if complete
            else Finding(ToolsOutcome.UNKNOWN, "tools not captured")
        )
    if arguments is None:
        yield Finding(ToolsOutcome.MALFORMED_ARGUMENTS, f"{name}: {made.broken}")
        return
    if _may_repeat(arguments, made.call.arguments) and duplicate_key(made.call.arguments) is not None:
        yield Finding(ToolsOutcome.MALFORMED_ARGUMENTS, f"{name}: an argument given twice")
    if tool is None or tool.kind != "function":
        return
    if tool.schema is None:
        if not complete:
            yield Finding(ToolsOutcome.UNKNOWN, f"{name}: schema not captured")
        return
    for _ in _undeclared(arguments, tool.schema):
        yield Finding(ToolsOutcome.UNEXPECTED_ARGUMENT, f"{name}: an argument is not declared")
    try:
        violations = schemas.violations(tool.schema, arguments, len(made.call.arguments))
    except Unusable as why:
        yield Finding(ToolsOutcome.UNKNOWN, f"{name}: {why}")
        return
    for violation in violations:
        outcome = _BY_KEYWORD.get(violation.keyword, ToolsOutcome.INVALID_VALUE)
        yield Finding(outcome, f"{name}: {violation}")


def _may_repeat(arguments: dict[str, Any], text: str) -> bool:
    """Whether ``text`` has more quotation marks than ``arguments`` take: only then a name may be there twice.

    Counting them is cheaper than parsing once more. Nested arguments are not counted, and may.
    """
    texts = sum([isinstance(value, str) for value in arguments.values()])
    nested = any(isinstance(value, dict | list) for value in arguments.values())
    return nested or text.count('"') > 2 * (len(arguments) + texts)


def _undeclared(arguments: dict[str, Any], schema: dict[str, Any] | bool) -> list[str]:
    """Arguments that the tool does not declare.

    JSON Schema lets an object have properties that it does not name, but a function takes no parameter that
    it does not name. So a list of ``properties`` is taken for complete unless the schema says how it goes on.
    """
    if isinstance(schema, bool) or not _OPEN.isdisjoint(schema):
        return []
    declared = schema.get("properties")
    return [key for key in arguments if key not in declared] if isinstance(declared, dict) else []


def _repeated(calls: Sequence[Made], conversation: Conversation) -> Iterator[Finding]:
    """Calls that say nothing new: the same tool with the same arguments, in this answer or just before it."""
    if len(calls) < 2 and not conversation.loop:
        return
    seen: Counter[_Key] = Counter()
    before = {key for step in conversation.last_steps if _is_answered(step) and (key := _key(step))}
    for made in calls:
        if made.tool is None or made.arguments is None or len(made.call.arguments) > MAX_COMPARED:
            continue
        name, words = made.tool.name[:MAX_NAME], name_words(made.tool.name)
        key = made.tool.name, _canonical(made.arguments)
        again = bool(key in before and made.arguments and not words & _OVER_AGAIN)
        if again or (seen[key] and not words & _CHANCE):
            steps = [step for step in conversation.steps if step.made.name == key[0]]
            times = 1 + seen[key] + sum([_key(step) == key for step in steps])
            if times > _times_asked(conversation.request, key[1]):
                how = "twice in one answer" if seen[key] else "again, though answered"
                yield Finding(ToolsOutcome.REPEATED_CALL, f"{name}: {how}")
        seen[key] += 1


def _is_answered(step: Step) -> bool:
    """Whether a call was answered for good: to ask again is right where it failed or wasn't done."""
    result = step.result
    return result is not None and result.content != "" and not is_error(result) and not is_unfinished(result)


def _times_asked(request: str, arguments: bytes) -> int:
    """How often the request may want the same call: a number that it says and that is no argument of it."""
    said = set(_WHOLE_WORD.findall(request.lower()))
    times = {_TIMES[word] for word in said & _TIMES.keys()}
    return max([number for number in times if str(number).encode() not in arguments], default=1)


def _key(step: Step) -> _Key | None:
    """What two calls that are the same share, of one that was made before."""
    name, arguments = step.made.name or "", step.made.arguments or "{}"
    if len(arguments) > MAX_COMPARED:
        return None
    try:
        value = parse(arguments)
    except Broken:
        return None
    return (name, _canonical(value)) if isinstance(value, dict) else None


def _canonical(arguments: dict[str, Any]) -> bytes:
    """The arguments without what makes no difference: white space and the order of names."""
    return msgspec.json.encode(arguments, order="sorted")
