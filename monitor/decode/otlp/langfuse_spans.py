"""Langfuse's SDKs from version 3 on, which send spans: observations come in, calls and found passages go out.

What stands in ``langfuse.observation.input`` and ``….output`` is up to whoever wrote it, as in the batches of
older SDKs (``decode/langfuse``). Langfuse's integrations write messages or items of OpenAI's APIs, and leave
refusals out. Reference: https://langfuse.com/integrations/native/opentelemetry#property-mapping
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import structs

from monitor.decode import halves
from monitor.decode.langfuse import usage
from monitor.decode.langfuse.said import answer_body, request_body
from monitor.decode.named import tags
from monitor.decode.otlp import semconv
from monitor.decode.otlp.attributes import elements, structured
from monitor.decode.otlp.dialect import Dialect, register
from monitor.decode.otlp.passages import retrieved
from monitor.decode.otlp.span import STATUS_ERROR, Attributes, Span
from monitor.decode.otlp.told import CHAT, RESPONSES, is_complete
from monitor.decode.pair.api import Answer, Asked, Body
from monitor.decode.pair.shapes import at, mapping, objects, text
from monitor.decode.registry import Context
from monitor.decode.times import between, moment
from monitor.decode.withheld import is_withheld
from monitor.records import Call, Captured, Contract, ContractKind, Fragment, Status

_PREFIX = "langfuse.observation."
_TRACE = "langfuse.trace."

#: What a response of the Responses API repeats of its request, which the integration keeps of streams.
_REPEATED = ("conversation", "previous_response_id", "parallel_tool_calls", "tool_choice", "text")

#: What the integration of OpenAI's client writes of every request, asked for or not.
_ALWAYS = frozenset({"frequency_penalty", "presence_penalty"})


def _read(span: Span, context: Context, format_name: str) -> Iterator[Fragment]:
    kind = span.attributes.get(f"{_PREFIX}type")
    if kind == "generation":
        call = _call(span, context, format_name)
        response_id = call.call_id if call.call_id != span.span_id else None
        yield structs.replace(semconv.fragment_of(span, call, settled=True), response_id=response_id)
    elif kind == "retriever":
        output = _of(span.attributes, "output")
        listed = at(output, "documents") if isinstance(output, dict) else output
        yield from retrieved(span, listed if isinstance(listed, list) else [listed])


def _call(span: Span, context: Context, format_name: str) -> Call:
    attributes = span.attributes
    if _of(attributes, "level") == "ERROR":
        said = span.status_message or text(attributes.get(f"{_PREFIX}status_message"))
        span = structs.replace(span, status_code=STATUS_ERROR, status_message=said)
    base = semconv.call_of(span, context, format_name)
    is_client = mapping(_of(attributes, "model.parameters")).keys() >= _ALWAYS
    answer, answer_api = _answer(attributes)
    asked, captured = _asked(attributes, answer_api, is_client)
    model = text(attributes.get(f"{_PREFIX}model.name"))
    # OpenAI's client names the model that answered in the place of the one that was asked.
    is_served = is_client and base.status is Status.OK
    first_token_at = moment(_of(attributes, "completion_start_time"))
    return structs.replace(
        base,
        # Only streams of the Responses API have their id.
        call_id=text(_of(attributes, "metadata.id")) or base.call_id,
        provider=base.provider or ("openai" if is_client else ""),
        model_requested=base.model_requested or ("" if is_served else model),
        model_served=base.model_served or (model if is_served else ""),
        ttft_ms=between(span.started_at, first_token_at),
        stream=base.stream if first_token_at is None else True,
        contract=asked.contract,
        expected=asked.expected,
        tools=asked.tools,
        tool_choice=asked.tool_choice,
        parallel_tool_calls=asked.parallel_tool_calls,
        input=asked.input,
        documents=asked.documents + answer.documents,
        outputs=answer.outputs,
        usage=usage.read({"usageDetails": _of(attributes, "usage_details")}),
        captured=structs.replace(captured, input=captured.input and answer.whole, output=_is_whole(answer)),
        **context.mapping.read(attributes, _named(attributes), span.resource),
    )


def _named(attributes: Attributes) -> Attributes:
    """Metadata and tags under the names that a mapping has for them, as in the batches of older SDKs."""
    found: Attributes = {}
    for prefix in (f"{_TRACE}metadata.", f"{_PREFIX}metadata."):
        found |= {
            f"metadata.{name.removeprefix(prefix)}": value
            for name, value in attributes.items()
            if name.startswith(prefix)
        }
    return found | {
        f"tag.{key}": value for key, value in tags(elements(attributes.get(f"{_TRACE}tags"))).items()
    }


def _of(attributes: Attributes, name: str) -> Any:
    """An observation's property: JSON text, or text that is none. What is withheld counts as absent."""
    value = attributes.get(f"{_PREFIX}{name}")
    if is_withheld(value):
        return None
    parsed = structured(value)
    return value if parsed is None else parsed


