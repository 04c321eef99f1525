"""OpenInference, of Arize: spans with ``openinference.span.kind`` come in, calls and found passages go out.

Reference: https://arize-ai.github.io/openinference/spec/semantic_conventions.html. An LLM span mostly holds
the provider's whole request and response as JSON in ``input.value`` and ``output.value``. Where it doesn't
(a framework's own shapes, a stream's text, content that was hidden), the flattened attributes are read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import structs

from monitor.decode import withheld
from monitor.decode.otlp import semconv
from monitor.decode.otlp.attributes import first, structured
from monitor.decode.otlp.dialect import Dialect, register
from monitor.decode.otlp.numbered import numbered
from monitor.decode.otlp.passages import retrieved
from monitor.decode.otlp.span import Attributes, Span
from monitor.decode.otlp.tokens import usage_of
from monitor.decode.otlp.told import CHAT, MESSAGES, RESPONSES, is_complete, joined, read_as, sent, told
from monitor.decode.pair import bodies
from monitor.decode.pair.api import Body
from monitor.decode.pair.bodies import Read
from monitor.decode.pair.shapes import at, mapping, objects, text
from monitor.decode.providers import provider_name
from monitor.decode.registry import Context
from monitor.records import Call, Contract, Fragment, Status

_TOKENS = {
    "input_tokens": ("llm.token_count.prompt",),
    "output_tokens": ("llm.token_count.completion",),
    "cache_read_tokens": ("llm.token_count.prompt_details.cache_read",),
    "cache_write_tokens": ("llm.token_count.prompt_details.cache_write",),
    "reasoning_tokens": ("llm.token_count.completion_details.reasoning",),
}

#: Where spans of a kind have the passages that they found.
_PASSAGES = {"RETRIEVER": "retrieval.documents", "RERANKER": "reranker.output_documents"}


def _read(span: Span, context: Context, format_name: str) -> Iterator[Fragment]:
    kind = text(span.attributes.get("openinference.span.kind")).upper()
    if kind == "LLM":
        call = _call(span, context, format_name)
        response_id = call.call_id if call.call_id != span.span_id else None
        yield structs.replace(semconv.fragment_of(span, call, settled=True), response_id=response_id)
    elif kind in _PASSAGES:
        yield from retrieved(span, _passages(span.attributes, _PASSAGES[kind]))


def _call(span: Span, context: Context, format_name: str) -> Call:
    attributes = span.attributes
    base = semconv.call_of(span, context, format_name)
    read = _bodies(attributes)
    # The oldest name has the requested model until an answer names the one that served it.
    named = text(attributes.get("llm.model_name"))
    served = text(attributes.get("llm.response.model_name")) or read.model_served
    requested = text(attributes.get("llm.request.model_name")) or read.model_requested
    if requested and not served and base.status is Status.OK:
        served = named
    provider = text(first(attributes, "llm.provider", "llm.system")) or base.provider
    known = structs.replace(
        base,
        provider=provider,
        model_requested=requested or named,
        model_served=served,
        stream=read.stream,
        usage=usage_of(attributes, _TOKENS, provider_name(provider)),
    )
    return told(known, read)


# -------------------------------------------------------------------------------------------------- bodies


def _bodies(attributes: Attributes) -> Read:
    """The request and the response, each as the provider's body if it is there, else as it was flattened."""
    request, response = (
        sent(structured(attributes.get("input.value"))),
        structured(attributes.get("output.value")),
    )
    raw = bodies.read(request, response) if isinstance(request, dict) else None
    if raw is not None and (raw.answer.outputs or at(response, "error")):
        return raw
    answer_api = _api_of_response(mapping(response))
    ask_api = _api_of_request(mapping(request), answer_api or text(attributes.get("llm.system")))
    asked = read_as(ask_api, request, None) if ask_api else _flat_request(attributes)
    answered = read_as(answer_api, None, response) if answer_api else _flat_response(attributes)
    return joined(asked, answered)


