"""The ``json`` score: a call comes in, what became of its JSON contract goes out.

Each choice of the answer is judged by itself, by RFC 8259 and then by the schema that the request gave;
the worst choice decides. An answer that is not JSON is looked at once more, to tell a fence, surrounding
prose, a cut and a refusal from a plain failure.
"""

from __future__ import annotations

import json
import re
from itertools import islice
from typing import Any

from monitor.records import (
    Call,
    Contract,
    ContractKind,
    FinishReason,
    JsonOutcome,
    JsonScore,
    Output,
    Status,
)
from monitor.scorers.details import shown
from monitor.scorers.refusal import refuses
from monitor.scorers.schema import Unusable, compile_schema
from monitor.scorers.strict import Broken, duplicate_key, parse

#: Places in a text at which a JSON value is looked for inside prose.
MAX_STARTS = 8

_REFUSED = frozenset({FinishReason.REFUSAL, FinishReason.CONTENT_FILTER})
_NO_ANSWER = frozenset({FinishReason.TOOL_CALL, FinishReason.PAUSE, FinishReason.ERROR})
_FENCE = "```"
_START = re.compile(r"[{\[]")
_FAILURES = (
    JsonOutcome.NOT_JSON,
    JsonOutcome.FENCED,
    JsonOutcome.WRAPPED,
    JsonOutcome.TRUNCATED,
    JsonOutcome.SCHEMA_VIOLATION,
    JsonOutcome.DUPLICATE_KEYS,
    JsonOutcome.EMPTY,
    JsonOutcome.REFUSED,
)
_WORST_FIRST = {
    outcome: rank for rank, outcome in enumerate((*_FAILURES, JsonOutcome.UNKNOWN, JsonOutcome.OK))
}


def score_json(call: Call) -> JsonScore:
    """Whether the call's output keeps its JSON contract. Never raises."""
    contract = call.contract
    if contract.kind == ContractKind.UNKNOWN:
        return JsonScore(JsonOutcome.UNKNOWN, "contract not captured")
    if (
        contract.kind not in (ContractKind.JSON_OBJECT, ContractKind.JSON_SCHEMA)
        or call.status == Status.ERROR
    ):
        return JsonScore(JsonOutcome.NOT_APPLICABLE)
    if not call.captured.output:
        return JsonScore(JsonOutcome.UNKNOWN, "output not captured")
    if not call.outputs:
        return JsonScore(JsonOutcome.EMPTY)
    judged = [
        _judge_output(output, contract, schema_captured=call.captured.schema)
        for output in call.outputs
        if not _is_no_answer(output)
    ]
    return min(
        judged, key=lambda score: _WORST_FIRST[score.outcome], default=JsonScore(JsonOutcome.NOT_APPLICABLE)
    )


def _is_no_answer(output: Output) -> bool:
    """Whether this choice is a tool call or an unfinished turn, which the contract does not speak of."""
    return output.finish_reason in _NO_ANSWER or (
        not output.text.strip() and any(not call.server_side for call in output.tool_calls)
    )


def _judge_output(output: Output, contract: Contract, *, schema_captured: bool) -> JsonScore:
    text = output.text
    try:
        value = parse(text)
    except Broken as broken:
        return _explain(output, broken, contract)
    return _judge_value(value, text, contract, schema_captured=schema_captured)


