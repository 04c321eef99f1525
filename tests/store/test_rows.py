"""One call as one row: what COPY writes is what was meant, column by column."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from monitor.decode import clean
from monitor.records import (
    OUTCOMES,
    CallError,
    Captured,
    Contract,
    ContractKind,
    ErrorCategory,
    FallbackCause,
    FallbackOutcome,
    FallbackScore,
    FinishReason,
    GroundingOutcome,
    GroundingScore,
    InstructionsOutcome,
    InstructionsScore,
    JsonOutcome,
    JsonScore,
    JudgeOutcome,
    JudgeScore,
    Output,
    ScoredCall,
    Scores,
    Source,
    Status,
    ToolsOutcome,
    ToolsScore,
    Usage,
    Versions,
)
from monitor.store import PostgresStore
from monitor.store.rows import COLUMNS, row
from monitor.store.tables import COUNTED, ERROR_COLUMNS, OUTCOME_COLUMNS, SUMS, calls, rollup_1m
from tests.examples import NOON, batch, call, scored
from tests.store.helpers import rows

AT = NOON + timedelta(microseconds=123_456)

#: Names that need escaping, and the largest numbers that decode lets by.
RAW: dict[str, int | float] = {"prompt_tokens": 1, 'details."ž"': -(2**53), "cost": 0.1, "ticks": 2**53}

FULL = ScoredCall(
    call(
        "call-1",
        AT,
        request_id="request-1",
        attempt=2,
        trace_id="trace-1",
        span_id="span-1",
        status=Status.ERROR,
        error=CallError("RateLimitError", ErrorCategory.RATE_LIMIT, 429),
        contract=Contract(ContractKind.JSON_SCHEMA),
        outputs=(
            Output("žluťoučký", finish_reason=FinishReason.LENGTH),
            Output("kůň", finish_reason=FinishReason.STOP),
        ),
        duration_ms=1234.5,
        ttft_ms=0.25,
        usage=Usage(1, 2, 3, 4, 5, RAW),
        captured=Captured(input=True, output=False, tools=True, schema=False),
        source=Source("pair", "topic", 7, 2**40, 3),
    ),
    Scores(
        JsonScore(JsonOutcome.SCHEMA_VIOLATION, "/items/0: type", False, 7),
        ToolsScore(ToolsOutcome.MISSING_ARGUMENT, "get_weather: city", 0.5),
        GroundingScore(GroundingOutcome.SUSPECT, 0.75, 12, 0.125, "words 12"),
        FallbackScore(FallbackOutcome.FALLBACK, "large", "small", FallbackCause.SERVER_ERROR, "declared", 2),
        InstructionsScore(InstructionsOutcome.WRONG_LANGUAGE, "en, not de"),
        JudgeScore(JudgeOutcome.UNSUPPORTED, 0.875, "openai"),
        0.0125,
        Versions(1, 2, 3, 4, 5, 6),
    ),
)

#: What each column of ``FULL`` holds; where it holds nothing in the smallest call, that follows.
EXPECTED = {
    "started_at": (AT, NOON),
    "call_id": ("call-1", "c1"),
    "request_id": ("request-1", None),
    "attempt": (2, 1),
    "trace_id": ("trace-1", None),
    "span_id": ("span-1", None),
    "format": ("pair", "native"),
    "topic": ("topic", "calls"),
    "partition": (7, 0),
    "kafka_offset": (2**40, 0),
    "item": (3, 0),
    "status": ("error", "ok"),
    "error_type": ("RateLimitError", None),
    "error_category": ("rate_limit", None),
    "http_status": (429, None),
    "finish_reason": ("length", None),
    "answered": (False, False),
    "contract": ("json_schema", "unknown"),
    "json": ("schema_violation", "not_applicable"),
    "json_detail": ("/items/0: type", None),
    "json_recoverable": (False, None),
    "json_violations": (7, 0),
    "tools": ("missing_argument", "not_applicable"),
    "tools_detail": ("get_weather: city", None),
    "tools_risk": (0.5, None),
    "grounding": ("suspect", "not_applicable"),
    "grounding_risk": (0.75, None),
    "grounding_words": (12, 0),
    "grounding_share": (0.125, None),
    "grounding_detail": ("words 12", None),
    "fallback": ("fallback", "none"),
    "fallback_from": ("large", None),
    "fallback_to": ("small", None),
    "fallback_cause": ("server_error", None),
    "fallback_evidence": ("declared", None),
    "fallback_hop": (2, None),
    "instructions": ("wrong_language", "not_applicable"),
    "instructions_detail": ("en, not de", None),
    "judge": ("unsupported", "not_applicable"),
    "judge_risk": (0.875, None),
    "judge_detail": ("openai", None),
    "json_version": (1, 0),
    "tools_version": (2, 0),
    "grounding_version": (3, 0),
    "fallback_version": (4, 0),
    "instructions_version": (5, 0),
    "judge_version": (6, 0),
    "request_attempts": (1, 1),
    "request_answered": (False, False),
    "cost": (0.0125, None),
    "duration_ms": (1234.5, None),
    "ttft_ms": (0.25, None),
    "input_tokens": (1, None),
    "output_tokens": (2, None),
    "cache_read_tokens": (3, None),
    "cache_write_tokens": (4, None),
    "reasoning_tokens": (5, None),
    "usage_raw": ({name: RAW[name] for name in RAW if name != "prompt_tokens"}, None),
    "output_chars": (12, 0),
    "captured_input": (True, True),
    "captured_output": (False, True),
    "captured_tools": (True, True),
    "captured_schema": (False, True),
}


def test_every_column_is_written_and_read_back_as_meant(engine: sa.Engine) -> None:
    PostgresStore(engine).save(batch([FULL, scored()]))
    read = {found.call_id: found._asdict() for found in rows(engine, sa.select(calls))}
    for place, call_id in enumerate(("call-1", "c1")):
        stored = read[call_id]
        assert {name: stored[name] for name in EXPECTED} == {
            name: values[place] for name, values in EXPECTED.items()
        }
        assert stored.keys() - EXPECTED.keys() == {
            "series_id",
            "ingested_at",
            "fallback_alone",
            "request_model",
            "request_extra_ms",
            "request_extra_cost",
        }


def test_a_request_and_a_trace_are_found_by_their_ids_whichever_column_says_them(engine: sa.Engine) -> None:
    of_its_own = scored("a", offset=0)
    of_the_trace = scored("b", offset=1, trace_id="t", request_id="t")
    of_another = scored("c", offset=2, trace_id="t", request_id="a")
    PostgresStore(engine).save(batch([of_its_own, of_the_trace, of_another]))

    def found(function: str, id_: str) -> list[str]:
        return sorted(row.call_id for row in rows(engine, f"SELECT call_id FROM {function}('{id_}')"))

    assert found("calls_of_request", "a") == ["a", "c"]
    assert found("calls_of_request", "t") == ["b"]
    assert found("calls_of_trace", "t") == ["b", "c"]
    assert found("calls_of_trace", "a") == []
    assert [row.request_id for row in rows(engine, sa.select(calls).order_by(calls.c.call_id))] == [
        None,
        None,
        "a",
    ]
    for function in ("calls_of_request", "calls_of_trace"):
        with engine.connect() as connection:
            connection.execute(sa.text("SET LOCAL enable_seqscan = off"))
            plan = connection.execute(sa.text(f"EXPLAIN SELECT * FROM {function}('a')")).scalars().all()
        assert "Index" in "".join(plan)
        assert "Function Scan" not in "".join(plan)


def test_copy_writes_every_column_but_the_servers_own_and_what_is_only_known_later() -> None:
    later = {"fallback_alone", "request_model", "request_extra_ms", "request_extra_cost"}
    assert [name for name, _ in COLUMNS] == [
        column.name for column in calls.columns if column.name not in {"ingested_at", *later}
    ]
    assert len(row(FULL, 1)) == len(COLUMNS)


def test_copy_writes_the_types_of_the_table(engine: sa.Engine) -> None:
    found = rows(
        engine,
        "SELECT attname, typname FROM pg_attribute JOIN pg_type ON pg_type.oid = atttypid"
        " WHERE attrelid = 'calls'::regclass",
    )
    types = {attribute.attname: attribute.typname for attribute in found}
    assert {name: types[name] for name, _ in COLUMNS} == dict(COLUMNS)


def test_a_rollup_counts_every_outcome_of_the_closed_lists() -> None:
    names = [column.name for column in rollup_1m.columns if column.name in COUNTED]
    assert [name for name in names if name.startswith(tuple(OUTCOMES)) and name not in SUMS] == [
        *(f"json_{outcome}" for outcome in JsonOutcome),
        *(f"tools_{outcome}" for outcome in ToolsOutcome),
        *(f"grounding_{outcome}" for outcome in GroundingOutcome),
        *(f"fallback_{outcome}" for outcome in FallbackOutcome),
        *(f"instructions_{outcome}" for outcome in InstructionsOutcome),
        *(f"judge_{outcome}" for outcome in JudgeOutcome),
    ]
    assert [name for name in names if name.startswith("uncaptured_")] == [
        f"uncaptured_{what}" for what in ("input", "output", "tools", "schema")
    ]
    assert set(OUTCOME_COLUMNS) <= set(names)


def test_a_rollup_counts_every_class_of_errors() -> None:
    names = [column.name for column in rollup_1m.columns if column.name.startswith("errors_")]
    assert names == list(ERROR_COLUMNS) == [f"errors_{category}" for category in ErrorCategory]


@pytest.mark.parametrize(
    ("largest", "kind"),
    [(clean.MAX_ATTEMPT, "int2"), (clean.MAX_TOKENS, "int4")],
    ids=["attempt", "tokens"],
)
def test_what_decode_lets_by_fits_its_column(engine: sa.Engine, largest: int, kind: str) -> None:
    """The driver packs a number that is too large into another one, and says nothing."""
    (found,) = rows(engine, f"SELECT CAST({largest} AS {kind})")
    assert found == (largest,)
    with pytest.raises(sa.exc.DataError):
        rows(engine, f"SELECT CAST({largest + 1} AS {kind})")
