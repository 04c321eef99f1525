"""Google's schemas, a subset of OpenAPI 3.0's, come in; JSON Schemas that mean the same go out.

They write types in capitals and counts as text, know ``nullable`` instead of a null type, and come in snake
case from some clients. Reference: https://ai.google.dev/api/caching#Schema.
"""

from __future__ import annotations

from typing import Any

from monitor.decode.clean import MAX_SCHEMA_DEPTH
from monitor.decode.pair.shapes import strings

#: Keywords under the name that JSON Schema has for them; those not named here keep theirs.
_NAMES = {
    "additional_properties": "additionalProperties",
    "any_of": "anyOf",
    "prefix_items": "prefixItems",
    "min_items": "minItems",
    "max_items": "maxItems",
    "min_length": "minLength",
    "max_length": "maxLength",
    "min_properties": "minProperties",
    "max_properties": "maxProperties",
    "defs": "$defs",
    "ref": "$ref",
}

#: Keywords whose value is a schema, a list of schemas, schemas by name, or a count.
_SCHEMA = frozenset({"items", "additionalProperties"})
_SCHEMAS = frozenset({"anyOf", "prefixItems"})
_NAMED = frozenset({"properties", "$defs"})
_COUNTS = frozenset({"minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"})

#: Keywords that become part of others, or say only in which order and form to write.
_DROPPED = frozenset({"nullable", "type", "enum", "format", "propertyOrdering", "property_ordering"})


def json_schema(schema: Any, depth: int = MAX_SCHEMA_DEPTH) -> Any:
    """The JSON Schema of an OpenAPI schema.

    Args:
        schema: anything; what is no object is given back as it is.
        depth: levels that are still converted. What lies deeper is deeper than any schema that is kept.
    """
    if not isinstance(schema, dict) or depth == 0:
        return schema
    converted = {
        name: _value(name, value, depth - 1)
        for name, value in ((_NAMES.get(str(key), str(key)), value) for key, value in schema.items())
        if name not in _DROPPED
    }
    null = ["null"] if schema.get("nullable") is True else []
    types = [*_types(schema.get("type")), *null]
    if "enum" in schema and isinstance(schema["enum"], list):
        converted["enum"] = [*schema["enum"], None] if null else schema["enum"]
    if null and isinstance(converted.get("anyOf"), list):
        converted["anyOf"] = [*converted["anyOf"], {"type": "null"}]
    if types != null:
        converted["type"] = types if len(types) > 1 else types[0]
    return converted


def _types(value: Any) -> list[str]:
    """The types named, in lower case."""
    named = [value] if isinstance(value, str) else strings(value)
    return [name.lower() for name in named if name.upper() != "TYPE_UNSPECIFIED"]


def _value(keyword: str, value: Any, depth: int) -> Any:
    if keyword in _SCHEMA:
        return json_schema(value, depth)
    if keyword in _SCHEMAS and isinstance(value, list):
        return [json_schema(one, depth) for one in value]
    if keyword in _NAMED and isinstance(value, dict):
        return {name: json_schema(one, depth) for name, one in value.items()}
    if keyword in _COUNTS and isinstance(value, str) and value.isdecimal() and len(value) < 20:
        return int(value)
    return value
