"""The ``tools`` score: a call comes in, whether its tool calls keep to what was offered goes out.

The outcome is structural: all findings are collected, and the first in the order of ``ToolsOutcome`` is the
outcome. The risk is graded: a small model of named signals says how likely it is that these calls, or their
absence, are not what was asked for. It changes no outcome; a structural failure is its strongest signal.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from monitor.records import (
    RISKY,
    Call,
    ContractKind,
    ErrorCategory,
    FinishReason,
    Output,
    Signal,
    Status,
    ToolsOutcome,
    ToolsScore,
)
from monitor.scorers.risk import combine, rendered
from monitor.scorers.schema import Schemas
from monitor.scorers.tools.loop import Conversation
from monitor.scorers.tools.repeats import Repeats
from monitor.scorers.tools.signals import Called, answer_signals, call_signals
from monitor.scorers.tools.structure import Finding, Made, findings, read_calls
from monitor.scorers.tools.weights import (
    ANSWER_WEIGHTS,
    BY_REQUEST,
    CALL_WEIGHTS,
    STRUCTURE,
    VALUE_WEIGHTS,
)

VERSION: Final = 3

#: Choices of an answer that are rated.
MAX_RATED = 4
#: Findings of an answer that are told, and characters of a detail that they may take.
MAX_LISTED, MAX_FINDINGS_TEXT = 4, 200

_ORDER = {outcome: rank for rank, outcome in enumerate(ToolsOutcome)}
_Rated = tuple[float, tuple[Signal, ...]]


def score_tools(call: Call) -> ToolsScore:
    """Whether the call's tool calls keep to what was offered, and how risky they are. Never raises."""
    if call.status == Status.ERROR:
        if call.error is not None and call.error.category == ErrorCategory.TOOL_USE_FAILED:
            reported = Finding(ToolsOutcome.MALFORMED_ARGUMENTS, "reported by the provider")
            return _score([reported], _rate(call, Output(), [], [reported], Conversation(call), free=False))
        return ToolsScore(ToolsOutcome.NOT_APPLICABLE)
    required = call.tool_choice.mode == "required" or call.contract.kind == ContractKind.TOOL
    tools = {tool.name: tool for tool in call.tools}
    outputs = [(output, read_calls(output, tools)) for output in call.outputs or (Output(),)]
    called = any(calls for _, calls in outputs)
    malformed = any(output.finish_reason == FinishReason.MALFORMED_TOOL_CALL for output in call.outputs)
    if not (call.tools or not call.captured.tools or required or called or malformed):
        return ToolsScore(ToolsOutcome.NOT_APPLICABLE)
    if not call.captured.output:
        return ToolsScore(ToolsOutcome.UNKNOWN, "output not captured")
    conversation, schemas = Conversation(call), Schemas()
    repeats = Repeats(conversation)
    free = not required and call.tool_choice.mode == "auto" and not call.tool_choice.names
    every: list[Finding] = []
    rated: list[_Rated] = []
    for number, (output, calls) in enumerate(outputs):
        found = [*findings(call, output, calls, schemas, required=required), *repeats.among(calls)]
        every += found
        if number >= MAX_RATED:
            continue
        if (risk := _rate(call, output, calls, found, conversation, free=free)) is not None:
            rated.append(risk)
    if not every and not (call.tools or called or required):
        return ToolsScore(ToolsOutcome.UNKNOWN, "tools not captured")
    return _score(every, max(rated, key=lambda each: each[0], default=None))


def _rate(
    call: Call,
    output: Output,
    calls: Sequence[Made],
    found: Iterable[Finding],
    conversation: Conversation,
    *,
    free: bool,
) -> _Rated | None:
    """The risk of one choice and its signals, or ``None`` where nothing can be told."""
    offered = {tool.name: tool for tool in call.tools}
    if calls:
        called = [
            Called(made.tool, made.arguments) for made in calls if made.tool and made.arguments is not None
        ]
        signals = call_signals(called, offered, conversation, free=free, parallel=call.parallel_tool_calls)
        # The values of a forced call are often the answer itself: that nobody gave them says little.
        weights = VALUE_WEIGHTS if free and BY_REQUEST.isdisjoint(signals) else CALL_WEIGHTS
    else:
        weights = ANSWER_WEIGHTS
        free = free and not output.tool_calls  # what the provider ran itself is an answer with a tool
        signals = answer_signals(output.text or output.refusal or "", offered, conversation, free=free)
    if any(finding.outcome != ToolsOutcome.UNKNOWN for finding in found):
        signals[STRUCTURE] = 1.0
    return combine(weights, signals) if signals else None


def _score(found: Sequence[Finding], rated: _Rated | None) -> ToolsScore:
    risk, signals = rated or (None, ())
    reasons = rendered([signal for signal in signals if signal.name != STRUCTURE])
    why = f"risk: {reasons}" if risk is not None and risk >= RISKY and reasons else None
    if not found:
        return ToolsScore(ToolsOutcome.OK, why, risk, signals)
    ordered = sorted(found, key=lambda finding: _ORDER[finding.outcome])
    detail = "; ".join([_listed(ordered), why] if why else [_listed(ordered)])
    return ToolsScore(ordered[0].outcome, detail, risk, signals)


def _listed(ordered: Sequence[Finding]) -> str:
    """The findings, the first by its detail alone, since its outcome is the score's; each told once."""
    failures = [finding for finding in ordered if finding.outcome != ToolsOutcome.UNKNOWN] or ordered[:1]
    told = [failures[0].detail]
    told += [
        f"{outcome} {detail}"
        for outcome, detail in dict.fromkeys(failures)
        if (outcome, detail) != failures[0]
    ]
    shown = told[:1]
    for text in told[1:MAX_LISTED]:
        if len("; ".join([*shown, text])) > MAX_FINDINGS_TEXT:
            break
        shown.append(text)
    more = len(told) - len(shown)
    return "; ".join(shown) + (f" (+{more})" if more else "")