def _api_of_request(body: Body, speaker: str) -> str | None:
    """Whose request a body is; OpenAI's and Anthropic's are told apart by who answers."""
    if any(objects(body.get("messages"))):
        return MESSAGES if speaker in ("anthropic", MESSAGES) else CHAT
    return RESPONSES if "input" in body and "model" in body else None


def _api_of_response(body: Body) -> str | None:
    if isinstance(body.get("choices"), list):
        return CHAT
    if body.get("object") == "response":
        return RESPONSES
    return MESSAGES if body.get("type") == "message" else None


def _flat_request(attributes: Attributes) -> Read:
    parameters = sent(structured(attributes.get("llm.invocation_parameters")))
    listed = [structured(tool.get("tool.json_schema")) for tool in numbered(attributes, "llm.tools")]
    tools = [_tool(tool) for tool in listed]
    messages = [_message(message) for message in numbered(attributes, "llm.input_messages")]
    offered = {"tools": tools} if tools else {}
    read = read_as(CHAT, {**mapping(parameters), **offered, "messages": messages}, None)
    all_tools = all(isinstance(tool, dict) for tool in listed)
    whole = structs.replace(read.captured, input=bool(messages), tools=read.captured.tools and all_tools)
    silent = structs.replace(read.asked, contract=Contract())
    return structs.replace(read, asked=silent if parameters is None else read.asked, captured=whole)


def _flat_response(attributes: Attributes) -> Read:
    answers = [_message(message) for message in numbered(attributes, "llm.output_messages")]
    value = attributes.get("output.value")
    if not answers and isinstance(value, str) and structured(value) is None:
        answers = [{"content": value}]
    reason = attributes.get("llm.finish_reason")
    choices = [{"message": message, "finish_reason": reason} for message in answers]
    read = read_as(CHAT, None, {"choices": choices})
    whole = read.captured.output and is_complete(read.answer.outputs)
    return structs.replace(read, captured=structs.replace(read.captured, output=whole))


def _tool(given: Any) -> Body:
    """A tool's definition, in the words of its provider's API, as OpenAI's has it."""
    tool = mapping(given)
    parameters = first(tool, "parameters", "input_schema")
    if "function" in tool or parameters is None:
        return tool
    return {"type": "function", "function": {**tool, "parameters": parameters}}


def _message(flat: Attributes) -> Body:
    """A message that was flattened, as OpenAI's API has it; of one that says nothing, content is missing."""
    calls = [
        {
            "id": call.get("tool_call.id"),
            "function": {
                "name": call.get("tool_call.function.name"),
                "arguments": call.get("tool_call.function.arguments", withheld.MISSING),
            },
        }
        for call in numbered(flat, "message.tool_calls")
    ]
    blocks = [_block(block) for block in numbered(flat, "message.contents")]
    is_silent = not blocks and not calls and "message.content" not in flat
    said = withheld.MISSING if is_silent else flat.get("message.content")
    return {
        "role": flat.get("message.role"),
        "content": said or [block for block in blocks if block],
        "tool_calls": calls,
        "tool_call_id": flat.get("message.tool_call_id"),
        "name": flat.get("message.name"),
    }


def _block(flat: Attributes) -> Body | None:
    """One block of a message's contents; the tool calls among them stand in a list of their own, too."""
    kind, said = text(flat.get("message_content.type")), text(flat.get("message_content.text"))
    if kind == "text":
        return {"type": "text", "text": said}
    if kind in ("reasoning", "thinking"):
        return {"type": "thinking", "thinking": said}
    return None if kind.startswith("tool") else {"type": kind}


# ----------------------------------------------------------------------------------------------- passages


def _passages(attributes: Attributes, prefix: str) -> list[Any]:
    """What was found: flattened, or as the JSON of LangChain's documents."""
    flat = numbered(attributes, prefix)
    if not flat:
        return objects(mapping(structured(attributes.get("output.value"))).get("documents"))
    return [{name.removeprefix("document."): value for name, value in found.items()} for found in flat]


register(Dialect("openinference", lambda span: "openinference.span.kind" in span.attributes, _read, rank=2))
