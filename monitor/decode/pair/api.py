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
    whole: bool = True


class Api(msgspec.Struct, frozen=True):
    """One API of one or more providers.

    Attributes:
        name: as in a pair's ``api``.
        provider: whose API it is, for a pair that doesn't say who served it.
        path: how its URLs' paths end.
        recognises: whether a request and a response body (a stream's first event) are of this API.
        ask: reads a request body.
        answer: reads a response body; ``None`` for one that is not what this API promises.
        assemble: a stream's events as one response body; errors under ``error``, as in plain bodies.
    """

    name: str
    provider: str
    path: str
    recognises: Callable[[Body, Body], bool]
    ask: Callable[[Body], Asked]
    answer: Callable[[Body], Answer | None]
    assemble: Callable[[list[Body]], Body]


_apis: dict[str, Api] = {}


def register(new: Api) -> None:
    """Add an API. Every module that defines one calls this when it is imported."""
    _apis[new.name] = new


def registered() -> dict[str, Api]:
    """The APIs by name."""
    return _apis
