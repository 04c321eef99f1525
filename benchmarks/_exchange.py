"""One made-up exchange with a model goes in; what an application's log holds of it comes out, in four forms.

Request/response pairs of OpenAI's Chat Completions, OpenAI's Responses and Anthropic's Messages as these
write them, a stream as its raw server-sent events with the usage at its end, and native records.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

Body = dict[str, Any]

#: Characters of a token: what a stream's events carry.
TOKEN = 4

#: Errors of providers, by HTTP status: its type, and its message.
ERRORS = {
    400: ("invalid_request_error", "This model's maximum context length is 128000 tokens."),
    429: ("rate_limit_error", "Rate limit reached for requests. Please try again in 20s."),
    500: ("server_error", "The server had an error while processing your request."),
    503: ("overloaded_error", "The model is overloaded. Please try again later."),
}


class Offered(NamedTuple):
    """One tool that the model may call."""

    name: str
    description: str
    schema: Body


class Called(NamedTuple):
    """One tool call: of the model's answer, or earlier in the conversation."""

    id: str
    name: str
    arguments: str


class Exchange(NamedTuple):
    """One call of a model, whatever its form.

    Attributes:
        id: the provider's own, without its prefix.
        labels: the dimensions and identities that the application logs.
        created: when it was sent, in epoch seconds.
        requested: the model asked for.
        served: the model that answered.
        system: the prompt of the application.
        user: what the user says.
        earlier: tool calls before, each with its result.
        documents: passages that were found for it.
        image: an image's bytes in Base64.
        tools: what was offered.
        schema: that of the answer; ``True`` where only JSON is asked for.
        strict: whether the schema is enforced.
        answer: the model's text.
        calls: the model's tool calls.
        cut: the answer ended at the limit of its length.
        reasoning: what the model thought, encrypted.
        stream: whether it streamed.
        status: of HTTP.
        tokens: of input, of them cached, and of output.
    """

    id: str
    labels: Mapping[str, Any]
    created: float
    requested: str
    served: str
    system: str
    user: str
    earlier: tuple[tuple[Called, str], ...]
    documents: tuple[str, ...]
    image: str
    tools: tuple[Offered, ...]
    schema: Body | bool | None
    strict: bool
    answer: str
    calls: tuple[Called, ...]
    cut: bool
    reasoning: str
    stream: bool
    status: int
    tokens: tuple[int, int, int]


def _prompt(exchange: Exchange) -> str:
    """The user's message, with the passages in it."""
    passages = "\n\n".join(f"<document>\n{text}\n</document>" for text in exchange.documents)
    return f"{passages}\n\n{exchange.user}" if passages else exchange.user


def _pieces(text: str) -> Iterator[str]:
    for start in range(0, len(text), TOKEN):
        yield text[start : start + TOKEN]


def _events(events: Iterator[Body], *, named: bool) -> str:
    encode = msgspec.json.encode
    if named:
        return "".join(f"event: {event['type']}\ndata: {encode(event).decode()}\n\n" for event in events)
    return "".join(f"data: {encode(event).decode()}\n\n" for event in events) + "data: [DONE]\n\n"


def _pair(exchange: Exchange, url: str, request: Body, response: Body | str) -> Body:
    headers = {
        "content-type": "application/json",
        "server": "cloudflare",
        "x-request-id": f"req_{exchange.id}",
    }
    if isinstance(response, str):
        headers["content-type"] = "text/event-stream; charset=utf-8"
    return {
        **exchange.labels,
        "request": {"method": "POST", "url": url, "body": request},
        "response": {"status": exchange.status, "headers": headers, "body": response},
    }


def _function(tool: Offered) -> Body:
    return {"name": tool.name, "description": tool.description, "parameters": tool.schema}


# -------------------------------------------------------------------------------------- Chat Completions


