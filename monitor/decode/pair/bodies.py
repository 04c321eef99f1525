"""Provider bodies as any format may carry them: a request and a response come in, what they say goes out.

Which API they belong to is told by its name, by the URL, or by the bodies themselves.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec
from msgspec import structs

from monitor.decode.pair import errors, fallbacks, received
from monitor.decode.pair.api import Answer, Api, Asked, Body, registered
from monitor.decode.pair.endpoint import CARRIERS, Endpoint, endpoint_of
from monitor.decode.pair.headers import ERROR_TYPE, named
from monitor.decode.pair.received import Received
from monitor.decode.pair.shapes import flag, mapping, text
from monitor.records import CallError, Captured, Contract, ContractKind, FinishReason

#: Fields of responses to other requests: embeddings, and lists of them, of images or of models.
_NO_ANSWER = frozenset({"data", "embedding", "embeddings"})


class Read(msgspec.Struct, frozen=True, kw_only=True):
    """What a request and its response say.

    Attributes:
        api: the API's name, as in a pair's ``api``.
        provider: who served it, by the URL's host; else whose API it is.
        operation: as in OpenTelemetry's ``gen_ai.operation.name``.
        asked: the request; of one that isn't there, an unknown contract.
        answer: the response; without outputs where there is none to read.
        error: what failed, if the response says that something did, or isn't what its API promises.
        model_requested: the model that was asked for; empty where unknown.
        model_served: the model that answered; empty where unknown.
        stream: whether the response was streamed; ``None`` where unknown.
        captured: what of the call the two bodies carry; of a stream that has no end, not the output.
    """

    api: str
    provider: str
    operation: str
    asked: Asked
    answer: Answer
    error: CallError | None
    model_requested: str
    model_served: str
    stream: bool | None
    captured: Captured


def read(
    request: Any,
    response: Any,
    *,
    api: str | None = None,
    url: str | None = None,
    status: int | None = None,
    headers: Any = None,
) -> Read | None:
    """What two bodies say, or ``None`` where they are of no API that is read.

    Args:
        request: the request body: an object, its JSON text, or ``None`` where it was not kept.
        response: the response body: an object, its JSON text, a stream's text, a list of a stream's events,
            bytes under ``__base64__``, or ``None`` where it was not kept.
        api: the API's name, where it is known.
        url: where the request was sent, where that is known.
        status: the HTTP status of the response, where it is known.
        headers: the headers of the response; only those that ``headers.py`` names are read.
    """
    asked_body, reply = received.read(request).body, received.read(response)
    endpoint = endpoint_of(url)
    found = _api(api, endpoint, asked_body or {}, reply.samples)
    return None if found is None else _read(found, endpoint, asked_body, reply, status, named(headers))


def _api(name: str | None, endpoint: Endpoint, request: Body, response: list[Body]) -> Api | None:
    """The API that the response shows; else the one of the name or the URL; else the one the request shows.

    A response that shows another API than was named is believed: gateways serve any API at any path. But
    what was named to be no call, or shows that it is none, is none.
    """
    told = registered().get(name) if name else _at(endpoint)
    if told is None and (name or endpoint.carrier) not in CARRIERS and (name or endpoint.other_api):
        return None
    candidates = _candidates(told.name if told else None)
    found = next((api for api in candidates if any(map(api.answers, response))), told)
    if found is None and not any(_NO_ANSWER & part.keys() for part in response):
        found = next((api for api in candidates if api.asks(request)), None)
    return found


@cache
def _candidates(told: str | None) -> tuple[Api, ...]:
    """The APIs in the order in which they are asked: the one of this name, and the plain ones last."""
    return tuple(sorted(registered().values(), key=lambda api: (api.name != told, api.plain)))


def _at(endpoint: Endpoint) -> Api | None:
    """The API of a URL: of several, the one that the most of its path belongs to."""
    fitting = (api for api in registered().values() if endpoint.is_at(api.paths))
    return max(fitting, key=lambda api: max(map(len, api.paths)), default=None)


def _read(
    api: Api,
    endpoint: Endpoint,
    request: Body | None,
    reply: Received,
    status: int | None,
    headers: dict[str, str],
) -> Read:
    asked = Asked(contract=Contract(), whole=False) if request is None else api.ask(request)
    body = reply.body if reply.events is None else api.assemble(reply.events)
    answer = None if body is None else api.answer(body)
    error = errors.read(body, status, headers.get(ERROR_TYPE))
    if error is None and answer is None and not reply.missing:
        error = CallError(errors.UNPARSABLE_RESPONSE, http_status=status)
    answer = answer or Answer(outputs=())
    if answer.media and not asked.expected.format:  # it was asked for by the model's name, or by a tool
        asked = structs.replace(asked, expected=structs.replace(asked.expected, format=answer.media))
    requested = _model(mapping(request)) or endpoint.model
    fallback = fallbacks.read(body or {}, headers)
    return Read(
        api=api.name,
        provider=endpoint.provider or api.provider,
        operation=api.operation,
        asked=asked,
        answer=structs.replace(answer, fallback=fallback),
        error=error,
        model_requested=requested,
        model_served=answer.model,
        stream=_stream(reply, request, endpoint),
        captured=Captured(
            input=asked.whole and answer.whole,
            output=error is not None or _is_whole(reply, answer),
            tools=request is not None,
            schema=asked.contract.kind is not ContractKind.JSON_SCHEMA or asked.contract.schema is not None,
        ),
    )


def _is_whole(reply: Received, answer: Answer) -> bool:
    """Whether there is an answer that is known to have ended.

    A stream that says of no end was cut, and it isn't known by whom: the log, or whoever answered.
    """
    if reply.events is None or reply.ended:
        return bool(answer.outputs)
    reasons = [(output.finish_reason, output.finish_reason_raw) for output in answer.outputs]
    return bool(reasons) and (FinishReason.UNKNOWN, None) not in reasons


def _model(request: Body) -> str:
    """The model that a request body names: Google's as a path, that of Bedrock's SDK under ``modelId``."""
    return text(request.get("model") or request.get("modelId")).removeprefix("models/")


def _stream(reply: Received, request: Body | None, endpoint: Endpoint) -> bool | None:
    """Whether it streamed; of an error that came as a plain body, whether a stream was asked for."""
    if reply.events is not None:
        return True
    asked_for = flag(mapping(request).get("stream")) or endpoint.streams
    return False if asked_for is None and reply.body is not None else asked_for
