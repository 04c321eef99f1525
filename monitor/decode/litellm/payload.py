"""One StandardLoggingPayload: what LiteLLM logs of an attempt comes in, its ``Call`` goes out.

LiteLLM speaks OpenAI's dialect whatever the provider speaks: the request is in ``messages`` and
``model_parameters``, the answer in ``response``, put together if it was streamed. Its error texts are not
read. An answer out of LiteLLM's cache is scored like any, since someone got it; but no model was asked for
it, so it has no times and no tokens.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import structs

from monitor.decode import halves
from monitor.decode.litellm import failure
from monitor.decode.named import attributes, tags
from monitor.decode.pair.api import Answer, Asked
from monitor.decode.pair.shapes import at, dollars, flag, integer, mapping, objects, string, text
from monitor.decode.providers import provider_name
from monitor.decode.registry import Context
from monitor.decode.times import between, moment
from monitor.records import Call, Captured, Contract, Document, Status, Usage

#: The API whose requests a call type logs. Types that are not listed ask no model for an answer.
APIS = {
    "completion": "chat.completions",
    "acompletion": "chat.completions",
    "text_completion": "completions",
    "atext_completion": "completions",
    "responses": "responses",
    "aresponses": "responses",
    "anthropic_messages": "messages",
    "generate_content": "generateContent",
    "agenerate_content": "generateContent",
    "generate_content_stream": "generateContent",
    "agenerate_content_stream": "generateContent",
}

_OPERATIONS = {"completions": "text_completion", "generateContent": "generate_content"}

#: Under which name each API's request has what LiteLLM logs as ``messages``.
_ASKED_AS = {"responses": "input", "completions": "prompt", "generateContent": "contents"}

#: The counts that stand in the payload itself.
_SUMS = ("prompt_tokens", "completion_tokens", "total_tokens")

#: What stands in the place of content that was not to be logged: a whole string, or within a shortened one.
_REDACTED = (b'"redacted-by-litellm"', b'"REDACTED_BY_LITELM"', b"(litellm_truncated skipped ")


def read(payload: dict[str, Any], context: Context) -> Call | None:
    """The call of a payload; ``None`` where the payload is of no call.

    Raises:
        BadInput: ``invalid_record`` where neither it nor its record has a time.
    """
    api = _api(payload)
    if api is None:
        return None
    (asked, captured), answer = _asked(payload, api), _answered(payload, api)
    failed = payload.get("status") == "failure"
    error = failure.read(payload.get("error_information")) if failed else None
    provider = _provider(payload)
    started_at, ended_at = moment(payload.get("startTime")), moment(payload.get("endTime"))
    first_token_at = moment(payload.get("completionStartTime"))
    cached = is_cached(payload)
    stream, model = _stream(payload), text(payload.get("model")).removeprefix(f"{provider}/")
    streamed = stream and first_token_at != ended_at and not cached
    names = [payload.get("id"), payload.get("litellm_call_id")]
    named = attributes({**payload, "tag": tags(payload.get("request_tags"))}, context.mapping)
    dimensions: dict[str, Any] = {
        "route": text(payload.get("model_group")),
        "prompt_name": text(at(payload, "metadata", "prompt_management_metadata", "prompt_id")),
        **context.mapping.read(named),
    }
    return Call(
        source=context.source("litellm", logged=started_at is None),
        call_id=next(filter(None, map(string, reversed(names) if failed else names)), ""),
        started_at=started_at or context.received_at(),
        request_id=string(payload.get("trace_id")),
        provider=provider_name(provider),
        operation=_OPERATIONS.get(api, "chat"),
        model_requested=model,
        # Of a stream LiteLLM writes the name that was asked for, whoever answered.
        model_served="" if stream and answer.model == model else answer.model,
        status=Status.ERROR if failed else Status.OK,
        error=error,
        duration_ms=None if cached else between(started_at, ended_at),
        # Where nothing was streamed, LiteLLM has the end here.
        ttft_ms=between(started_at, first_token_at) if streamed else None,
        stream=stream,
        contract=asked.contract,
        expected=asked.expected,
        tools=asked.tools + answer.tools,
        tool_choice=asked.tool_choice,
        parallel_tool_calls=asked.parallel_tool_calls,
        input=asked.input,
        documents=(*asked.documents, *answer.documents, *_retrieved(payload)),
        outputs=answer.outputs,
        usage=Usage() if cached else _usage(payload, answer),
        fallback=answer.fallback,
        captured=Captured(
            input=captured.input and answer.whole,
            output=bool(answer.outputs) or failed,
            tools=captured.tools,
            schema=captured.schema,
        ),
        **dimensions,
    )


def is_cached(payload: dict[str, Any]) -> bool:
    """Whether the answer is out of LiteLLM's cache: the times are the cache's, the tokens were paid before.

    A row of SpendLogs says it as text.
    """
    return payload.get("cache_hit") is True or text(payload.get("cache_hit")).lower() == "true"


def is_redacted(value: Any) -> bool:
    """Whether content was left out of a value, or cut out of its middle."""
    encoded = msgspec.json.encode(value)
    return any(mark in encoded for mark in _REDACTED)


def _api(payload: dict[str, Any]) -> str | None:
    """The API of the request. What was passed through is known by the answer that LiteLLM made of it."""
    listed = APIS.get(text(payload.get("call_type")))
    is_chat = isinstance(at(payload, "response", "choices"), list)
    return listed or ("chat.completions" if is_chat else None)


# ------------------------------------------------------------------------------------------------- request


def _asked(payload: dict[str, Any], api: str) -> tuple[Asked, Captured]:
    """What the request says; of one whose parameters were not logged, nothing but its messages."""
    messages, parameters = payload.get("messages"), payload.get("model_parameters")
    if isinstance(messages, str) and api == "chat.completions":
        messages = [{"role": "user", "content": messages}]
    hidden = messages is None or is_redacted(messages)
    body = {**mapping(parameters), _ASKED_AS.get(api, "messages"): None if hidden else messages}
    asked, captured = halves.request(body, api)
    shown = not hidden and (bool(asked.input) or not messages)
    captured = structs.replace(captured, input=captured.input and shown)
    if isinstance(parameters, dict):
        return asked, captured
    return structs.replace(asked, contract=Contract()), structs.replace(captured, tools=False)


def _stream(payload: dict[str, Any]) -> bool | None:
    """Whether it streamed: LiteLLM says so only of a stream. Of a failure, whether one was asked for."""
    if payload.get("status") == "failure":
        return flag(at(payload, "model_parameters", "stream"))
    return payload.get("stream") is True or at(payload, "model_parameters", "stream") is True


def _provider(payload: dict[str, Any]) -> str:
    """LiteLLM's own name of the provider, which also stands before the model's name."""
    named = text(payload.get("custom_llm_provider"))
    return named or text(at(payload, "error_information", "llm_provider"))


def _retrieved(payload: dict[str, Any]) -> Iterator[Document]:
    """The passages that a vector store gave for the request."""
    for request in objects(at(payload, "metadata", "vector_store_request_metadata")):
        for found in objects(at(request, "vector_store_search_response", "data")):
            for block in objects(found.get("content")):
                if (passage := text(block.get("text"))) and not is_redacted(passage):
                    origin = string(found.get("filename")) or string(found.get("file_id"))
                    yield Document(passage, origin, "retrieval")


# ------------------------------------------------------------------------------------------------ response


def _answered(payload: dict[str, Any], api: str) -> Answer:
    """What the answer says; of one that was not logged, nothing but its model."""
    response = mapping(payload.get("response"))
    if is_redacted(response):
        response = {"choices": [], "model": response.get("model")}
    return halves.answer(_with_refusals(response), _api_of(response, api))


def _api_of(response: dict[str, Any], api: str) -> str:
    """The API that an answer is of: mostly OpenAI's chat, whatever was asked."""
    if "choices" in response:
        return "completions" if api == "completions" else "chat.completions"
    return "responses" if "output" in response else api