def chat_completions(exchange: Exchange) -> Body:
    """A pair of OpenAI's Chat Completions."""
    content: Any = _prompt(exchange)
    if exchange.image:
        image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{exchange.image}"}}
        content = [{"type": "text", "text": content}, image]
    messages: list[Body] = [
        {"role": "system", "content": exchange.system},
        {"role": "user", "content": content},
    ]
    for called, result in exchange.earlier:
        messages.append({"role": "assistant", "content": None, "tool_calls": [_chat_call(called)]})
        messages.append({"role": "tool", "tool_call_id": called.id, "content": result})
    request: Body = {"model": exchange.requested, "messages": messages, "temperature": 0.2}
    if exchange.tools:
        request["tools"] = [{"type": "function", "function": _function(tool)} for tool in exchange.tools]
    if exchange.schema is True:
        request["response_format"] = {"type": "json_object"}
    elif exchange.schema:
        named = {"name": "answer", "strict": exchange.strict, "schema": exchange.schema}
        request["response_format"] = {"type": "json_schema", "json_schema": named}
    if exchange.stream:
        request |= {"stream": True, "stream_options": {"include_usage": True}}
    url = "https://api.openai.com/v1/chat/completions"
    if exchange.status != 200:
        return _pair(exchange, url, request, {"error": _error(exchange)})
    if exchange.stream:
        return _pair(exchange, url, request, _events(_chat_chunks(exchange), named=False))
    message: Body = {
        "role": "assistant",
        "content": exchange.answer or None,
        "refusal": None,
        "annotations": [],
    }
    if exchange.calls:
        message["tool_calls"] = [_chat_call(called) for called in exchange.calls]
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _chat_reason(exchange)}
    response = {
        "id": f"chatcmpl-{exchange.id}",
        "object": "chat.completion",
        "created": int(exchange.created),
        "model": exchange.served,
        "choices": [choice],
        "usage": _chat_usage(exchange),
        "service_tier": "default",
        "system_fingerprint": "fp_a1b2c3d4e5",
    }
    return _pair(exchange, url, request, response)


def _chat_call(called: Called) -> Body:
    return {
        "id": called.id,
        "type": "function",
        "function": {"name": called.name, "arguments": called.arguments},
    }


def _chat_reason(exchange: Exchange) -> str:
    return "length" if exchange.cut else "tool_calls" if exchange.calls else "stop"


def _chat_usage(exchange: Exchange) -> Body:
    given, cached, made = exchange.tokens
    return {
        "prompt_tokens": given,
        "completion_tokens": made,
        "total_tokens": given + made,
        "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }


def _chat_chunks(exchange: Exchange) -> Iterator[Body]:
    def chunk(delta: Body, reason: str | None = None) -> Body:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return {**head, "choices": [choice], "usage": None}

    head: Body = {
        "id": f"chatcmpl-{exchange.id}",
        "object": "chat.completion.chunk",
        "created": int(exchange.created),
        "model": exchange.served,
        "service_tier": "default",
        "system_fingerprint": "fp_a1b2c3d4e5",
    }
    yield chunk({"role": "assistant", "content": "", "refusal": None})
    for piece in _pieces(exchange.answer):
        yield chunk({"content": piece})
    for index, called in enumerate(exchange.calls):
        opened = {"index": index, "id": called.id, "type": "function"}
        yield chunk({"tool_calls": [{**opened, "function": {"name": called.name, "arguments": ""}}]})
        for piece in _pieces(called.arguments):
            yield chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
    yield chunk({}, _chat_reason(exchange))
    yield {**head, "choices": [], "usage": _chat_usage(exchange)}


def _error(exchange: Exchange) -> Body:
    kind, message = ERRORS[exchange.status]
    return {"message": message, "type": kind, "param": None, "code": kind}


# --------------------------------------------------------------------------------------------- Responses


def responses(exchange: Exchange) -> Body:
    """A pair of OpenAI's Responses."""
    content: list[Body] = [{"type": "input_text", "text": _prompt(exchange)}]
    if exchange.image:
        content.append({"type": "input_image", "image_url": f"data:image/png;base64,{exchange.image}"})
    items: list[Body] = [{"role": "user", "content": content}]
    for called, result in exchange.earlier:
        items.append(_responses_call(called))
        items.append({"type": "function_call_output", "call_id": called.id, "output": result})
    tools = [{"type": "function", "strict": False, **_function(tool)} for tool in exchange.tools]
    form: Body = {"type": "text"}
    if exchange.schema is True:
        form = {"type": "json_object"}
    elif exchange.schema:
        form = {"type": "json_schema", "name": "answer", "strict": exchange.strict, "schema": exchange.schema}
    request: Body = {
        "model": exchange.requested,
        "instructions": exchange.system,
        "input": items,
        "stream": exchange.stream,
        "store": False,
    }
    if tools:
        request["tools"] = tools
    if form["type"] != "text":
        request["text"] = {"format": form}
    url = "https://api.openai.com/v1/responses"
    if exchange.status != 200:
        return _pair(exchange, url, request, {"error": _error(exchange)})
    response = _response(exchange, tools, form)
    if exchange.stream:
        return _pair(exchange, url, request, _events(_responses_events(exchange, response), named=True))
    return _pair(exchange, url, request, response)


def _response(exchange: Exchange, tools: list[Body], form: Body) -> Body:
    given, cached, made = exchange.tokens
    output: list[Body] = []
    if exchange.reasoning:
        thought = {"type": "reasoning", "summary": [], "encrypted_content": exchange.reasoning}
        output.append({"id": f"rs_{exchange.id}", **thought})
    if exchange.answer:
        text = {"type": "output_text", "annotations": [], "logprobs": [], "text": exchange.answer}
        output.append({**_responses_message(exchange), "status": "completed", "content": [text]})
    output.extend(_responses_call(called) for called in exchange.calls)
    return {
        "id": f"resp_{exchange.id}",
        "object": "response",
        "created_at": int(exchange.created),
        "status": "incomplete" if exchange.cut else "completed",
        "background": False,
        "error": None,
        "incomplete_details": {"reason": "max_output_tokens"} if exchange.cut else None,
        "instructions": exchange.system,
        "max_output_tokens": None,
        "model": exchange.served,
        "output": output,
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": "low", "summary": None},
        "service_tier": "default",
        "store": False,
        "temperature": 1.0,
        "text": {"format": form, "verbosity": "medium"},
        "tool_choice": "auto",
        "tools": tools,
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": {
            "input_tokens": given,
            "input_tokens_details": {"cached_tokens": cached},
            "output_tokens": made,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": given + made,
        },
        "user": None,
        "metadata": {},
    }


