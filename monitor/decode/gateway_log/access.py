"""One line of a gateway's access log, whichever gateway's, comes in; its call goes out, if it is of one.

Most lines of a gateway are of no model at all, so a line is a call only if the gateway says so, its bodies
are a provider's, or it was posted to an address that is a provider's.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import msgspec
from msgspec import structs

from monitor.decode import halves
from monitor.decode.counts import is_counted
from monitor.decode.gateway_log.headers import Headers
from monitor.decode.named import attributes
from monitor.decode.pair import bodies
from monitor.decode.pair.api import Asked
from monitor.decode.pair.bodies import Read
from monitor.decode.pair.endpoint import Endpoint
from monitor.decode.pair.shapes import at, integer, mapping, text
from monitor.decode.registry import Context
from monitor.records import Call, Captured, Contract, Output, Status, Usage

#: How the paths end under which providers answer.
_ASKS = re.compile(
    r"/(?:chat/completions|v1/(?:completions|messages|responses)|converse(?:-stream)?|invoke"
    r"|invoke-with-response-stream)$|:(?:stream)?generateContent$",
    re.IGNORECASE,
)


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What a gateway itself says of a call to a model, where it says anything.

    Attributes:
        name: what tells several calls of one line apart.
        messages: the messages that were sent, where it keeps them apart from the body.
        answer: the text that was answered, likewise.
    """

    name: str = ""
    provider: str = ""
    model_requested: str = ""
    model_served: str = ""
    usage: Usage = Usage()
    duration_ms: float | None = None
    ttft_ms: float | None = None
    stream: bool | None = None
    messages: list[Any] | None = None
    answer: str = ""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line of an access log.

    Attributes:
        logged: the line itself, in which gateways name the method, the status and the headers alike.
        url: where the request went: the provider's address where it is known, else the gateway's.
        provider: who serves that address, where it is the provider's.
        sent: the request body: an object, text, or ``None`` where it was not logged.
        received: the response body, likewise.
        id: the gateway's own id of the request.
        route: the gateway's route.
    """

    logged: dict[str, Any]
    url: str
    provider: str = ""
    sent: Any
    received: Any
    started_at: datetime | None
    duration_ms: float | None
    id: str | None = None
    route: str = ""

    @property
    def status(self) -> int | None:
        """The HTTP status of the response."""
        return integer(at(self.logged, "response", "status"))


def call(line: Line, told: Told | None, context: Context) -> Call | None:
    """The call of a line, or ``None`` if it is of none.

    Args:
        line: the line.
        told: what the gateway says of a call to a model; ``None`` where it says nothing.
        context: where the line was read.

    Raises:
        BadInput: ``invalid_record`` where neither the line nor its record has a time.
    """
    if Endpoint(line.url).other_api:
        return None
    read = _read(line, by_ai_plugin=told is not None)
    if read is None:
        return None
    told = told or Told()
    asked, captured = _asked(read, told)
    answer, stream = read.answer, told.stream if read.stream is None else read.stream
    whole = answer.outputs if captured.output else ()
    outputs = whole or ((Output(text=told.answer),) if told.answer else answer.outputs)
    sent_with, came_with = (Headers(at(line.logged, side, "headers")) for side in ("request", "response"))
    trace_id, span_id = sent_with.trace
    headers = {"request": sent_with.by_name, "response": came_with.by_name}
    dimensions: dict[str, Any] = {"route": line.route, **_dimensions(line, headers, context)}
    return Call(
        source=context.source("gateway-log", logged=line.started_at is None),
        call_id=answer.id or ":".join(filter(None, (line.id or context.fingerprint, told.name))),
        started_at=line.started_at or context.received_at(),
        request_id=sent_with.request_id or came_with.request_id or line.id,
        trace_id=trace_id,
        span_id=span_id,
        provider=told.provider or line.provider or read.provider,
        model_requested=read.model_requested or told.model_requested or Endpoint(line.url).model,
        model_served=answer.model or told.model_served,
        operation=read.operation,
        status=Status.OK if read.error is None else Status.ERROR,
        error=read.error,
        duration_ms=line.duration_ms if told.duration_ms is None else told.duration_ms,
        ttft_ms=told.ttft_ms if stream else None,
        stream=stream,
        contract=asked.contract,
        expected=asked.expected,
        tools=asked.tools + answer.tools,
        tool_choice=asked.tool_choice,
        parallel_tool_calls=asked.parallel_tool_calls,
        input=asked.input,
        documents=asked.documents + answer.documents,
        outputs=outputs,
        usage=answer.usage if is_counted(answer.usage) else told.usage,
        fallback=answer.fallback,
        captured=structs.replace(captured, output=captured.output or bool(told.answer)),
        **dimensions,
    )


def _read(line: Line, *, by_ai_plugin: bool) -> Read | None:
    """What the bodies say, by what they look like; else as what the plugin or the address makes of them."""
    status, headers = line.status, at(line.logged, "response", "headers")
    read = bodies.read(line.sent, line.received, status=status, headers=headers)
    if read is not None:
        return read
    posted = (text(at(line.logged, "request", "method")) or "POST").upper() == "POST"
    if by_ai_plugin:  # these speak OpenAI's dialect, whoever answers
        read = bodies.read(line.sent, line.received, api="chat.completions", status=status, headers=headers)
    elif posted and _ASKS.search(line.url.partition("?")[0].rstrip("/")):
        read = bodies.read(line.sent, line.received, url=line.url, status=status, headers=headers)
    # Pictures are asked for too, and an application's own path may end as a provider's does: a body that
    # was logged must look like a call's.
    foreign = read is not None and read.captured.tools and not read.asked.input
    return None if foreign else read


def _asked(read: Read, told: Told) -> tuple[Asked, Captured]:
    """What was sent: the body's account of it, else the gateway's, which knows messages only."""
    if read.captured.input or not told.messages:
        return read.asked, read.captured
    spoken, _ = halves.request({"messages": told.messages}, "chat.completions")
    asked = structs.replace(spoken, contract=Contract())
    return asked, structs.replace(read.captured, input=bool(spoken.input), tools=False)


def _dimensions(line: Line, headers: dict[str, dict[str, str]], context: Context) -> dict[str, str]:
    """The dimensions that the line's fields name, with the names of headers in lower case."""
    sides = {side: {**mapping(line.logged.get(side)), "headers": named} for side, named in headers.items()}
    return context.mapping.read(attributes({**line.logged, **sides}, context.mapping))
