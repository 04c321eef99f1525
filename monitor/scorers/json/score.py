"""The ``json`` score: a call comes in, what became of its JSON contract goes out.

Each choice of the answer is judged by itself, by RFC 8259 and then by the schema that the request gave;
the worst choice decides. An answer that is not JSON is looked at once more, to tell a fence, surrounding
prose, a cut and a refusal from a plain failure, and whether a tolerant parser could have saved the value.
"""

from __future__ import annotations

import json
import re
from itertools import islice
from typing import Any, Final

from monitor.records import (
    Call,
    CallError,
    ContractKind,
    ErrorCategory,
    FinishReason,
    JsonOutcome,
    JsonScore,
    Status,
)
from monitor.scorers.details import shown
from monitor.scorers.json.promises import Answer, Promise, answers, promise_of
from monitor.scorers.json.recover import Beyond, recover
from monitor.scorers.refusal import refuses
from monitor.scorers.schema import Schemas, Unusable
from monitor.scorers.schema.violations import summary
from monitor.scorers.strict import Broken, duplicate_key, parse

VERSION: Final = 3

#: Choices, or calls of the one tool, that are judged; what an API gives at most is OpenAI's 128
#: (https://platform.openai.com/docs/api-reference/chat/create, ``n``).
MAX_ANSWERS = 128
#: Work, as a budget counts it, of trying to save one character: the worst ones take 2 µs.
RECOVERY_WORK = 200
#: Places in a text at which a JSON value is looked for inside prose.
MAX_STARTS = 8

_REFUSED = frozenset({FinishReason.REFUSAL, FinishReason.CONTENT_FILTER})
#: Groq's name for it: "Failed to generate JSON" (https://github.com/build-with-groq/g1/pull/23).
_JSON_INVALID = "json_validate_failed"
_UNJUDGED = JsonScore(JsonOutcome.UNKNOWN, f"more than {MAX_ANSWERS} choices")
_REPORTED = JsonScore(JsonOutcome.NOT_JSON, "reported by the provider")
_FENCE = "```"
_START = re.compile(r"[{\[]")
_LINE_END = re.compile(r"[ \t\r.`]*+(?:\n|\Z)")
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
# Whether a value that its schema was asked about is of use: nobody knows, where the schema can't tell.
_OF_USE = {JsonOutcome.OK: True, JsonOutcome.SCHEMA_VIOLATION: False, JsonOutcome.UNKNOWN: None}


def score_json(call: Call) -> JsonScore:
    """Whether the call's output keeps its JSON contract. Never raises."""
    if call.contract.kind is ContractKind.UNKNOWN:
        return JsonScore(JsonOutcome.UNKNOWN, "contract not captured")
    promise = promise_of(call)
    if promise is None:
        return JsonScore(JsonOutcome.NOT_APPLICABLE)
    if call.status is Status.ERROR:
        reported = call.error is not None and _is_of_the_json(call.error, promise)
        return _REPORTED if reported else JsonScore(JsonOutcome.NOT_APPLICABLE)
    if not call.captured.output:
        return JsonScore(JsonOutcome.UNKNOWN, "output not captured")
    if not call.outputs:
        return JsonScore(JsonOutcome.EMPTY)
    schemas = Schemas()
    judged = [
        _judge(answer, promise, schemas) if number < MAX_ANSWERS else _UNJUDGED
        for number, answer in enumerate(islice(answers(call, promise), MAX_ANSWERS + 1))
    ]
    return min(
        judged,
        key=lambda score: _WORST_FIRST[score.outcome],
        default=JsonScore(JsonOutcome.NOT_APPLICABLE),
    )


def _is_of_the_json(error: CallError, promise: Promise) -> bool:
    """Whether the call failed because what the model wrote is not the JSON, as the provider itself found."""
    return error.type == _JSON_INVALID or (promise.forced and error.category is ErrorCategory.TOOL_USE_FAILED)


def _judge(answer: Answer, promise: Promise, schemas: Schemas) -> JsonScore:
    if answer.is_missing:
        return _explain(answer, Broken("the tool was not called"), promise, schemas)
    try:
        value = parse(answer.text)
    except Broken as broken:
        if broken.beyond:
            return JsonScore(JsonOutcome.UNKNOWN, broken.reason)
        return _explain(answer, broken, promise, schemas)
    score = _judge_value(value, answer.text, promise, schemas)
    if score.outcome is JsonOutcome.SCHEMA_VIOLATION and answer.is_call and _is_cut(answer):
        # Some providers send arguments parsed: what the cut left of them is whole JSON again.
        return JsonScore(JsonOutcome.TRUNCATED, f"token limit: {score.detail}", recoverable=False)
    return score


def _judge_value(value: Any, text: str, promise: Promise, schemas: Schemas) -> JsonScore:
    """The score of a text that is JSON."""
    score = _by_schema(value, len(text), promise, schemas)
    if score.outcome is JsonOutcome.SCHEMA_VIOLATION or (key := duplicate_key(text)) is None:
        return score
    given = f"{shown(key, schemas.declared(promise.schema))} given twice"
    return JsonScore(JsonOutcome.DUPLICATE_KEYS, given, _OF_USE[score.outcome])


def _by_schema(value: Any, size: int, promise: Promise, schemas: Schemas) -> JsonScore:
    """``ok``, ``schema_violation`` or ``unknown``, for a value that ``size`` characters were read to."""
    if promise.must_be_object and not isinstance(value, dict):
        return JsonScore(JsonOutcome.SCHEMA_VIOLATION, "/: type", violations=1)
    if not promise.whole:
        return JsonScore(JsonOutcome.UNKNOWN, "schema not captured")
    if promise.schema is None:
        return JsonScore(JsonOutcome.OK)
    try:
        violations = schemas.violations(promise.schema, value, size)
    except Unusable as why:
        return JsonScore(JsonOutcome.UNKNOWN, str(why))
    if violations:
        return JsonScore(JsonOutcome.SCHEMA_VIOLATION, summary(violations), violations=len(violations))
    return JsonScore(JsonOutcome.OK)


