"""Ollama's own chat and generate APIs; it serves Chat Completions as well.

Reference: https://github.com/ollama/ollama/blob/main/docs/api.md. Times are in nanoseconds; a stream is JSON
lines, each a piece of the response, and is what comes unless ``stream`` is false.
"""

from __future__ import annotations

from typing import Any

from msgspec import structs

from monitor.decode.counts import raw_counts
from monitor.decode.pair.api import Answer, Api, Asked, Body, register
from monitor.decode.pair.chat_messages import conversation, offered_tools, reasoning_of, tool_calls
from monitor.decode.pair.shapes import integer, mapping, number, numbers, objects, strings, text
from monitor.records import Contract, ContractKind, FinishReason, Message, Output, Part, PartType, Usage

FINISH_REASONS = {"stop": FinishReason.STOP, "length": FinishReason.LENGTH}

_NANOSECONDS_IN_MS = 1_000_000

#: Fields of a request that no other API has.
_OWN_FIELDS = frozenset({"options", "keep_alive", "format", "template", "raw"})


def ask(body: Body) -> Asked:
    """What a chat request says."""
    return Asked(
        contract=_contract(body.get("format")),
        tools=tuple(offered_tools(body)),
        input=conversation(body.get("messages")),
    )


def ask_generate(body: Body) -> Asked:
    """What a generate request says. An earlier conversation comes as tokens, which can't be read."""
    said = [("system", body.get("system")), ("user", body.get("prompt")), ("user", body.get("suffix"))]
    messages = [
        Message(role, (Part(PartType.TEXT, content),)) for role, given in said if (content := text(given))
    ]
    messages += (Message("user", (Part(PartType.MEDIA, name="image"),)) for _ in strings(body.get("images")))
    return Asked(contract=_contract(body.get("format")), input=tuple(messages), whole=not body.get("context"))


def _contract(wanted: Any) -> Contract:
    """``format`` is empty, ``json`` or a schema."""
    if wanted == "json":
        return Contract(ContractKind.JSON_OBJECT)
    if isinstance(wanted, dict):
        return Contract(ContractKind.JSON_SCHEMA, wanted)
    return Contract(ContractKind.NONE)


def answer(body: Body) -> Answer | None:
    """What a chat response says."""
    message = body.get("message")
    return _answer(body, message) if isinstance(message, dict) else None


def answer_generate(body: Body) -> Answer | None:
    """What a generate response says."""
    written = body.get("response")
    if not isinstance(written, str):
        return None
    return _answer(body, {"content": written, "thinking": body.get("thinking")})


def _answer(body: Body, message: Body) -> Answer:
    # Until https://github.com/ollama/ollama/pull/4235 servers said that they were done, and not why.
    reason = text(body.get("done_reason")) or ("done" if body.get("done") is True else "")
    calls = tuple(tool_calls(message))
    finish_reason = FINISH_REASONS.get(reason, FinishReason.UNKNOWN)
    output = Output(
        text=text(message.get("content")),
        reasoning=reasoning_of(message),
        tool_calls=calls,
        finish_reason=FinishReason.TOOL_CALL if calls and reason == "stop" else finish_reason,
        finish_reason_raw=reason or None,
        logprobs=numbers(token.get("logprob") for token in objects(body.get("logprobs"))),
    )
    took = number(body.get("total_duration"))
    return Answer(
        model=text(body.get("model")),
        created=body.get("created_at"),
        outputs=(output,) if message or reason else (),
        usage=_usage(body),
        duration_ms=None if took is None else took / _NANOSECONDS_IN_MS,
    )


def _usage(body: Body) -> Usage:
    """The tokens, which stand in the body among its durations."""
    given, written = body.get("prompt_eval_count"), body.get("eval_count")
    return Usage(
        input_tokens=integer(given),
        output_tokens=integer(written),
        raw=raw_counts({"prompt_eval_count": given, "eval_count": written}),
    )


def assemble(events: list[Body]) -> Body:
    """A chat stream as one body: texts joined, tool calls listed, of anything else the latest."""
    body: Body = {}
    texts: dict[str, list[str]] = {"content": [], "thinking": []}
    calls: list[Any] = []
    logprobs: list[Any] = []
    for event in events:
        body.update({key: value for key, value in event.items() if value is not None})
        message = mapping(event.get("message"))
        calls.extend(objects(message.get("tool_calls")))
        logprobs.extend(objects(event.get("logprobs")))
        for field, pieces in texts.items():
            pieces.append(text(message.get(field)))
    joined = {field: "".join(pieces) for field, pieces in texts.items()}
    message = {**joined, "tool_calls": calls} if events else {}
    return {**body, "message": message, "logprobs": logprobs}


def assemble_generate(events: list[Body]) -> Body:
    """A generate stream as one body."""
    body: Body = {}
    texts: dict[str, list[str]] = {"response": [], "thinking": []}
    logprobs: list[Any] = []
    for event in events:
        body.update({key: value for key, value in event.items() if value is not None})
        logprobs.extend(objects(event.get("logprobs")))
        for field, pieces in texts.items():
            pieces.append(text(event.get(field)))
    joined = {field: "".join(pieces) for field, pieces in texts.items()}
    return {**body, **joined, "logprobs": logprobs}


def asks(request: Body) -> bool:
    """Whether messages were sent with fields that only this API has."""
    return isinstance(request.get("messages"), list) and not _OWN_FIELDS.isdisjoint(request)


def asks_generate(request: Body) -> bool:
    """Whether a prompt was sent with fields that only this API has."""
    return isinstance(request.get("prompt"), str) and not _OWN_FIELDS.isdisjoint(request)


def answers(response: Body) -> bool:
    """Whether a message, or a piece of one, came back that is done or not."""
    return isinstance(response.get("done"), bool) and "message" in response


def answers_generate(response: Body) -> bool:
    """Whether a text, or a piece of one, came back that is done or not."""
    return isinstance(response.get("done"), bool) and "response" in response


CHAT = Api(
    name="ollama.chat",
    provider="ollama",
    paths=("/api/chat",),
    asks=asks,
    answers=answers,
    ask=ask,
    answer=answer,
    assemble=assemble,
)

register(CHAT)
register(
    structs.replace(
        CHAT,
        name="ollama.generate",
        paths=("/api/generate",),
        asks=asks_generate,
        answers=answers_generate,
        ask=ask_generate,
        answer=answer_generate,
        assemble=assemble_generate,
        operation="text_completion",
    )
)
