"""Describes ``/api``: endpoints with their types in, an OpenAPI 3.1 document out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from monitor import __version__


class Problem(msgspec.Struct, frozen=True):
    """Why a request was refused."""

    error: str


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that can be asked for or done.

    ``path`` has its parameters in braces; ``query`` and ``body`` are the types of what is sent, ``answer``
    that of what comes back with ``status`` (``None``: nothing does) or, where it was so already, with
    ``again``; ``refusals`` are the other statuses and what each means. Only who may write gets at what
    ``writes``.
    """

    method: str
    path: str
    summary: str
    answer: Any = None
    status: int = 200
    again: int | None = None
    query: Any = None
    body: Any = None
    writes: bool = False
    refusals: Mapping[int, str] = {}


#: What is refused whatever the endpoint.
_REFUSALS = {503: "the database can't be reached"}
_WRITING = {
    400: "the body is not what it should be",
    401: "whoever asks may not write",
    403: "nobody may write: the configuration names no way to, or a browser sent this from elsewhere",
    413: "the body is too large",
}
_JSON = "application/json"
_REFERENCE = "#/components/schemas/{name}"


def document(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """The document."""
    types = [one for end in endpoints for one in (end.answer, end.query, end.body) if one is not None]
    types.append(Problem)
    schemas, components = msgspec.json.schema_components(types, ref_template=_REFERENCE)
    of = dict(zip(map(repr, types), schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for end in endpoints:
        paths.setdefault(end.path, {})[end.method.lower()] = _operation(end, of, components)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "llm-monitor",
            "version": __version__,
            "description": "Alerts, silences and the state of the services. Times are UTC, rates are shares.",
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(end: Endpoint, of: Mapping[str, Any], components: Mapping[str, Any]) -> dict[str, Any]:
    refusals = {**_REFUSALS, **(_WRITING if end.writes else {}), **end.refusals}
    answers: dict[str, Any] = {str(end.status): {"description": "done" if end.writes else "found"}}
    if end.again is not None:
        answers[str(end.again)] = {"description": "it was so already"}
    if end.answer is not None:
        for answer in answers.values():
            answer["content"] = {_JSON: {"schema": of[repr(end.answer)]}}
    for status, why in sorted(refusals.items()):
        content = {_JSON: {"schema": of[repr(Problem)]}}
        answers[str(status)] = {"description": why, "content": content}
    operation: dict[str, Any] = {"summary": end.summary, "responses": answers}
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "integer", "minimum": 0}}
        for name in _parameters(end.path)
    ]
    if end.query is not None:
        shape = components[of[repr(end.query)]["$ref"].rpartition("/")[2]]
        parameters += [
            {"name": name, "in": "query", "required": False, "schema": schema}
            for name, schema in shape["properties"].items()
        ]
    if parameters:
        operation["parameters"] = parameters
    if end.body is not None:
        operation["requestBody"] = {"required": True, "content": {_JSON: {"schema": of[repr(end.body)]}}}
    if end.writes:
        operation["security"] = [{"token": []}]
    return operation


def _parameters(path: str) -> list[str]:
    return [part[1:-1] for part in path.split("/") if part.startswith("{")]