def _explain(answer: Answer, broken: Broken, promise: Promise, schemas: Schemas) -> JsonScore:
    """The score of a text that is not JSON, or that is written where there should be a tool call."""
    text, output = answer.text, answer.output
    if output.finish_reason in _REFUSED:
        return JsonScore(JsonOutcome.REFUSED, output.finish_reason.value)
    if output.refusal:
        return JsonScore(JsonOutcome.REFUSED, "by the model")
    if _is_cut(answer):
        return JsonScore(JsonOutcome.TRUNCATED, "token limit", _recoverable(text, promise, schemas))
    if answer.is_missing and output.finish_reason is FinishReason.MALFORMED_TOOL_CALL:
        return _REPORTED
    if not text.strip():
        return JsonScore(JsonOutcome.EMPTY, broken.reason if answer.is_missing else None)
    if answer.is_missing:
        return _told_by_words(text, broken, promise, schemas)
    if (fenced := _unfence(text.strip())) is not None:
        return _inside(JsonOutcome.FENCED, fenced, promise, schemas)
    if broken.truncated:
        return JsonScore(JsonOutcome.TRUNCATED, broken.reason, _recoverable(text, promise, schemas))
    if text.startswith("\ufeff"):
        return JsonScore(JsonOutcome.NOT_JSON, "byte order mark", _recoverable(text, promise, schemas))
    if (found := _find(text, promise)) is not None:
        start, end = found
        if text[:start].strip() == "" and _START.match(text[end:].lstrip()):
            return JsonScore(JsonOutcome.NOT_JSON, "a second value", _recoverable(text, promise, schemas))
        return _inside(JsonOutcome.WRAPPED, text[start:end], promise, schemas)
    if _ends_inside(text):
        return JsonScore(
            JsonOutcome.TRUNCATED, "wrapped: ends inside a value", _recoverable(text, promise, schemas)
        )
    return _told_by_words(text, broken, promise, schemas)


def _is_cut(answer: Answer) -> bool:
    return answer.output.finish_reason is FinishReason.LENGTH


def _told_by_words(text: str, broken: Broken, promise: Promise, schemas: Schemas) -> JsonScore:
    """A refusal, or else a plain failure."""
    if refuses(text):
        return JsonScore(JsonOutcome.REFUSED, "by its words")
    return JsonScore(JsonOutcome.NOT_JSON, broken.reason, _recoverable(text, promise, schemas))


def _inside(outcome: JsonOutcome, text: str, promise: Promise, schemas: Schemas) -> JsonScore:
    """``outcome`` if ``text``, taken out of its wrapping, is JSON; with what is wrong with it besides."""
    try:
        value = parse(text)
    except Broken as broken:
        if broken.beyond:
            return JsonScore(outcome, broken.reason)
        return JsonScore(
            JsonOutcome.TRUNCATED if broken.truncated else JsonOutcome.NOT_JSON,
            f"fenced: {broken.reason}",
            _recoverable(text, promise, schemas),
        )
    inner = _judge_value(value, text, promise, schemas)
    detail = None if inner.outcome is JsonOutcome.OK else f"{inner.outcome}: {inner.detail}"
    of_use = _OF_USE.get(inner.outcome, inner.recoverable)
    return JsonScore(outcome, detail, of_use, inner.violations)


def _recoverable(text: str, promise: Promise, schemas: Schemas) -> bool | None:
    """Whether a tolerant parser finds a value in ``text`` that keeps the contract; ``None`` if untold."""
    saved: bool | None = False
    try:
        schemas.budget.spend(RECOVERY_WORK * len(text))
        for value in recover(text):
            of_use = _OF_USE[_by_schema(value, len(text), promise, schemas).outcome]
            if of_use:
                return True
            saved = saved if of_use is False else None
    except (Beyond, Unusable):
        return None
    return saved


def _unfence(text: str) -> str | None:
    """What stands between the fences, if ``text`` begins and ends with one."""
    if len(text) < 2 * len(_FENCE) or not (text.startswith(_FENCE) and text.endswith(_FENCE)):
        return None
    body = text[len(_FENCE) : -len(_FENCE)]
    return re.sub(r"^[\w+-]{1,20}(?=\s)", "", body)


def _ends_inside(text: str) -> bool:
    """Whether prose or a fence leads to JSON that is right as far as it goes, and does not end."""
    start = _START.search(text)
    if start is None:
        return False
    try:
        parse(text[start.start() :])
    except Broken as broken:
        return broken.truncated
    return False


def _find(text: str, promise: Promise) -> tuple[int, int] | None:
    """Where a JSON object or array stands in ``text``: the first of ``MAX_STARTS`` places that holds one.

    An empty one may be a mark in prose ("use {} for it"), and counts only at the end of a line.
    """
    decoder = json.JSONDecoder(parse_int=len, parse_float=len)
    for match in islice(_START.finditer(text), MAX_STARTS):
        before = text[: match.start()]
        if any(before.count(opened) > before.count(closed) for opened, closed in ("{}", "[]")):
            continue  # a fragment of what is itself broken
        if promise.must_be_object and match[0] == "[":
            continue
        try:
            end = decoder.raw_decode(text, match.start())[1]
            value = parse(text[match.start() : end])
        except (ValueError, RecursionError, Broken):
            continue
        if value or _LINE_END.match(text, end):
            return match.start(), end
    return None
