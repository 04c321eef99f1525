"""The envelope of a pair: a request, its response and what only the sender knows come in, a call goes out.

What the bodies say is read by their API's module; here it is decided which API that is, what failed, when
the call started and which id it has. ``docs/pair.md`` says the same for the sender.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from monitor.decode.clean import name_of
from monitor.decode.pair import errors, received
from monitor.decode.pair.api import Answer, Api, Asked, Body, registered
from monitor.decode.pair.endpoint import Endpoint
from monitor.decode.pair.received import Received
from monitor.decode.pair.shapes import flag, mapping, string, text
from monitor.decode.registry import Context
from monitor.decode.typed import convert
from monitor.errors import BadInput, DeadLetterReason
from monitor.records import Call, CallError, Captured, Contract, ContractKind, Status

#: Before this, in epoch seconds (2001-09-09), a ``created`` is a server's placeholder.
_FIRST_CREATED = 1_000_000_000


class Request(msgspec.Struct):
    """What was sent. Its headers are not read at all: they hold credentials."""

    body: Any = None
    url: str | None = None


class Response(msgspec.Struct):
    """What came back. Of the headers only ``date`` is read."""

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
    return isinstance(value.get("request"), dict) and "response" in value


def decode(value: dict[str, Any], context: Context) -> tuple[Call]:
    """The call of one pair.

    Raises:
        BadInput: ``invalid_record`` with the path of the field, or ``unsupported_api`` with its name.
    """
    pair = convert(value, Pair, strict=False)
    response = pair.response or Response()
    request, reply = received.read(pair.request.body).body, received.read(response.body)
    endpoint = Endpoint(pair.request.url)
    api = _api(pair, endpoint, request or {}, reply)
    body = reply.body if reply.events is None else api.assemble(reply.events)

    asked = Asked(contract=Contract(), whole=False) if request is None else api.ask(request)
    answer = None if body is None else api.answer(body)
    error = _error(pair.response, reply, body, answer)
    answer = answer or Answer(outputs=())
    call = Call(
        source=context.source("pair"),
        call_id=("" if pair.id is None else str(pair.id)) or answer.id or _id_of(context),
        started_at=_started_at(pair, answer, context),
        request_id=pair.request_id,
        attempt=pair.attempt,
        trace_id=pair.trace_id,
        span_id=pair.span_id,
        service=pair.service,
        environment=pair.environment,
        provider=pair.provider or endpoint.provider or api.provider,
        model_requested=text(mapping(request).get("model")) or endpoint.deployment,
        model_served=answer.model,
        route=pair.route,
        prompt_name=pair.prompt_name,
        prompt_version=pair.prompt_version,
        agent=pair.agent,
        status=Status.OK if error is None else Status.ERROR,
        error=error,
        duration_ms=pair.duration_ms,
        ttft_ms=pair.ttft_ms,
        stream=_stream(reply, request),
        contract=asked.contract,
        tools=asked.tools + answer.tools,
        tool_choice=asked.tool_choice,
        parallel_tool_calls=asked.parallel_tool_calls,
        input=asked.input,
        documents=asked.documents + answer.documents,
        outputs=answer.outputs,
        usage=answer.usage,
        fallback=answer.fallback,
        captured=Captured(
            input=asked.whole and answer.whole,
            output=bool(answer.outputs) or error is not None,
            tools=request is not None,
            schema=asked.contract.kind is not ContractKind.JSON_SCHEMA or asked.contract.schema is not None,
        ),
    )
    return (call,)


def _api(pair: Pair, endpoint: Endpoint, request: Body, reply: Received) -> Api:
    """The API that the pair names; else the one of its URL; else the one whose bodies look like these."""
    apis = registered()
    if pair.api:
        found, name = apis.get(pair.api), pair.api
    else:
        found = next((api for api in apis.values() if endpoint.is_at(api.path)), None)
        name = endpoint.unread_api() or "unknown"
        if found is None and name == "unknown":
            found = next((api for api in apis.values() if api.recognises(request, reply.first)), None)
    if found is None:
        provider = name_of(pair.provider or endpoint.provider or "unknown")
        detail = f"provider {provider[:60]!r}, api {name_of(name)[:60]!r}"
        raise BadInput(DeadLetterReason.UNSUPPORTED_API, detail)
    return found


def _error(
    response: Response | None, reply: Received, body: Body | None, answer: Answer | None
) -> CallError | None:
    """What failed: the provider says so, or there was no response, or none that its API promises."""
    if response is None:
        return CallError(errors.NO_RESPONSE)
    error = errors.read(body, response.status)
    if error is None and answer is None and not reply.missing:
        return CallError(errors.UNPARSABLE_RESPONSE, http_status=response.status)
    return error


def _stream(reply: Received, request: Body | None) -> bool | None:
    """Whether it streamed; of an error that came as a plain body, whether a stream was asked for."""
    if reply.events is not None:
        return True
    asked_for = flag(mapping(request).get("stream"))
    return False if asked_for is None and reply.body is not None else asked_for


def _id_of(context: Context) -> str:
    """An id for a call that has none: the same bytes received at the same time are the same call."""
    digest = hashlib.sha256(context.raw)
    digest.update(str(context.record.timestamp).encode())
    return f"sha256:{digest.hexdigest()}"


def _started_at(pair: Pair, answer: Answer, context: Context) -> datetime:
    headers = pair.response.headers if pair.response else None
    found = pair.started_at or _date(headers) or _created(answer.created) or context.record.timestamp
    if found is None:
        raise BadInput(DeadLetterReason.INVALID_RECORD, "no time: no started_at, date header or created")
    return found


def _date(headers: Any) -> datetime | None:
    """The ``date`` header, whatever its case: one text, or the first of several."""
    for name, value in mapping(headers).items():
        if name.lower() == "date":
            first = value[0] if isinstance(value, list) and value else value
            try:
                return parsedate_to_datetime(text(first))
            except (ValueError, OverflowError):
                return None
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
