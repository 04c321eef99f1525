from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given

from monitor.decode.clean import MAX_LOGPROBS, MAX_VALUE, MAX_VALUES, clean
from monitor.records import Call, Expected
from tests.decode.build import call_of, native
from tests.decode.strategies import CALL_FIELDS

OUT_OF_RANGE = {
    "a negative duration": ({"duration_ms": -0.1}, "duration_ms", None),
    "an absurd duration": ({"duration_ms": 1e12}, "duration_ms", None),
    "a duration": ({"duration_ms": 12}, "duration_ms", 12.0),
    "attempt 0": ({"attempt": 0}, "attempt", 1),
    "attempt 10**30": ({"attempt": 10**30}, "attempt", 32767),
    "no trace": ({"trace_id": "\n"}, "trace_id", None),
    "no request id": ({"request_id": ""}, "request_id", "c1"),
    "no request id, but a trace": ({"request_id": "", "trace_id": "t1"}, "request_id", "t1"),
    "a naive time": (
        {"started_at": "2026-11-22T11:00:00"},
        "started_at",
        datetime(2026, 11, 22, 11, tzinfo=UTC),
    ),
    "another zone": (
        {"started_at": "2026-11-22T11:00:00+02:00"},
        "started_at",
        datetime(2026, 11, 22, 9, tzinfo=UTC),
    ),
}


@pytest.mark.parametrize(("fields", "name", "value"), OUT_OF_RANGE.values(), ids=OUT_OF_RANGE.keys())
def test_values_are_brought_into_their_range(fields: dict[str, Any], name: str, value: object) -> None:
    assert getattr(call_of(native(**fields)), name) == value


def test_a_naive_time_is_utc_to_the_letter() -> None:
    assert (
        call_of(native(started_at="2026-11-22T11:00:00")).started_at.isoformat()
        == "2026-11-22T11:00:00+00:00"
    )


@pytest.mark.parametrize("tokens", [-1, 2**31, 2**63, 10**30])
def test_a_token_count_that_no_integer_column_holds_is_unknown(tokens: int) -> None:
    usage = call_of(native(usage={"input_tokens": tokens, "output_tokens": 2**31 - 1})).usage
    assert (usage.input_tokens, usage.output_tokens) == (None, 2**31 - 1)


def test_a_long_id_is_replaced_by_a_stable_one() -> None:
    first, again, other = (call_of(native(call_id=id_)).call_id for id_ in ("x" * 201, "x" * 201, "x" * 202))
    assert first == again != other
    assert len(first) < 200
    assert call_of(native(call_id="x" * 200)).call_id == "x" * 200


def test_an_error_is_brought_into_its_range() -> None:
    error = call_of(native(status="error", error={"type": "E" * 999, "http_status": 0})).error
    assert error is not None
    assert (len(error.type), error.http_status) == (200, None)


def test_only_logarithms_of_a_probability_are_kept_and_no_more_than_a_few_pages_have() -> None:
    logged = [0, -0.0, -1.5, 0.1, -9999, *[-1] * MAX_LOGPROBS]
    output = call_of(native(outputs=[{"text": "a", "logprobs": logged}])).outputs[0]
    assert output.logprobs[:5] == (0, 0, -1.5, -9999, -1)
    assert len(output.logprobs) == MAX_LOGPROBS - 1


@pytest.mark.parametrize(
    ("values", "kept"),
    [(["a"] * MAX_VALUES, True), (["a"] * (MAX_VALUES + 1), False), (["a" * (MAX_VALUE + 1)], False)],
)
def test_an_enumeration_is_kept_whole_or_not_at_all(values: list[str], kept: bool) -> None:
    expected = call_of(native(expected={"format": "Enum\n", "values": values, "language": " de"})).expected
    assert expected == Expected("de", "enum", tuple(values) if kept else ())


def test_nul_is_removed_from_all_content() -> None:
    output = {"text": "a\x00b", "tool_calls": [{"name": "f\x00", "arguments": '{"a":"\x00"}'}]}
    schema = {"properties": {"\x00": {"const": "\x00"}}}
    call = call_of(native(outputs=[output], contract={"kind": "json_schema", "schema": schema}))
    assert b"\\u0000" not in msgspec.json.encode(call)
    assert call.outputs[0].text == "ab"
    assert call.contract.schema == {"properties": {"": {"const": ""}}}


def _nested(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    for _ in range(levels - 1):
        schema = {"not": schema}
    return schema


@pytest.mark.parametrize(("levels", "kept"), [(1, True), (100, True), (101, False), (400, False)])
def test_a_schema_too_deep_for_a_validator_is_dropped_and_said_to_be(levels: int, kept: bool) -> None:
    tool = {"name": "f", "schema": _nested(levels)}
    call = call_of(native(contract={"kind": "json_schema", "schema": _nested(levels)}, tools=[tool]))
    assert (call.contract.schema is not None, call.captured.schema) == (kept, kept)
    assert (call.tools[0].schema is not None, call.captured.tools) == (kept, kept)


@given(CALL_FIELDS)
def test_cleaning_twice_changes_nothing_more(fields: dict[str, Any]) -> None:
    once = call_of(native(**fields))
    assert clean(once) == once
    assert isinstance(once, Call)