def _responses_message(exchange: Exchange) -> Body:
    return {"id": f"msg_{exchange.id}", "type": "message", "role": "assistant"}


def _responses_call(called: Called) -> Body:
    return {
        "id": f"fc_{called.id}",
        "type": "function_call",
        "status": "completed",
        "arguments": called.arguments,
        "call_id": called.id,
        "name": called.name,
    }


def _responses_events(exchange: Exchange, response: Body) -> Iterator[Body]:
    started = {**response, "status": "in_progress", "output": [], "usage": None}
    yield {"type": "response.created", "response": started}
    yield {"type": "response.in_progress", "response": started}
    for index, item in enumerate(response["output"]):
        at = {"output_index": index, "item_id": item["id"]}
        opened = {"type": "response.output_item.added", "output_index": index}
        match item["type"]:
            case "message":
                yield {**opened, "item": {**item, "status": "in_progress", "content": []}}
                for piece in _pieces(exchange.answer):
                    delta = {"type": "response.output_text.delta", **at, "content_index": 0}
                    yield {**delta, "delta": piece, "logprobs": []}
                yield {"type": "response.output_text.done", **at, "content_index": 0, "text": exchange.answer}
            case "function_call":
                yield {**opened, "item": {**item, "status": "in_progress", "arguments": ""}}
                for piece in _pieces(item["arguments"]):
                    yield {"type": "response.function_call_arguments.delta", **at, "delta": piece}
                done = {"type": "response.function_call_arguments.done", **at}
                yield {**done, "arguments": item["arguments"]}
        yield {"type": "response.output_item.done", "output_index": index, "item": item}
    yield {"type": f"response.{response['status']}", "response": response}


# ---------------------------------------------------------------------------------------------- Messages


def messages(exchange: Exchange) -> Body:
    """A pair of Anthropic's Messages."""
    content: list[Body] = [
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": text}}
        for text in exchange.documents
    ]
    if exchange.image:
        source = {"type": "base64", "media_type": "image/png", "data": exchange.image}
        content.append({"type": "image", "source": source})
    content.append({"type": "text", "text": exchange.user})
    said: list[Body] = [{"role": "user", "content": content}]
    for called, result in exchange.earlier:
        said.append({"role": "assistant", "content": [_tool_use(called)]})
        block = {"type": "tool_result", "tool_use_id": called.id, "content": result}
        said.append({"role": "user", "content": [block]})
    request: Body = {
        "model": exchange.requested,
        "max_tokens": 4_096,
        "system": [{"type": "text", "text": exchange.system, "cache_control": {"type": "ephemeral"}}],
        "messages": said,
    }
    if exchange.tools:
        request["tools"] = [
            {"name": tool.name, "description": tool.description, "input_schema": tool.schema}
            for tool in exchange.tools
        ]
    if isinstance(exchange.schema, dict):
        request["output_config"] = {"format": {"type": "json_schema", "schema": exchange.schema}}
    if exchange.stream:
        request["stream"] = True
    url = "https://api.anthropic.com/v1/messages"
    if exchange.status != 200:
        kind, message = ERRORS[exchange.status]
        error = {"type": "error", "error": {"type": kind, "message": message}}
        return _pair(exchange, url, request, error)
    if exchange.stream:
        return _pair(exchange, url, request, _events(_messages_events(exchange), named=True))
    return _pair(exchange, url, request, _message(exchange))


