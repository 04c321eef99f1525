"""Native records as hypothesis makes them: every field may be missing, extreme, or dirty."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from monitor.records import ErrorCategory, FinishReason, PartType, Status

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_NAME = _TEXT | st.text("ab\x00\n é", min_size=190, max_size=260)
_MAYBE_TEXT = st.none() | _TEXT
_COUNT = st.none() | st.integers()
_DURATION = st.none() | st.floats(allow_nan=False, allow_infinity=False)
_TIME = st.datetimes().map(lambda time: time.isoformat() + "Z")
_RAW = st.none() | st.dictionaries(_NAME, st.integers() | st.floats(allow_nan=False, allow_infinity=False))
_SCHEMA = st.none() | st.booleans() | st.dictionaries(_TEXT, st.integers() | st.lists(_TEXT), max_size=3)


def _object(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


def _named(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"name": _TEXT}, optional=fields)


_PART = _object(
    type=st.sampled_from([*PartType]),
    content=_TEXT,
    id=_MAYBE_TEXT,
    name=_MAYBE_TEXT,
    arguments=_MAYBE_TEXT,
    is_error=st.booleans(),
)
_MESSAGE = st.fixed_dictionaries({"role": _TEXT}, optional={"parts": st.lists(_PART, max_size=2)})
_CALL = st.fixed_dictionaries({"name": _TEXT, "arguments": _TEXT}, optional={"server_side": st.booleans()})
_OUTPUT = _object(
    text=_TEXT,
    refusal=_MAYBE_TEXT,
    tool_calls=st.lists(_CALL, max_size=2),
    finish_reason=st.sampled_from([*FinishReason]),
    logprobs=st.lists(st.integers() | st.floats(allow_nan=False, allow_infinity=False), max_size=3),
)
_ERROR = st.fixed_dictionaries(
    {"type": _NAME}, optional={"category": st.sampled_from([*ErrorCategory]), "http_status": _COUNT}
)
_KIND = st.sampled_from(["none", "json_schema"])
_MODE = st.sampled_from(["auto", "none", "required"])

#: Any fields of ``CallFields`` but the id, which must not be empty.
CALL_FIELDS = _object(
    started_at=_TIME,
    request_id=st.none() | _NAME,
    attempt=st.integers(),
    trace_id=st.none() | _NAME,
    service=_NAME,
    prompt_version=_NAME,
    model_served=_NAME,
    status=st.sampled_from([*Status]),
    error=st.none() | _ERROR,
    duration_ms=_DURATION,
    ttft_ms=_DURATION,
    stream=st.none() | st.booleans(),
    contract=_object(kind=_KIND, schema=_SCHEMA, strict=st.none() | st.booleans()),
    expected=_object(language=_NAME, format=_NAME, values=st.lists(_TEXT, max_size=2)),
    tools=st.lists(_named(schema=_SCHEMA, description=_MAYBE_TEXT), max_size=2),
    tool_choice=_object(mode=_MODE, names=st.lists(_TEXT, max_size=2)),
    parallel_tool_calls=st.booleans(),
    input=st.lists(_MESSAGE, max_size=2),
    documents=st.lists(st.fixed_dictionaries({"content": _TEXT}), max_size=2),
    outputs=st.lists(_OUTPUT, max_size=2),
    usage=_object(input_tokens=_COUNT, output_tokens=_COUNT, cache_read_tokens=_COUNT, raw=_RAW),
    captured=_object(input=st.booleans(), schema=st.booleans()),
)