def _judge_value(value: Any, text: str, contract: Contract, *, schema_captured: bool) -> JsonScore:
    """The score of a text that is JSON."""
    if contract.kind == ContractKind.JSON_OBJECT and contract.schema is None and not isinstance(value, dict):
        return JsonScore(JsonOutcome.SCHEMA_VIOLATION, "/: type")
    unjudged, declared = None, frozenset[str]()
    if contract.schema is not None:
        try:
            validator = compile_schema(contract.schema)
            declared = validator.declared
            violations = validator.violations(value, len(text))
        except Unusable as why:
            unjudged = str(why)
        else:
            if violations:
                more = f" (+{len(violations) - 1})" if len(violations) > 1 else ""
                return JsonScore(JsonOutcome.SCHEMA_VIOLATION, f"{violations[0]}{more}")
    elif contract.kind == ContractKind.JSON_SCHEMA and not schema_captured:
        unjudged = "schema not captured"
    if (key := duplicate_key(text)) is not None:
        return JsonScore(JsonOutcome.DUPLICATE_KEYS, f"{shown(key, declared)} given twice")
    return JsonScore(JsonOutcome.UNKNOWN, unjudged) if unjudged else JsonScore(JsonOutcome.OK)


def _explain(output: Output, broken: Broken, contract: Contract) -> JsonScore:
    """The score of a text that is not JSON."""
    text = output.text
    if output.finish_reason in _REFUSED:
        return JsonScore(JsonOutcome.REFUSED, output.finish_reason.value)
    if output.refusal:
        return JsonScore(JsonOutcome.REFUSED, "by the model")
    if output.finish_reason == FinishReason.LENGTH:
        return JsonScore(JsonOutcome.TRUNCATED, "token limit")
    if not text.strip():
        return JsonScore(JsonOutcome.EMPTY)
    if (fenced := _unfence(text.strip())) is not None:
        return _inside(JsonOutcome.FENCED, fenced, contract)
    if broken.truncated:
        return JsonScore(JsonOutcome.TRUNCATED, broken.reason)
    if text.startswith("\ufeff"):
        return JsonScore(JsonOutcome.NOT_JSON, "byte order mark")
    if (found := _find(text, contract)) is not None:
        start, end = found
        if text[:start].strip() == "" and _START.match(text[end:].lstrip()):
            return JsonScore(JsonOutcome.NOT_JSON, "a second value")
        return _inside(JsonOutcome.WRAPPED, text[start:end], contract)
    if refuses(text):
        return JsonScore(JsonOutcome.REFUSED, "by its words")
    return JsonScore(JsonOutcome.NOT_JSON, broken.reason)


def _inside(outcome: JsonOutcome, text: str, contract: Contract) -> JsonScore:
    """``outcome`` if ``text``, taken out of its wrapping, is JSON; with what is wrong with it besides."""
    try:
        value = parse(text)
    except Broken as broken:
        return JsonScore(
            JsonOutcome.TRUNCATED if broken.truncated else JsonOutcome.NOT_JSON, f"fenced: {broken.reason}"
        )
    inner = _judge_value(value, text, contract, schema_captured=True)
    return JsonScore(outcome, None if inner.outcome == JsonOutcome.OK else f"{inner.outcome}: {inner.detail}")


def _unfence(text: str) -> str | None:
    """What stands between the fences, if ``text`` begins and ends with one."""
    if len(text) < 2 * len(_FENCE) or not (text.startswith(_FENCE) and text.endswith(_FENCE)):
        return None
    body = text[len(_FENCE) : -len(_FENCE)]
    return re.sub(r"^[\w+-]{1,20}(?=\s)", "", body)


def _find(text: str, contract: Contract) -> tuple[int, int] | None:
    """Where a JSON object or array stands in ``text``: the first of ``MAX_STARTS`` places that holds one."""
    decoder = json.JSONDecoder(parse_int=len, parse_float=len)
    for match in islice(_START.finditer(text), MAX_STARTS):
        before = text[: match.start()]
        if any(before.count(opened) > before.count(closed) for opened, closed in ("{}", "[]")):
            continue  # a fragment of what is itself broken
        if contract.kind == ContractKind.JSON_OBJECT and match[0] == "[":
            continue
        try:
            end = decoder.raw_decode(text, match.start())[1]
            value = parse(text[match.start() : end])
        except (ValueError, RecursionError, Broken):
            continue
        if value:
            return match.start(), end
    return None
