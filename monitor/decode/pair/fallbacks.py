"""What whoever answered says about other models or attempts before: a response comes in, a hint goes out.

A provider's own fallback stands in the usage, a gateway's in metadata or in response headers. The cause is
the class of the HTTP status that failed before; messages may quote the prompt. What a response doesn't say is
left out: the score knows the call's models as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from monitor.decode.pair import errors
from monitor.decode.pair import headers as header
from monitor.decode.pair.api import Body
from monitor.decode.pair.shapes import at, field, integer, mapping, objects, string, text
from monitor.records import FallbackHint

#: A count: Portkey's ``-1`` stands for none.
_NUMBER = re.compile(r"(?<![-\d])\d{1,9}")

#: Where a holder has the metadata of Vercel's gateway, in one or the other spelling.
_METADATA = frozenset({"providerMetadata", "provider_metadata"})

#: The headers that count.
_COUNTED = frozenset(
    {header.PORTKEY_TARGET, header.PORTKEY_RETRIES, header.LITELLM_FALLBACKS, header.LITELLM_RETRIES}
)

_UNKNOWN = FallbackHint()

#: What a hint declares, strongest first.
_STRENGTH = ("fallback", "retry", "none", "unknown")


def read(body: Body, headers: dict[str, str]) -> FallbackHint:
    """The strongest of what a response says: that it is a fallback, a retry, or neither; else ``unknown``.

    Args:
        body: the response body, of a stream the assembled one.
        headers: its headers, as ``headers.named`` gives them.
    """
    hints = [*_anthropic(body), *_openrouter(body), *_vercel(body)]
    if not _COUNTED.isdisjoint(headers):
        hints += [*_portkey(headers), *_litellm(headers)]
    if not hints:
        return _UNKNOWN
    return min(hints, key=lambda hint: _STRENGTH.index(hint.declared))


def _anthropic(body: Body) -> Iterator[FallbackHint]:
    """The beta ``fallbacks``: the usage lists who was asked, and a fallback message among its iterations."""
    iterations = objects(at(body, "usage", "iterations"))
    fallbacks = [iteration for iteration in iterations if iteration.get("type") == "fallback_message"]
    if fallbacks:
        yield FallbackHint(
            "fallback",
            from_model=None if iterations[0] is fallbacks[0] else string(iterations[0].get("model")),
            to_model=string(fallbacks[-1].get("model")),
            evidence="usage.iterations",
        )


def _openrouter(body: Body) -> Iterator[FallbackHint]:
    """OpenRouter's router metadata, when asked for: which attempt this was, and those before it.

    https://openrouter.ai/docs/guides/routing/routers/router-metadata
    """
    if "openrouter_metadata" not in body:
        return
    metadata = mapping(body["openrouter_metadata"])
    attempt = integer(metadata.get("attempt"))
    if attempt is None:
        return
    evidence = "openrouter_metadata.attempt"
    if attempt <= 1:
        yield FallbackHint("none", evidence=evidence)
        return
    attempts = objects(metadata.get("attempts"))
    asked = {(text(one.get("model")), text(one.get("provider"))) for one in attempts}
    yield FallbackHint(
        "retry" if len(attempts) > 1 and len(asked) == 1 else "fallback",
        from_model=string(metadata.get("requested")),
        cause=_cause(attempts[0].get("status")) if attempts else None,
        evidence=evidence,
        hop=attempt - 1,
    )


def _vercel(body: Body) -> Iterator[FallbackHint]:
    """Vercel AI Gateway's routing, in the AI SDK's metadata or in the message of a Chat Completions body."""
    choice: Body = next(iter(objects(body.get("choices"))), {})
    for holder in (body, choice, choice.get("message")):
        if not isinstance(holder, dict) or _METADATA.isdisjoint(holder):
            continue
        routing = mapping(at(field(holder, "providerMetadata"), "gateway", "routing"))
        if routing:
            yield vercel_routing(routing)


def vercel_routing(routing: Body) -> FallbackHint:
    """What Vercel's AI Gateway says of the models and providers that it tried.

    https://vercel.com/docs/ai-gateway/models-and-providers/provider-options
    """
    models, providers = objects(routing.get("modelAttempts")), objects(routing.get("attempts"))
    count = integer(routing.get("modelAttemptCount")) or len(models)
    evidence = "providerMetadata.gateway.routing"
    failed: Body = next((one for one in providers if one.get("success") is False), {})
    asked, cause = text(routing.get("originalModelId")), _cause(failed.get("statusCode"))
    hop = max(count, len(providers)) - 1
    if count > 1:
        answered = string(models[-1].get("modelId") or models[-1].get("canonicalSlug")) if models else None
        return FallbackHint("fallback", asked or None, answered, cause, evidence, hop)
    if len(providers) > 1:
        model = asked.rpartition("/")[2]
        tried, served = (f"{text(one.get('provider'))}/{model}" for one in (providers[0], providers[-1]))
        return FallbackHint("fallback", tried, served, cause, evidence, hop)
    return FallbackHint("none", evidence=evidence) if count == 1 or providers else FallbackHint()


def _portkey(headers: dict[str, str]) -> Iterator[FallbackHint]:
    """Portkey's headers: the path of the target used, ``config.targets[1]``, and the count of retries.

    https://portkey.ai/docs/api-reference/inference-api/response-schema
    """
    for name, declared in ((header.PORTKEY_TARGET, "fallback"), (header.PORTKEY_RETRIES, "retry")):
        yield from _counted(headers, name, declared)


def _litellm(headers: dict[str, str]) -> Iterator[FallbackHint]:
    """The LiteLLM proxy's headers: https://docs.litellm.ai/docs/proxy/response_headers."""
    for name, declared in ((header.LITELLM_FALLBACKS, "fallback"), (header.LITELLM_RETRIES, "retry")):
        yield from _counted(headers, name, declared)


def _counted(headers: dict[str, str], name: str, declared: Any) -> Iterator[FallbackHint]:
    """A header whose numbers are all zero says that this was the first choice.

    The number of a fallback is that of the target, which says little of how many were asked before.
    """
    if numbers := [int(number) for number in _NUMBER.findall(headers.get(name, ""))]:
        if any(numbers):
            yield FallbackHint(declared, evidence=name, hop=max(numbers) if declared == "retry" else None)
        else:
            yield FallbackHint("none", evidence=name)


def _cause(status: Any) -> str | None:
    """The class of an HTTP status, as that of an error."""
    error = errors.read(None, integer(status))
    return error.category.value if error else None
