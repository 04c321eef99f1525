"""A line of Kong's ``kafka-log`` plugin comes in, the calls that it is of go out.

What a plugin that asks a model says stands under ``ai.<plugin>``, of AI Proxy under ``ai.proxy``; bodies only
with ``logging.log_payloads``. Older versions have the request once for all plugins, and spell the counts in
the singular; the oldest know one plugin, and have all of it under ``ai``. References:
https://developer.konghq.com/plugins/kafka-log/ and
https://developer.konghq.com/ai-gateway/ai-audit-log-reference/.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from msgspec import structs

from monitor.decode import halves
from monitor.decode.counts import raw_counts
from monitor.decode.gateway_log.access import Line, Told, call
from monitor.decode.pair.endpoint import Endpoint
from monitor.decode.pair.shapes import at, mapping, number, string, text
from monitor.decode.providers import provider_name
from monitor.decode.registry import Context
from monitor.decode.times import moment
from monitor.records import Call, Usage

#: Plugins of one line that are read. Each may be about the same request, and a route has two or three.
MAX_PLUGINS = 16

#: Counts that older versions spell without their last letter.
_COUNTS = ("prompt_tokens", "completion_tokens")

#: What Kong writes where it doesn't know.
_UNKNOWN = "UNSPECIFIED"


def read(logged: dict[str, Any], context: Context) -> Iterator[Call]:
    """The calls of a line: one for each plugin that asked a model, or one that Kong only passed on.

    Raises:
        BadInput: ``invalid_record`` where neither the line nor its record has a time.
    """
    ai = mapping(logged.get("ai"))
    asking = (
        (name, section)
        for name, section in {"": ai, **ai}.items()
        if isinstance(at(section, "meta"), dict) or isinstance(at(section, "usage"), dict)
    )
    sections = dict(islice(asking, MAX_PLUGINS))
    for name, section in sections.items():
        told = _told(section, name if len(sections) > 1 else "")
        if (found := call(_line(logged, section), told, context)) is not None:
            yield found
    if not sections and (found := call(_line(logged, {}), None, context)) is not None:
        yield found


def _line(logged: dict[str, Any], section: dict[str, Any]) -> Line:
    request = mapping(logged.get("request"))
    sent = at(section, "payload", "request") or at(logged, "ai", "payload", "request") or request.get("body")
    host, path = (
        text(at(logged, "service", "host")),
        text(logged.get("upstream_uri")) or text(request.get("uri")),
    )
    address = f"https://{host}{path}" if host and path else ""
    return Line(
        logged=logged,
        url=address or text(request.get("url")) or path,
        provider=Endpoint(address).provider,
        sent=sent,
        received=at(section, "payload", "response") or at(logged, "response", "body"),
        started_at=moment(logged.get("started_at"), per_second=1000),
        duration_ms=number(at(logged, "latencies", "request")),
        id=string(request.get("id")),
        route=text(at(logged, "route", "name")),
    )


def _told(section: dict[str, Any], name: str) -> Told:
    requested, served = _known(section, "request_model"), _known(section, "response_model")
    return Told(
        name=name,
        provider=provider_name(_known(section, "provider_name")),
        model_requested=requested,
        # Where the answer names no model, Kong writes the one that was asked for.
        model_served="" if served == requested else served,
        usage=_usage(mapping(section.get("usage"))),
        duration_ms=number(at(section, "meta", "llm_latency")),
        ttft_ms=number(at(section, "usage", "time_to_first_token")),
    )


def _known(section: dict[str, Any], field: str) -> str:
    value = text(at(section, "meta", field))
    return "" if value == _UNKNOWN else value


def _usage(counts: dict[str, Any]) -> Usage:
    spelled = {name: counts.get(name, counts.get(name.removesuffix("s"))) for name in _COUNTS}
    found = halves.answer({"choices": [], "usage": {**counts, **spelled}}, "chat.completions").usage
    if not found.input_tokens and not found.output_tokens:
        return Usage()
    return structs.replace(found, raw=raw_counts(counts))
