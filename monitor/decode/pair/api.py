"""What an API is, and those that are read: a module of this folder describes its API and registers it.

An API reads a request body into ``Asked`` and a response body into ``Answer``. A stream is first put together
into the body that the same API would have sent without streaming, so there is one reader for both.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from monitor.records import (
    Contract,
    ContractKind,
    Document,
    Expected,
    FallbackHint,
    Message,
    Output,
    Tool,
    ToolChoice,
    Usage,
)

Body = dict[str, Any]


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a request says.

    Attributes:
        whole: false where part of what the model read lies at the provider and not in the record.
    """

    contract: Contract = Contract(ContractKind.NONE)
    expected: Expected = Expected()
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice = ToolChoice()
    parallel_tool_calls: bool = True
    input: tuple[Message, ...] = ()
    documents: tuple[Document, ...] = ()
    whole: bool = True


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a response says.

    Attributes:
        id: the provider's id of the response.
        created: when the provider says it was made, as it says it: epoch seconds or ISO 8601 text.
        documents: passages the provider itself looked up for the model.
        tools: tools the provider itself found for the model, on top of those offered.
        fallback: what whoever answered says about who else was asked before.
        duration_ms: how long the provider says that it took.
        media: what the answer holds besides text or instead of it, as in ``Expected.format``.
        whole: false where the model read something that the response doesn't show.
    """

    outputs: tuple[Output, ...]
    id: str | None = None
    model: str = ""
    created: Any = None
    usage: Usage = Usage()
    documents: tuple[Document, ...] = ()
    tools: tuple[Tool, ...] = ()
    fallback: FallbackHint = FallbackHint()
    duration_ms: float | None = None
    media: str = ""
    whole: bool = True


class Api(msgspec.Struct, frozen=True, kw_only=True):
    """One API of one or more providers.

    Attributes:
        name: as in a pair's ``api``.
        provider: whose API it is, for a pair that doesn't say who served it.
        paths: how its URLs' paths end.
        asks: whether a request body is of this API and, unless ``plain``, of no other.
        answers: whether a response body, or one of a stream's first events, is of this API and no other.
            Errors need not be: many APIs have the same.
        ask: reads a request body.
        answer: reads a response body; ``None`` for one that is not what this API promises.
        assemble: a stream's events as one response body; errors under ``error``, as in plain bodies.
        operation: as in OpenTelemetry's ``gen_ai.operation.name``.
        plain: other APIs' requests have every field of its own ones, so a request is taken for its only when
            it is no other's.
    """

    name: str
    provider: str
    asks: Callable[[Body], bool]
    answers: Callable[[Body], bool]
    ask: Callable[[Body], Asked]
    answer: Callable[[Body], Answer | None]
    assemble: Callable[[list[Body]], Body]
    paths: tuple[str, ...] = ()
    operation: str = "chat"
    plain: bool = False


_apis: dict[str, Api] = {}


def register(new: Api) -> None:
    """Add an API. Every module that defines one calls this when it is imported."""
    _apis[new.name] = new


def registered() -> dict[str, Api]:
    """The APIs by name."""
    return _apis