def _tool_use(called: Called) -> Body:
    return {"type": "tool_use", "id": called.id, "name": called.name, "input": json.loads(called.arguments)}


def _stop_reason(exchange: Exchange) -> str:
    return "max_tokens" if exchange.cut else "tool_use" if exchange.calls else "end_turn"


def _message(exchange: Exchange) -> Body:
    given, cached, made = exchange.tokens
    content: list[Body] = [{"type": "text", "text": exchange.answer}] if exchange.answer else []
    content.extend(_tool_use(called) for called in exchange.calls)
    return {
        "model": exchange.served,
        "id": f"msg_{exchange.id}",
        "type": "message",
        "role": "assistant",
        "content": content,
        "stop_reason": _stop_reason(exchange),
        "stop_sequence": None,
        "usage": {
            "input_tokens": given - cached,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": cached,
            "output_tokens": made,
            "service_tier": "standard",
        },
    }


def _messages_events(exchange: Exchange) -> Iterator[Body]:
    whole = _message(exchange)
    yield {"type": "message_start", "message": {**whole, "content": [], "stop_reason": None}}
    blocks = whole["content"]
    for index, block in enumerate(blocks):
        if block["type"] == "text":
            opened, kind, text = {**block, "text": ""}, ("text_delta", "text"), block["text"]
        else:
            opened, kind = {**block, "input": {}}, ("input_json_delta", "partial_json")
            text = json.dumps(block["input"])
        yield {"type": "content_block_start", "index": index, "content_block": opened}
        for piece in _pieces(text):
            delta = {"type": kind[0], kind[1]: piece}
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    ended = {"stop_reason": _stop_reason(exchange), "stop_sequence": None}
    yield {"type": "message_delta", "delta": ended, "usage": whole["usage"]}
    yield {"type": "message_stop"}


# ------------------------------------------------------------------------------------------------ native


def native(exchange: Exchange) -> Body:
    """A record of the native format."""
    labels = dict(exchange.labels)
    labels["call_id"] = labels.pop("id")
    given, cached, made = exchange.tokens
    said: list[Body] = [
        {"role": "system", "parts": [{"content": exchange.system}]},
        {"role": "user", "parts": [{"content": exchange.user}]},
    ]
    for called, result in exchange.earlier:
        said.append({"role": "assistant", "parts": [{"type": "tool_call", **called._asdict()}]})
        parts = [{"type": "tool_result", "id": called.id, "content": result}]
        said.append({"role": "tool", "parts": parts})
    record: Body = {
        "version": 1,
        **labels,
        "model_requested": exchange.requested,
        "stream": exchange.stream,
        "contract": {"kind": "none"},
        "input": said,
    }
    if exchange.schema is True:
        record["contract"] = {"kind": "json_object"}
    elif exchange.schema:
        contract = {"kind": "json_schema", "strict": exchange.strict, "schema": exchange.schema}
        record["contract"] = contract
    if exchange.tools:
        record["tools"] = [tool._asdict() for tool in exchange.tools]
    if exchange.documents:
        record["documents"] = [{"content": text, "origin": "retrieval"} for text in exchange.documents]
    if exchange.status != 200:
        failed = {"type": ERRORS[exchange.status][0], "http_status": exchange.status}
        return {**record, "status": "error", "error": failed}
    reason = "length" if exchange.cut else "tool_call" if exchange.calls else "stop"
    calls = [called._asdict() for called in exchange.calls]
    record["outputs"] = [{"text": exchange.answer, "tool_calls": calls, "finish_reason": reason}]
    record["usage"] = {"input_tokens": given, "output_tokens": made, "cache_read_tokens": cached}
    return {**record, "model_served": exchange.served}


#: How an exchange is written, by the name of its form.
FORMS: Mapping[str, Callable[[Exchange], Body]] = {
    "chat.completions": chat_completions,
    "responses": responses,
    "messages": messages,
    "native": native,
}
