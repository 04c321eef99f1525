from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from hypothesis import given

from monitor.decode import native as native_format
from monitor.records import Call, CallFields, Source, Status
from tests.decode.build import call_of, dead_letter_of, native
from tests.decode.strategies import CALL_FIELDS

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = (DOCS / "native.md").read_text(encoding="utf-8")
EXAMPLES = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)]


def _as_sent(call: Call) -> dict[str, Any]:
    """A call as an application would report it: without where it was read."""
    fields = msgspec.json.decode(msgspec.json.encode(call))
    del fields["source"]
    return {"version": 1, **fields}


@given(CALL_FIELDS)
def test_a_clean_call_survives_being_written_and_read(fields: dict[str, Any]) -> None:
    call = call_of(native(**fields))
    again = call_of(_as_sent(call))
    assert again == call


def test_the_smallest_record_is_a_call_that_scores_can_abstain_on() -> None:
    call = call_of({"version": 1, "call_id": "c1", "started_at": "2026-11-22T12:00:00Z"})
    source = Source("native", "llm-calls", 3, 41)
    expected = Call(call_id="c1", started_at=call.started_at, request_id="c1", source=source)
    assert call == expected
    assert call.status is Status.OK


def test_unknown_fields_are_ignored() -> None:
    assert call_of(native(sampler="new", usage={"vibes": 1})) == call_of(native())


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"service": 5}, "$.service"),
        ({"usage": {"input_tokens": "many"}}, "$.usage.input_tokens"),
        ({"usage": {"raw": {"input": {"cached": 1}}}}, "$.usage.raw[...]"),
        ({"outputs": [{"tool_calls": [{"name": "f"}]}]}, "$.outputs[0].tool_calls[0]"),
        ({"contract": {"kind": "yaml"}}, "$.contract.kind"),
        ({"started_at": "yesterday"}, "$.started_at"),
        ({"error": {"category": "rate_limit"}}, "$.error"),
    ],
)
def test_a_wrong_type_is_refused_with_its_path(fields: dict[str, Any], path: str) -> None:
    letter = dead_letter_of(native(**fields))
    assert letter.reason == "invalid_record"
    assert letter.detail.endswith(f"at `{path}`")


def test_the_committed_schema_is_the_generated_one() -> None:
    committed = (DOCS / "native.schema.json").read_text(encoding="utf-8")
    assert committed == native_format.json_schema(), "python -m monitor.decode > docs/native.schema.json"


@pytest.mark.parametrize("example", EXAMPLES, ids=["smallest", "full"])
def test_the_documented_examples_validate_and_decode(example: dict[str, Any]) -> None:
    schema = json.loads(native_format.json_schema())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(example)
    assert call_of(example).call_id == example["call_id"]


def test_the_full_example_uses_every_field_and_loses_none() -> None:
    full = EXAMPLES[1]
    assert set(full) == {"version", *CallFields.__struct_fields__}
    call = call_of(full)
    assert msgspec.convert(full, CallFields) == msgspec.convert(msgspec.to_builtins(call), CallFields)


def test_every_field_is_documented() -> None:
    missing = [name for name in CallFields.__struct_fields__ if f"`{name}`" not in PAGE]
    assert not missing