def _with_refusals(response: dict[str, Any]) -> dict[str, Any]:
    """The answer with its refusals where OpenAI has them. LiteLLM keeps them aside."""
    if not isinstance(response.get("choices"), list):
        return response
    choices = []
    for choice in objects(response["choices"]):
        refusal = text(at(choice, "message", "provider_specific_fields", "refusal"))
        if refusal:
            choice = {**choice, "message": {**choice["message"], "refusal": refusal}}
        choices.append(choice)
    return {**response, "choices": choices}


def _usage(payload: dict[str, Any], answer: Answer) -> Usage:
    """The tokens as LiteLLM counted them, in OpenAI's words; else as the answer says."""
    summed = {name: payload.get(name) for name in _SUMS}
    places = at(payload, "metadata", "usage_object"), at(payload, "response", "usage"), summed
    counts = next((mapping(found) for found in places if integer(at(found, "prompt_tokens"))), {})
    usage = (
        halves.answer({"choices": [], "usage": counts}, "chat.completions").usage if counts else answer.usage
    )
    # A payload has the one, a row of SpendLogs the other.
    usage = structs.replace(usage, cost=dollars(payload.get("response_cost"), payload.get("spend")))
    if not usage.input_tokens and not usage.output_tokens:
        return Usage()  # LiteLLM counts nothing where the provider didn't
    if usage.cache_write_tokens is not None:
        return usage
    written = at(counts, "prompt_tokens_details", "cache_creation_tokens")
    written = counts.get("cache_creation_input_tokens") if written is None else written
    return structs.replace(usage, cache_write_tokens=integer(written))
