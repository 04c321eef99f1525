"""The envelope of a pair: a request, its response and what only the sender knows come in, a call goes out.

What the bodies say is read in ``bodies.py``; here it is decided when the call started and which id it has.
``docs/pair.md`` says the same for the sender.
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec
from msgspec import structs

from monitor.decode.clean import name_of
from monitor.decode.pair import bodies, errors
from monitor.decode.pair.api import Answer
from monitor.decode.pair.endpoint import Endpoint
from monitor.decode.pair.headers import DATE, named
from monitor.decode.pair.shapes import string
from monitor.decode.registry import Context
from monitor.decode.typed import convert
from monitor.errors import BadInput, DeadLetterReason
from monitor.records import Call, CallError, Status

#: Before this, in epoch seconds (2001-09-09), a ``created`` is a server's placeholder.
_FIRST_CREATED = 1_000_000_000

#: Fields of gateways' access logs, which have a request and a response too and are ``gateway-log``. Others of
#: theirs, such as ``client_ip`` and ``start_time``, whoever writes pairs may add as well.
ACCESS_LOG_FIELDS = frozenset({"latencies", "tries", "upstream_uri", "route_id", "apisix_latency"})


class Request(msgspec.Struct):
    """What was sent. Its headers are not read at all: they hold credentials."""

    body: Any = None
    url: str | None = None


class Response(msgspec.Struct):
    """What came back. Of the headers only those that ``headers.py`` names are read."""

    body: Any = None
    status: int | None = None
    headers: Any = None


class Pair(msgspec.Struct):
    """One request and its response, and what only the sender knows of them."""

    request: Request
    response: Response | None
    id: str | int | None = None
    provider: str | None = None
    api: str | None = None

    service: str = ""
    environment: str = ""
    route: str = ""
    prompt_name: str = ""
    prompt_version: str = ""
    agent: str = ""

    started_at: datetime | None = None
    duration_ms: float | None = None
    ttft_ms: float | None = None
    request_id: str | None = None
    attempt: int = 1
    trace_id: str | None = None
    span_id: str | None = None


def recognises(value: dict[str, Any]) -> bool:
    """Whether an object has a pair's shape."""
    is_exchange = isinstance(value.get("request"), dict) and "response" in value
    return is_exchange and ACCESS_LOG_FIELDS.isdisjoint(value)


def decode(value: dict[str, Any], context: Context) -> tuple[Call]:
    """The call of one pair.

    Raises:
        BadInput: ``invalid_record`` with the path of the field, or ``unsupported_api`` with its name.
    """
    pair = convert(value, Pair, strict=False)
    response = pair.response or Response()
    url = pair.request.url
    read = bodies.read(
        pair.request.body,
        response.body,
        api=pair.api,
        url=url,
        status=response.status,
        headers=response.headers,
    )
    if read is None:
        raise _unread(pair)
    error = read.error if pair.response else CallError(errors.NO_RESPONSE)
    started_at = _started_at(pair, read.answer)
    call = Call(
        source=context.source("pair", logged=started_at is None),
        call_id=("" if pair.id is None else str(pair.id)) or read.answer.id or context.fingerprint,
        started_at=started_at or context.received_at(),
        request_id=pair.request_id,
        attempt=pair.attempt,
        trace_id=pair.trace_id,
        span_id=pair.span_id,
        service=pair.service,
        environment=pair.environment,
        provider=pair.provider or read.provider,
        model_requested=read.model_requested,
        model_served=read.model_served,
        route=pair.route,
        prompt_name=pair.prompt_name,
        prompt_version=pair.prompt_version,
        operation=read.operation,
        agent=pair.agent,
        status=Status.OK if error is None else Status.ERROR,
        error=error,
        duration_ms=read.answer.duration_ms if pair.duration_ms is None else pair.duration_ms,
        ttft_ms=pair.ttft_ms,
        stream=read.stream,
        contract=read.asked.contract,
        expected=read.asked.expected,
        tools=read.asked.tools + read.answer.tools,
        tool_choice=read.asked.tool_choice,
        parallel_tool_calls=read.asked.parallel_tool_calls,
        input=read.asked.input,
        documents=read.asked.documents + read.answer.documents,
        outputs=read.answer.outputs,
        usage=read.answer.usage,
        fallback=read.answer.fallback,
        captured=structs.replace(read.captured, output=read.captured.output or error is not None),
    )
    return (call,)


def _unread(pair: Pair) -> BadInput:
    endpoint = Endpoint(pair.request.url)
    provider = name_of(pair.provider or endpoint.provider or "unknown")
    name = name_of(pair.api or endpoint.other_api or endpoint.carrier or "unknown")
    return BadInput(DeadLetterReason.UNSUPPORTED_API, f"provider {provider[:60]!r}, api {name[:60]!r}")


def _started_at(pair: Pair, answer: Answer) -> datetime | None:
    """When the pair says that it was."""
    headers = pair.response.headers if pair.response else None
    return pair.started_at or _date(headers) or _created(answer.created)


def _date(headers: Any) -> datetime | None:
    """The ``date`` header."""
    try:
        return parsedate_to_datetime(named(headers).get(DATE, ""))
    except (ValueError, OverflowError):
        return None


def _created(created: Any) -> datetime | None:
    """A response's own time: epoch seconds, or ISO 8601 text."""
    if isinstance(created, int | float) and created >= _FIRST_CREATED:
        try:
            return datetime.fromtimestamp(created, UTC)
        except (ValueError, OverflowError, OSError):
            return None
    try:
        return datetime.fromisoformat(string(created) or "")
    except ValueError:
        return None
