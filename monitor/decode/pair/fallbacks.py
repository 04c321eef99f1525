"""What whoever answered says about other models or attempts before: a response comes in, a hint goes out.

A provider's own fallback stands in the usage, a gateway's in metadata or in response headers. The cause is
given only as an HTTP status: messages may quote the prompt.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from monitor.decode.pair import headers as header
from monitor.decode.pair.api import Body
from monitor.decode.pair.shapes import at, field, integer, mapping, objects, string, text
from monitor.records import FallbackHint

_NUMBER = re.compile(r"\d{1,9}")

#: What a hint declares, strongest first.
_STRENGTH = ("fallback", "retry", "none", "unknown")


def read(body: Body, headers: dict[str, str]) -> FallbackHint:
    """The strongest of what a response says: that it is a fallback, a retry, or neither; else ``unknown``.

    Args:
        body: the response body, of a stream the assembled one.
        headers: its headers, as ``headers.named`` gives them.
    """
    hints = [
        *_anthropic(body),
        *_openrouter(body),
        *_vercel(body),
        *_portkey(body, headers),
        *_litellm(body, headers),
    ]
    return min(hints, key=lambda hint: _STRENGTH.index(hint.declared), default=FallbackHint())


def _anthropic(body: Body) -> Iterator[FallbackHint]:
    """The beta ``fallbacks``: the usage lists a fallback message among its iterations."""
    iterations = list(objects(at(body, "usage", "iterations")))
    fallbacks = [iteration for iteration in iterations if iteration.get("type") == "fallback_message"]
    if fallbacks:
        yield FallbackHint(
            "fallback",
            from_model=string(iterations[0].get("model")),
            to_model=string(fallbacks[-1].get("model")) or string(body.get("model")),
            evidence="usage.iterations",
        )


def _openrouter(body: Body) -> Iterator[FallbackHint]:
    """OpenRouter's router metadata, when asked for: which attempt this was, and those before it.

    https://openrouter.ai/docs/guides/routing/routers/router-metadata
    """
    metadata = mapping(body.get("openrouter_metadata"))
    attempt = integer(metadata.get("attempt"))
    if attempt is None:
        return
    attempts = list(objects(metadata.get("attempts")))
    models = [model for one in attempts if (model := text(one.get("model")))]
    evidence = "openrouter_metadata.attempt"
    if attempt <= 1:
        yield FallbackHint("none", evidence=evidence)
        return
    yield FallbackHint(
        "retry" if len(models) > 1 and len(set(models)) == 1 else "fallback",
        from_model=string(metadata.get("requested")),
        to_model=string(body.get("model")),
        cause=_status(attempts[0].get("status")) if attempts else None,
        evidence=evidence,
    )


def _vercel(body: Body) -> Iterator[FallbackHint]:
    """Vercel AI Gateway's routing, in the AI SDK's metadata or in the message of a Chat Completions body.

    https://vercel.com/docs/ai-gateway/models-and-providers/provider-options
    """
    choice: Body = next(objects(body.get("choices")), {})
    for holder in (body, choice, choice.get("message")):
        routing = mapping(at(field(holder, "providerMetadata"), "gateway", "routing"))
        models = list(objects(routing.get("modelAttempts")))
        providers = list(objects(routing.get("attempts")))
        if not models and not providers:
            continue
        first: Body = next((one for one in providers if one.get("success") is False), {})
        several = max(len(models), integer(routing.get("modelAttemptCount")) or 0) > 1
        yield FallbackHint(
            "fallback" if several else "retry" if len(providers) > 1 else "none",
            from_model=_vercel_model(models[0]) if models else string(routing.get("originalModelId")),
            to_model=_vercel_model(models[-1]) if models else string(body.get("model")),
            cause=_status(first.get("statusCode")),
            evidence="gateway.routing",
        )


def _vercel_model(attempt: Body) -> str | None:
    return string(attempt.get("modelId")) or string(attempt.get("canonicalSlug"))


def _portkey(body: Body, headers: dict[str, str]) -> Iterator[FallbackHint]:
    """Portkey's headers: the path of the target used, ``config.targets[1]``, and the count of retries.

    https://portkey.ai/docs/api-reference/inference-api/response-schema
    """
    for name, declared in ((header.PORTKEY_TARGET, "fallback"), (header.PORTKEY_RETRIES, "retry")):
        yield from _counted(body, headers, name, declared)


def _litellm(body: Body, headers: dict[str, str]) -> Iterator[FallbackHint]:
    """The LiteLLM proxy's headers: https://docs.litellm.ai/docs/proxy/response_headers."""
    for name, declared in ((header.LITELLM_FALLBACKS, "fallback"), (header.LITELLM_RETRIES, "retry")):
        yield from _counted(body, headers, name, declared)


def _counted(body: Body, headers: dict[str, str], name: str, declared: Any) -> Iterator[FallbackHint]:
    """A header whose numbers are all zero says that this was the first choice."""
    if numbers := _NUMBER.findall(headers.get(name, "")):
        if any(int(number) for number in numbers):
            yield FallbackHint(declared, to_model=string(body.get("model")), evidence=name)
        else:
            yield FallbackHint("none", evidence=name)


def _status(status: Any) -> str | None:
    number = integer(status)
    return None if number is None else f"http_{number}"
