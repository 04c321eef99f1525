"""The signals of ``tools_risk``: an answer and its conversation come in, named values go out.

A signal is 0 where nothing was found or nothing can be told, and the more the likelier it is that the calls,
or their absence, are not what was asked for. What each one means stands in ``docs/scores.md``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from monitor.records import Tool
from monitor.scorers.tools.loop import Conversation
from monitor.scorers.tools.numbers import NUMBER
from monitor.scorers.tools.told import tells_of_failure
from monitor.scorers.tools.unused import Used
from monitor.scorers.tools.values import Values, judge_values
from monitor.scorers.tools.words import ToolWords, name_words, prepared, stem, stems, words_of

#: Calls of an answer, values of their arguments, and tools of a list that are compared.
MAX_CALLS, MAX_VALUES, MAX_TOOLS = 32, 160, 128
#: Characters of an answer's text that are read.
MAX_TEXT = 8_000
#: Characters of an answer in which it declines, and at its end asks back.
MAX_OPENING = 300
#: Above these placeholders their signal says no more.
MAX_PLACEHOLDERS = 2
#: Words after "not" that are not wanted.
MAX_UNWANTED = 2
#: The share of an answer's words that makes it one that was given.
MOST = 0.6
#: How much less another tool may fit than the called one, and still be one that was asked for, too.
FITS_AS_WELL = 0.9

# Words of a request that asks for more than one thing; and those of which it has to say two.
_SEVERAL = frozenset(
    words_of(
        """
        firstly secondly thirdly then finally lastly also both respectively additionally compare followed
        """
    )
)
_IN_ORDER = frozenset(words_of("first second third next last"))
# Words of a request for code: the tools that it names are not to be called.
_CODE = frozenset(words_of("code script program snippet python javascript typescript java rust sql"))
# A failure or a limit is told, in English.
_DECLINES = re.compile(
    r"""\b(?:unable | can['\u2019]?t | cannot | could(?:n['\u2019]t|\ not) | did(?:n['\u2019]t|\ not)
    | (?:don['\u2019]?t|do\ not)\ have | not\ (?:able|possible|found) | no\ (?:tool|function|access)
    | sorry | apologi[sz]e | apologies | unfortunately | error | fail\w* | issue | problem | went\ wrong
    | invalid | unavailable | try\ again | however)\b""",
    re.IGNORECASE | re.VERBOSE,
)
# What is missing is asked for without a question mark, in English.
_ASKS = re.compile(
    r"""\bplease\ (?:provide|share|specify|confirm|tell) | \blet\ me\ know\b
    | \b(?:i|i['\u2019]ll|we)\ need\b""",
    re.IGNORECASE | re.VERBOSE,
)
# The names of tools that take the answer itself, whose arguments are what the model has to say, are of these.
_ANSWER = frozenset(
    words_of(
        """
        answer final finish format formatted give json output respond response result return
        structured submit tool
        """
    )
)


class Called(NamedTuple):
    """One call that an answer makes of a tool that was offered."""

    tool: Tool
    arguments: dict[str, Any]


def call_signals(
    called: Sequence[Called],
    offered: Mapping[str, Tool],
    conversation: Conversation,
    *,
    free: bool,
    parallel: bool = True,
) -> dict[str, float]:
    """What speaks against these calls.

    Args:
        called: the calls, those of unknown tools and with broken arguments left out.
        offered: the tools that were offered, by name.
        conversation: what the calls were made in.
        free: whether the model chose to call, and which tool.
        parallel: whether it was allowed more than one call.
    """
    called = [each for each in called[:MAX_CALLS] if not _ANSWER.issuperset(name_words(each.tool.name))]
    tools = {each.tool.name: each.tool for each in called} | dict(list(offered.items())[:MAX_TOOLS])
    words = dict(zip(tools, prepared(tools.values()), strict=True))
    support = conversation.support
    values = [
        judge_values(
            each.arguments, each.tool.schema, words[each.tool.name], support, MAX_VALUES // len(called)
        )
        for each in called
        if support is not None
    ]
    signals = _value_signals(values) if values else {}
    if called and free and conversation.words and not conversation.loop:
        names = {each.tool.name for each in called}
        others = [tool for name, tool in words.items() if name not in names]
        of_calls = [words[each.tool.name] for each in called]
        signals |= _request_signals(of_calls, others, conversation, parallel=parallel)
        if support is not None and values and conversation.given:
            known = frozenset[str]().union(*[words[name].every for name in names])
            used = Used(values, known, support)
            signals["value_not_used"] = used.unused(conversation.given)
            if parallel and len(called) == 1 and not signals["several_asked"]:
                signals["several_asked"] = float(used.leaves_out(conversation.request))
    return signals


def answer_signals(
    text: str, offered: Mapping[str, Tool], conversation: Conversation, *, free: bool
) -> dict[str, float]:
    """What speaks against an answer that makes no call.

    Args:
        text: the answer.
        offered: the tools that were offered, by name; of those that the provider runs, nothing is expected.
        conversation: what it answers.
        free: whether it was the model's choice.
    """
    text = text[:MAX_TEXT]
    signals: dict[str, float] = {}
    if not text.strip():
        return signals
    tools = [tool for tool in list(offered.values())[:MAX_TOOLS] if tool.kind == "function"]
    is_code = not _CODE.isdisjoint(conversation.said)
    if tools and "(" in text and not is_code:
        signals["call_written_out"] = float(any(f"{tool.name}(" in text for tool in tools))
    if conversation.has_results:
        signals["tool_error_ignored"] = float(_ignores(text, offered, conversation))
    elif free and conversation.words and tools and not is_code:
        unwanted = _unwanted(conversation.said)
        words = prepared(tools)
        purposes = [each.purpose for each in words if each.purpose and unwanted.isdisjoint(each.name)]
        fits = max([1 - _absent(purpose, conversation.words) for purpose in purposes], default=0.0)
        declines = _DECLINES.search(text[:MAX_OPENING]) is not None
        signals["tool_would_fit"] = fits
        signals["declined_though_tool_fits"] = fits if declines else 0.0
        asks = "?" in text[-MAX_OPENING:] or _ASKS.search(text) is not None
        is_said = declines or asks or (fits > 0 and _is_given(text, conversation))
        signals["answered_though_tool_fits"] = 0.0 if is_said else fits
    return signals


def _ignores(text: str, offered: Mapping[str, Tool], conversation: Conversation) -> bool:
    """Whether an answer says nothing of the tools that failed just before it, and nothing that they said."""
    errors = conversation.last_errors
    if not errors or tells_of_failure(text) is not False:
        return False
    told = " ".join([result.content[:MAX_TEXT] for result in errors])[:MAX_TEXT]
    used = [tool for part in conversation.loop if (tool := offered.get(part.name or "")) is not None]
    known = stems(conversation.said).union(*[each.every for each in prepared(used[:MAX_CALLS])])
    own = (stems(words_of(told)) | frozenset(NUMBER.findall(told))) - known
    return own.isdisjoint(stems(words_of(text)) | frozenset(NUMBER.findall(text)))


def _unwanted(said: Sequence[str]) -> frozenset[str]:
    """Stems of what the request says not to do: "don't send it"."""
    nots = [
        index
        for index, word in enumerate(said)
        if word == "not" or (word == "t" and said[index - 1] == "don")
    ]
    return frozenset([stem(word) for index in nots for word in said[index + 1 : index + 1 + MAX_UNWANTED]])


def _is_given(text: str, conversation: Conversation) -> bool:
    """Whether most of what an answer says beyond the request was told to the model by the application."""
    told = conversation.instructions
    if told is None:
        return False
    new = stems(words_of(text)) - conversation.words
    return bool(new) and sum([told.has(word) for word in new]) >= MOST * len(new)


def _value_signals(values: Sequence[Values]) -> dict[str, float]:
    return {
        "placeholder": min(MAX_PLACEHOLDERS, sum([each.placeholders for each in values])),
        "invented_value": float(any(each.invented for each in values)),
        "unsupported_required": min(1.0, max([each.required for each in values])),
    }


def _request_signals(
    called: Sequence[ToolWords], others: Sequence[ToolWords], conversation: Conversation, *, parallel: bool
) -> dict[str, float]:
    """How little the called tools have to do with the request, and whether it asks for more than they do."""
    request = conversation.words
    worst = min([_fit(tool, request) for tool in called])
    best = max([_fit(tool, request) for tool in others], default=0.0)
    waits = any(tool.needs_id and tool.name & request for tool in others)
    said = frozenset(conversation.said)
    several = parallel and not waits and (not _SEVERAL.isdisjoint(said) or len(said & _IN_ORDER) > 1)
    return {
        "tool_unlike_request": max([1 / (1 + len(tool.purpose & request)) for tool in called]),
        "better_tool": max(0.0, best - worst) / best if best else 0.0,
        "several_asked": float(several and len(called) == 1),
        "tool_left_out": float(several and best > 0 and best >= FITS_AS_WELL * worst),
    }


def _fit(tool: ToolWords, request: frozenset[str]) -> float:
    """How much of a tool is in a request and of a request in a tool, 0..4: name, purpose, and the rest."""
    named, meant = 1 - _absent(tool.name, request), 1 - _absent(tool.purpose, request)
    return named + meant + 2 * len(request & tool.every) / len(request)


def _absent(words: frozenset[str], request: frozenset[str]) -> float:
    """The share of ``words`` that the request doesn't say."""
    return len(words - request) / len(words) if words else 0.0