# ------------------------------------------------------------------------------------------------- request


def _asked(attributes: Attributes, answer_api: str, is_client: bool) -> tuple[Asked, Captured]:
    """What was sent. What OpenAI's client would have been asked, and doesn't say, was not asked."""
    given = _of(attributes, "input")
    metadata = {name: _of(attributes, f"metadata.{name}") for name in (*_REPEATED, "response_format")}
    if isinstance(given, dict) and "input" in given:
        body, api, is_there = given, RESPONSES, True
    else:
        sent = request_body(
            {"input": given, "modelParameters": _of(attributes, "model.parameters"), "metadata": metadata}
        )
        body, api, is_there = sent.body, sent.api, sent.captured
        if api == CHAT and answer_api == RESPONSES:
            body, api = {**body, "input": body.get("messages")}, RESPONSES
    if api == RESPONSES:
        repeated = {name: metadata[name] for name in _REPEATED if metadata[name] is not None}
        body = {**repeated, **body}
    asked, captured = halves.request(body, api)
    contract = asked.contract
    if contract.kind is ContractKind.NONE and not (is_client and api == CHAT):
        contract = Contract()
    captured = Captured(
        input=captured.input and is_there,
        tools=bool(asked.tools) or (is_client and is_there),
        schema=contract.kind is not ContractKind.JSON_SCHEMA or contract.schema is not None,
    )
    return structs.replace(asked, contract=contract), captured


# ------------------------------------------------------------------------------------------------ response


def _answer(attributes: Attributes) -> tuple[Answer, str]:
    """What was answered, and the API that it is an answer of.

    JSON is a message only where it has a message's shape; any other is what the model wrote.
    """
    output = _of(attributes, "output")
    listed = objects(output if isinstance(output, list) else [output])
    if not (listed and all(map(_is_shaped, listed))):
        output = attributes.get(f"{_PREFIX}output")
    body, api = answer_body(output, CHAT)
    reason = _of(attributes, "metadata.finish_reason")
    choices = [{"finish_reason": reason, **choice} for choice in objects(body.get("choices"))]
    body = (
        {**body, "choices": choices}
        if api == CHAT
        else {"status": _of(attributes, "metadata.status"), **body}
    )
    return halves.answer(body, api), api


def _is_shaped(item: Body) -> bool:
    """Whether an object is a message, an item of the Responses API, or a whole response."""
    return any(name in item for name in ("role", "tool_calls", "choices")) or text(item.get("type")).endswith(
        ("_call", "reasoning")
    )


def _is_whole(answer: Answer) -> bool:
    """Whether all of the answer is there: of a refusal nothing is left, not even that it was one."""
    says = any(output.text or output.tool_calls or output.refusal for output in answer.outputs)
    return says and is_complete(answer.outputs)


register(Dialect("langfuse", lambda span: f"{_PREFIX}type" in span.attributes, _read, rank=3))
