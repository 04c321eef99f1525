"""Schemas as providers take them come in, JSON Schemas that mean the same go out.

OpenAI and Bedrock wrap a schema with its name (Bedrock as text). Gemini takes OpenAPI 3.0's, with types in
capitals and counts as text. Tools made for OpenAPI 3.0 or for older drafts write ``nullable``,
``exclusiveMinimum: true`` and lists of ``items``. What JSON Schema 2020-12 reads already stays as it is; so
does a schema that names its draft by ``$schema``, except that patterns may be JavaScript's in either.

Sources: https://platform.openai.com/docs/guides/structured-outputs,
https://ai.google.dev/api/caching#Schema,
https://docs.aws.amazon.com/bedrock/latest/userguide/structured-output.html,
https://spec.openapis.org/oas/v3.0.3#schema-object,
https://json-schema.org/draft/2020-12/release-notes.
"""

from __future__ import annotations

from typing import Any

from monitor.scorers.schema.patterns import unicode_mode
from monitor.scorers.strict import Broken, parse

_TYPES = frozenset({"STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL"})
_ANY_TYPE = "TYPE_UNSPECIFIED"
_COUNTS = ("minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties")
_LIMITS = (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum"))

# Where schemas stand in a schema: alone or in a list, and by name.
_CHILDREN = frozenset(
    {
        "items",
        "prefixItems",
        "additionalItems",
        "additionalProperties",
        "unevaluatedItems",
        "unevaluatedProperties",
        "propertyNames",
        "contains",
        "not",
        "if",
        "then",
        "else",
        "allOf",
        "anyOf",
        "oneOf",
    }
)
_CHILDREN_BY_NAME = frozenset(
    {"properties", "patternProperties", "dependentSchemas", "dependencies", "$defs", "definitions"}
)

_WRAPPER = frozenset({"type", "name", "description", "strict", "schema", "json_schema"})


def standard(schema: Any) -> Any:
    """The JSON Schema that ``schema`` stands for.

    Args:
        schema: parsed JSON, not nested too deep for a recursion. What is no schema of a known dialect is
            given back as it is: whether it is a valid one is for the validator to say.
    """
    while (inner := _unwrapped(schema)) is not None:
        schema = inner
    names_draft = isinstance(schema, dict) and isinstance(schema.get("$schema"), str)
    return _standard(schema, names_draft=names_draft)


def _unwrapped(node: Any) -> Any:
    """What a wrapper ``{"name", "schema", "strict"}`` or ``{"type", "json_schema"}`` holds, or ``None``."""
    if not isinstance(node, dict) or not _WRAPPER.issuperset(node):
        return None
    if node.get("type") not in (None, "json_schema"):
        return None
    inner = node.get("json_schema", node.get("schema"))
    if isinstance(inner, str):
        try:
            inner = parse(inner)
        except Broken:
            return None
    return inner if isinstance(inner, dict) else None


def _standard(node: Any, *, names_draft: bool) -> Any:
    """A schema and those below it, rewritten; of one that names its draft, only the patterns."""
    if isinstance(node, list):
        return [_standard(child, names_draft=names_draft) for child in node]
    if not isinstance(node, dict):
        return node
    made = dict(node)
    for key in _CHILDREN.intersection(node):
        made[key] = _standard(node[key], names_draft=names_draft)
    for key in _CHILDREN_BY_NAME.intersection(node):
        if isinstance(node[key], dict):
            made[key] = {name: _standard(child, names_draft=names_draft) for name, child in node[key].items()}
    _write_patterns_strictly(made)
    if names_draft:
        return made
    _write_types_small(made)
    _write_counts_as_numbers(made)
    _write_limits_as_numbers(made)
    if isinstance(node.get("items"), list):
        made["prefixItems"] = made["items"]
        made["items"] = made.pop("additionalItems", True)
    return _with_null(made) if node.get("nullable") is True else made


def _write_patterns_strictly(node: dict[str, Any]) -> None:
    if isinstance(pattern := node.get("pattern"), str):
        node["pattern"] = unicode_mode(pattern)
    if isinstance(by_pattern := node.get("patternProperties"), dict):
        node["patternProperties"] = {unicode_mode(pattern): child for pattern, child in by_pattern.items()}


def _write_types_small(node: dict[str, Any]) -> None:
    """``OBJECT`` is ``object``, and no type is any type."""
    kind = node.get("type")
    if kind == _ANY_TYPE:
        del node["type"]
    elif isinstance(kind, str) and kind in _TYPES:
        node["type"] = kind.lower()
    elif isinstance(kind, list):
        node["type"] = [one.lower() if isinstance(one, str) and one in _TYPES else one for one in kind]


def _write_counts_as_numbers(node: dict[str, Any]) -> None:
    """``"minItems": "1"`` is 1: Google's JSON writes numbers of 64 bits as text."""
    for key in _COUNTS:
        count = node.get(key)
        if isinstance(count, str) and count.isascii() and count.isdecimal() and len(count) < 20:
            node[key] = int(count)


def _write_limits_as_numbers(node: dict[str, Any]) -> None:
    """``minimum: 0, exclusiveMinimum: true`` is ``exclusiveMinimum: 0``."""
    for exclusive, inclusive in _LIMITS:
        if isinstance(node.get(exclusive), bool) and node.pop(exclusive) and inclusive in node:
            node[exclusive] = node.pop(inclusive)


def _with_null(node: dict[str, Any]) -> dict[str, Any]:
    """The schema, and null besides. It keeps its place where it can, for what refers into it."""
    if not any(key in node for key in ("type", "anyOf", "oneOf")):
        return {"anyOf": [node, {"type": "null"}]}
    if "type" in node:
        types = node["type"] if isinstance(node["type"], list) else [node["type"]]
        node["type"] = [*types, "null"] if "null" not in types else types
    for key in ("anyOf", "oneOf"):
        if isinstance(node.get(key), list):
            node[key] = [*node[key], {"type": "null"}]
    if isinstance(node.get("enum"), list) and None not in node["enum"]:
        node["enum"] = [*node["enum"], None]
    return node
