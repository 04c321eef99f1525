"""The native format: our own JSON, ``docs/native.md``. A record's fields come in, a ``Call`` goes out.

The format is ``CallFields`` of ``monitor.records`` plus ``"version": 1``. Fields it doesn't know are
ignored, so that a newer shipper can talk to an older service.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

from monitor.decode.registry import Context, Format, register
from monitor.decode.typed import convert
from monitor.errors import BadInput, DeadLetterReason
from monitor.records import Call, CallFields, Record

#: The version that is written and read.
VERSION = 1


class NativeCall(CallFields, frozen=True, kw_only=True):
    """One LLM call, as an application reports it to llm-monitor."""

    version: int
    """Of this format: 1."""


def recognises(value: dict[str, Any]) -> bool:
    """Whether an object has our field names: an id and a time, or either with a version."""
    return sum(name in value for name in ("version", "call_id", "started_at")) >= 2 and "request" not in value


def decode(value: dict[str, Any], context: Context) -> tuple[Call]:
    """The call of one native record.

    Raises:
        BadInput: ``unsupported_version``, or ``invalid_record`` with the path of the field.
    """
    version = value.get("version")
    if version is not None and version != VERSION:
        raise BadInput(DeadLetterReason.UNSUPPORTED_VERSION, f"only version {VERSION} is read")
    native = convert(value, NativeCall)
    fields = {name: getattr(native, name) for name in CallFields.__struct_fields__}
    return (Call(**fields, source=context.source("native")),)


def record(call: Call) -> Record:
    """A record of this format that says what a call says, at the place of the call's own record."""
    fields = msgspec.to_builtins(call)
    del fields["source"]
    value = msgspec.json.encode({**fields, "version": VERSION})
    return Record(call.source.topic, call.source.partition, call.source.offset, value)


def json_schema() -> str:
    """The format's JSON Schema, as ``docs/native.schema.json`` holds it."""
    schema = msgspec.json.schema(NativeCall)
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}, indent=2) + "\n"


register(Format("native", recognises, decode))
