"""What a batch tells of a generation comes in, the fragment of its call goes out.

What stands in ``input`` and ``output`` is up to whoever wrote it: Langfuse's own integrations write the
messages of OpenAI's APIs, applications whatever they like. Langfuse has no field for a refusal or for why
the model stopped. The status message may quote the prompt: it is read for a status code and never kept.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from msgspec import structs

from monitor.decode import halves
from monitor.decode.langfuse import usage
from monitor.decode.langfuse.observation import Observation
from monitor.decode.langfuse.said import Sent, answer_body, request_body
from monitor.decode.named import attributes, tags
from monitor.decode.pair import errors
from monitor.decode.pair.api import Answer, Asked
from monitor.decode.pair.shapes import at, string, text
from monitor.decode.providers import provider_name
from monitor.decode.registry import Context
from monitor.decode.times import between, moment
from monitor.records import (
    Call,
    CallError,
    Captured,
    Contract,
    ContractKind,
    Fragment,
    FragmentKind,
    Output,
    Status,
)

#: The integration that writes every request's tools and format, so that what is missing was not asked for.
_OPENAI = "openai"

#: How OpenAI's and Anthropic's clients begin the message of a response with an error status.
_STATUS = re.compile(r"Error code: (\d{3})\b")


def read(found: Observation, integration: str, context: Context) -> tuple[Fragment]:
    """The fragment of a generation.

    Args:
        found: what its batch tells of it.
        integration: the SDK's integration that wrote the batch, as ``metadata.sdk_integration``.
        context: where the batch was read.

    Raises:
        BadInput: ``invalid_record`` where neither it nor its record has a time.
    """
    body = found.body
    ended_at, first_token_at = moment(body.get("endTime")), moment(body.get("completionStartTime"))
    opened_at = moment(body.get("startTime"))
    # The end of a generation that began in another batch: the beginning is in that one.
    started_at = opened_at or ended_at or moment(found.timestamp) or context.received_at()
    call = _call(found, integration, context, started_at, opened_at)
    parent = string(body.get("parentObservationId"))
    return (
        Fragment(
            kind=FragmentKind.CALL,
            group=found.trace_id,
            span_id=found.id,
            parent_span_id=parent,
            emitter="langfuse",
            started_at=started_at,
            ended_at=max(started_at, ended_at or started_at),
            first_token_at=first_token_at if first_token_at != ended_at else None,
            call=structs.replace(call, request_id=f"{found.trace_id}:{parent}" if parent else found.trace_id),
            settled=found.opened and ended_at is not None,
        ),
    )


def _call(
    found: Observation, integration: str, context: Context, started_at: datetime, opened_at: datetime | None
) -> Call:
    body = found.body
    sent, asked, captured = _asked(found, integration)
    answer, answered = _answered(body.get("output"), sent)
    error = _error(body)
    first_token_at, ended_at = moment(body.get("completionStartTime")), moment(body.get("endTime"))
    streamed = first_token_at is not None and first_token_at != ended_at
    ls_provider = text(at(body, "metadata", "ls_provider"))  # LangChain's own name for it
    named = attributes({**body, "tag": tags(body.get("tags"))}, context.mapping)
    version = body.get("promptVersion")
    dimensions: dict[str, Any] = {
        "environment": text(body.get("environment")) or text(found.trace.get("environment")),
        "prompt_name": text(body.get("promptName")),
        "prompt_version": str(version) if isinstance(version, str | int) else "",
        **context.mapping.read(named, attributes(found.trace, context.mapping)),
    }
    return Call(
        source=context.source("langfuse"),
        call_id=found.id,
        started_at=started_at,
        trace_id=found.trace_id,
        span_id=found.id,
        provider=provider_name(ls_provider) or (_OPENAI if integration == _OPENAI else ""),
        model_requested=found.model_requested,
        # The end of a generation that failed repeats the model that was asked for.
        model_served=found.model_served if error is None else "",
        status=Status.OK if error is None else Status.ERROR,
        error=error,
        duration_ms=between(opened_at, ended_at),
        ttft_ms=between(opened_at, first_token_at) if streamed else None,
        stream=_stream(streamed, integration, ended_at if error is None else None),
        contract=asked.contract,
        expected=asked.expected,
        tools=asked.tools,
        tool_choice=asked.tool_choice,
        parallel_tool_calls=asked.parallel_tool_calls,
        input=asked.input,
        documents=asked.documents + answer.documents,
        outputs=answer.outputs if answered else (),
        usage=usage.read(body),
        captured=structs.replace(captured, output=answered),
        **dimensions,
    )


def _stream(streamed: bool, integration: str, answered_at: datetime | None) -> bool | None:
    """Whether it streamed. Only OpenAI's integration always says when the first token of a stream came."""
    return True if streamed else False if integration == _OPENAI and answered_at else None


def _asked(found: Observation, integration: str) -> tuple[Sent, Asked, Captured]:
    """What was sent. What the emitter would have said had it been asked for, and didn't say, was not."""
    sent = request_body(found.body)
    asked, captured = halves.request(sent.body, sent.api)
    tells_all = found.opened and integration == _OPENAI and sent.api == "chat.completions"
    contract = asked.contract
    if sent.unreadable_format:
        contract = Contract(ContractKind.JSON_SCHEMA)
    elif contract.kind is ContractKind.NONE and not tells_all:
        contract = Contract()
    return (
        sent,
        structs.replace(asked, contract=contract),
        Captured(
            input=captured.input and sent.captured,
            output=False,
            tools=bool(asked.tools) or sent.tells_tools or (tells_all and sent.captured),
            schema=contract.kind is not ContractKind.JSON_SCHEMA or contract.schema is not None,
        ),
    )


def _answered(output: Any, sent: Sent) -> tuple[Answer, bool]:
    """What was answered, and whether that is all: of a refusal and of some streams nothing is left."""
    body, api = answer_body(output, sent.api)
    answer = halves.answer(body, api)
    empty = output == "" or at(output, "content") == ""
    return answer, empty or any(map(_says_something, answer.outputs))


def _says_something(output: Output) -> bool:
    return bool(output.text or output.tool_calls or output.refusal)


def _error(body: dict[str, Any]) -> CallError | None:
    if body.get("level") != "ERROR":
        return None
    message = text(body.get("statusMessage"))[:2000]
    status = _STATUS.search(message)
    return errors.read({"error": {"message": message}}, int(status[1]) if status else None)
