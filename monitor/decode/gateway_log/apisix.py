"""An entry of APISIX's ``kafka-logger`` plugin comes in, the call that it is of goes out.

Bodies are there with ``include_req_body`` and ``include_resp_body``, as text that ends at a limit. The AI
plugins add ``llm_summary``, and with ``logging.payloads`` the messages and the answer's text, and no more.
References: https://apisix.apache.org/docs/apisix/plugins/kafka-logger/ and, of ``ai-proxy``,
https://apisix.apache.org/docs/apisix/plugins/ai-proxy/.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from monitor.decode.counts import raw_counts
from monitor.decode.gateway_log.access import Line, Told, call
from monitor.decode.pair.shapes import at, flag, integer, mapping, number, text
from monitor.decode.registry import Context
from monitor.decode.times import moment
from monitor.records import Call, Usage


def read(logged: dict[str, Any], context: Context) -> Iterator[Call]:
    """The call of an entry, if it is of one.

    Raises:
        BadInput: ``invalid_record`` where neither the entry nor its record has a time.
    """
    if (found := call(_line(logged), _told(logged), context)) is not None:
        yield found


def _line(logged: dict[str, Any]) -> Line:
    return Line(
        logged=logged,
        url=text(at(logged, "request", "url")) or text(at(logged, "request", "uri")),
        sent=at(logged, "request", "body"),
        received=at(logged, "response", "body"),
        started_at=moment(logged.get("start_time"), per_second=1000),
        duration_ms=number(logged.get("latency")),
        route=text(logged.get("route_name")) or text(logged.get("route_id")),
    )


def _told(logged: dict[str, Any]) -> Told | None:
    summary, request = mapping(logged.get("llm_summary")), mapping(logged.get("llm_request"))
    if not summary and not request:
        return None
    messages, answer = request.get("messages"), logged.get("llm_response_text")
    stream = flag(request.get("stream"))
    return Told(
        model_requested=text(summary.get("request_model")) or text(summary.get("model")),
        usage=_usage(summary),
        # The name is older than its meaning: the time to the first token, of a stream.
        ttft_ms=number(summary.get("duration")),
        stream=flag(summary.get("stream")) if stream is None else stream,
        messages=messages if isinstance(messages, list) else None,
        answer=text(answer) or text(at(answer, "content")),
    )


def _usage(summary: dict[str, Any]) -> Usage:
    """The tokens, which stand in the summary among its durations."""
    given, written = summary.get("prompt_tokens"), summary.get("completion_tokens")
    return Usage(
        input_tokens=integer(given),
        output_tokens=integer(written),
        raw=raw_counts({"prompt_tokens": given, "completion_tokens": written}),
    )
