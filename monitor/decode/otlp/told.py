"""Calls told in a provider's own shapes: a call and what bodies say come in, the whole call goes out.

Before there were conventions, emitters wrote messages in the shape of OpenAI's API, whole or in pieces. Put
together again they are bodies, which ``pair/bodies.py`` reads with all it knows of arguments and refusals.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec import structs

from monitor.decode.counts import is_counted
from monitor.decode.pair import bodies
from monitor.decode.pair.bodies import Read
from monitor.decode.pair.shapes import at
from monitor.records import Call, FinishReason, Output, Status

#: The names of the APIs whose shapes emitters borrow: OpenAI's two and Anthropic's.
CHAT, RESPONSES, MESSAGES = "chat.completions", "responses", "messages"


def read_as(api: str, request: Any, response: Any) -> Read:
    """What bodies say that are, or look like, those of this API. ``None`` stands for one that isn't there.

    Raises:
        LookupError: there is no such API.
    """
    read = bodies.read(request, response, api=api)
    if read is None:
        raise LookupError(api)
    return read


def sent(body: Any) -> Any:
    """A request as it was sent: OpenAI's and Anthropic's clients put ``extra_body`` into it."""
    extra = at(body, "extra_body")
    return {**body, **extra} if isinstance(extra, dict) else body


def joined(asked: Read, answered: Read) -> Read:
    """The request of one reading and the response of another."""
    captured = structs.replace(
        asked.captured,
        input=asked.captured.input and answered.answer.whole,
        output=answered.captured.output,
    )
    return structs.replace(
        asked,
        answer=answered.answer,
        error=answered.error,
        model_served=answered.model_served,
        captured=captured,
    )


def told(call: Call, read: Read) -> Call:
    """The call with what a request and a response say; names that its span has for itself stand."""
    asked, answer = read.asked, read.answer
    error = call.error or read.error
    return structs.replace(
        call,
        call_id=answer.id or call.call_id,
        provider=call.provider or read.provider,
        model_requested=call.model_requested or read.model_requested,
        model_served=call.model_served or read.model_served,
        status=Status.OK if error is None else Status.ERROR,
        error=error,
        contract=asked.contract,
        expected=asked.expected,
        tools=asked.tools + answer.tools,
        tool_choice=asked.tool_choice,
        parallel_tool_calls=asked.parallel_tool_calls,
        input=asked.input,
        documents=asked.documents + answer.documents,
        outputs=answer.outputs,
        usage=answer.usage if is_counted(answer.usage) else call.usage,
        fallback=answer.fallback,
        captured=structs.replace(read.captured, output=read.captured.output and bool(answer.outputs)),
    )


def is_complete(outputs: Iterable[Output]) -> bool:
    """Whether each choice that stopped to call a tool has a call to show for it: some emitters lose it."""
    return all(output.tool_calls or output.finish_reason is not FinishReason.TOOL_CALL for output in outputs)
