"""Every query of the dashboard against PostgreSQL: filled by the real store, and empty."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa

from grafana import build
from grafana.overview import dashboard
from grafana.panels import Json
from grafana.sql import ALL, SERVICES_TELL, VARIABLES
from monitor.errors import DeadLetterReason
from monitor.records import (
    Call,
    CallError,
    Captured,
    DeadLetter,
    ErrorCategory,
    FallbackOutcome,
    FallbackScore,
    GroundingOutcome,
    GroundingScore,
    InstructionsOutcome,
    InstructionsScore,
    JsonOutcome,
    JsonScore,
    JudgeOutcome,
    JudgeScore,
    Partition,
    ScoredCall,
    Scores,
    Source,
    Status,
    ToolsOutcome,
    ToolsScore,
    Usage,
)
from monitor.store import Batch, OffsetMove, PostgresStore, connect
from monitor.store.alerts import AlertChange, Alerts
from monitor.store.rollups import recompute_dirty
from monitor.store.tables import deploys
from tests.grafana_macros import expand, interval_for
from tests.store.helpers import evaluated

DASHBOARD = dashboard()
PANELS: dict[str, Json] = {p["title"]: p for p in DASHBOARD["panels"] if p["type"] != "row"}

#: Every query by what it is for.
QUERIES: dict[str, str] = {
    **{title: panel["targets"][0]["rawSql"] for title, panel in PANELS.items()},
    **{f"${v['name']}": v["query"] for v in DASHBOARD["templating"]["list"] if v["type"] == "query"},
    **{f"@{a['name']}": a["target"]["rawSql"] for a in DASHBOARD["annotations"]["list"]},
}
#: Those that need not tell a service's series apart.
OF_SERVICES = [name for name, sql in QUERIES.items() if SERVICES_TELL in sql]
READER = Path(build.__file__).parent / "reader.sql"
EXAMPLE_CALLS = "Newest failing calls"

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
SPANS = [5 * MINUTE, 7 * DAY]
EVERYTHING: dict[str, Sequence[str] | str] = dict.fromkeys(VARIABLES, ALL)

Row = dict[str, Any]

# -------------------------------------------------------------------------------------------------- filling

#: Durations of the calls of ``search``, in milliseconds.
DURATIONS = [random.Random(7).lognormvariate(6, 0.8) for _ in range(100)]


def scored(
    service: str,
    at: datetime,
    number: int,
    *,
    json: JsonOutcome = JsonOutcome.NOT_APPLICABLE,
    tools: ToolsOutcome = ToolsOutcome.NOT_APPLICABLE,
    grounding: GroundingOutcome = GroundingOutcome.NOT_APPLICABLE,
    fallback: FallbackOutcome = FallbackOutcome.NONE,
    failed: bool = False,
    duration_ms: float | None = 250.0,
    requested: str = "large",
    served: str = "large",
    version: str = "",
    captured: Captured = Captured(),  # noqa: B008 - frozen
) -> ScoredCall:
    call = Call(
        call_id=f"{service}-{number}-{at:%d%H%M%S%f}",
        started_at=at,
        service=service,
        environment="production",
        provider="openai",
        model_requested=requested,
        model_served=served,
        prompt_version=version,
        status=Status.ERROR if failed else Status.OK,
        error=CallError("RateLimitError", ErrorCategory.RATE_LIMIT, 429) if failed else None,
        duration_ms=duration_ms,
        ttft_ms=duration_ms,
        usage=Usage(input_tokens=100, output_tokens=10),
        captured=captured,
        source=Source("native", "calls"),
    )
    detail = "/total: type" if json is JsonOutcome.SCHEMA_VIOLATION else None
    odd = service == "search" and number == 9
    scores = Scores(
        JsonScore(json, detail),
        ToolsScore(tools, risk=None if tools is ToolsOutcome.UNKNOWN else 0.25),
        GroundingScore(grounding, 0.75 if grounding is GroundingOutcome.UNSUPPORTED else 0.25),
        FallbackScore(fallback),
        InstructionsScore(InstructionsOutcome.REFUSED if odd else InstructionsOutcome.OK),
        JudgeScore(JudgeOutcome.UNSUPPORTED if odd else JudgeOutcome.SUPPORTED, 0.5, "mine"),
        cost=0.001,
    )
    return ScoredCall(call, scores)


def calls_of(minute: datetime) -> Iterator[ScoredCall]:
    """Calls up to ``minute``: checkout got worse with v8, search is as ever, support is hardly judged."""
    recent = [minute - MINUTE, minute - 2 * MINUTE]
    for n in range(10):
        yield scored("checkout", minute - 5 * DAY, n, json=JsonOutcome.OK, version="v7")
    for n in range(200):
        outcome = JsonOutcome.SCHEMA_VIOLATION if n % 50 == 0 else JsonOutcome.OK
        at = minute - timedelta(minutes=30 + 7 * n)
        yield scored("checkout", at, n, json=outcome, version="v7")
    broken = [JsonOutcome.SCHEMA_VIOLATION] * 12 + [JsonOutcome.NOT_JSON] * 8
    for n, outcome in enumerate(broken + [JsonOutcome.OK] * 30):
        yield scored("checkout", recent[n % 2] + timedelta(seconds=n), n, json=outcome, version="v8")
    for n, duration in enumerate(DURATIONS):
        yield scored(
            "search",
            recent[n % 2],
            n,
            tools=ToolsOutcome.UNKNOWN_TOOL if n < 10 else ToolsOutcome.OK,
            failed=n < 5,
            fallback=FallbackOutcome.SILENT_DOWNGRADE if n < 8 else FallbackOutcome.NONE,
            served="small" if n < 8 else "large",
            duration_ms=duration,
        )
    supported = [GroundingOutcome.UNSUPPORTED] * 3 + [GroundingOutcome.SUSPECT] * 6
    for n, verdict in enumerate(supported + [GroundingOutcome.SUPPORTED] * 21):
        yield scored(
            "support",
            recent[n % 2],
            n,
            tools=ToolsOutcome.UNKNOWN,
            captured=Captured(tools=False),
            grounding=verdict,
            fallback=FallbackOutcome.UNKNOWN,
            duration_ms=None,
        )


def evidence(before: float, now: float) -> Row:
    return {
        "window": {"calls": 50, "failures": 20, "rate": now, "interval_95": [0.3, 0.5]},
        "baseline": {"calls": 200, "failures": 4, "rate": before, "interval_95": [0.0, 0.1]},
        "ratio": now / before,
        "contributors": [
            {"dimension": "prompt_version", "value": "v8", "calls": 50, "failures": 20, "excess": 19.0}
        ],
    }


def change(service: str, old: str | None, new: str, at: datetime, proof: Row | None) -> AlertChange:
    return AlertChange(
        rule="JsonFailuresUp",
        labels={"service": service, "environment": ""},
        severity="page",
        before=old,
        state=new,
        standing="normal" if new == "resolved" else new,
        at=at,
        evidence=proof,
    )


class Filled(NamedTuple):
    engine: sa.Engine
    now: datetime

    def ask(self, name: str, span: timedelta, **chosen: Sequence[str]) -> list[Row]:
        """The rows of a query over the ``span`` up to now, with these variables chosen."""
        return ask(self.engine, QUERIES[name], self.now, span, **chosen)


def ask(engine: sa.Engine, sql: str, now: datetime, span: timedelta, **chosen: Sequence[str]) -> list[Row]:
    with engine.connect() as connection:
        result = connection.exec_driver_sql(statement(sql, now, span, **chosen))
        return [dict(row._mapping) for row in result]


def statement(sql: str, now: datetime, span: timedelta, **chosen: Sequence[str]) -> str:
    """What PostgreSQL gets to see."""
    variables = EVERYTHING | chosen
    return expand(sql, start=now - span, end=now, interval=interval_for(span), variables=variables)


@pytest.fixture
def filled(database: str) -> Iterator[Filled]:
    engine = connect(database)
    minute = datetime.now(UTC).replace(second=0, microsecond=0)
    letters = [
        DeadLetter("calls", 0, 900 + n, DeadLetterReason.NOT_JSON, "no value at 0", 10, b"h")
        for n in range(3)
    ]
    calls = tuple(calls_of(minute))
    move = OffsetMove(None, next=len(calls) + 3, records=len(calls) + 3, end=len(calls) + 45)
    saved = PostgresStore(engine).save(Batch(calls, tuple(letters), {Partition("calls", 0): move}))
    assert (saved.stored, saved.dead_letters) == (len(calls), 3)
    while recompute_dirty(engine):
        pass
    alerts = Alerts(engine)
    for service, old in (("checkout", 20), ("search", 50)):
        for step in (
            change(service, None, "pending", minute - old * MINUTE, {}),
            change(service, "pending", "firing", minute - 2 * MINUTE, evidence(0.02, 0.4)),
        ):
            assert alerts.commit(evaluated(step), minute)
    assert alerts.commit(evaluated(change("search", "firing", "resolved", minute - MINUTE, None)), minute)
    with engine.begin() as connection:
        connection.execute(
            sa.insert(deploys).values(
                at=minute - 2 * MINUTE,
                service="checkout",
                environment="production",
                source="calls",
                dimension="prompt_version",
                subject="ask",
                version="v8",
            )
        )
    yield Filled(engine, datetime.now(UTC))
    engine.dispose()


# -------------------------------------------------------------------------------------------- every query


@pytest.mark.parametrize("span", SPANS, ids=str)
def test_every_query_answers_with_rows_in_the_form_that_its_panel_needs(
    filled: Filled, span: timedelta
) -> None:
    for name in QUERIES:
        rows = filled.ask(name, span)
        assert rows, f"{name}: no rows"
        if name in PANELS and PANELS[name]["type"] == "timeseries":
            assert_is_time_series(name, rows)
        elif name in PANELS:
            overrides = PANELS[name]["fieldConfig"]["overrides"]
            assert {one["matcher"]["options"] for one in overrides} <= rows[0].keys(), name
        elif name.startswith("@"):
            assert rows[0].keys() == {"time", "text", "tags"}, name


def assert_is_time_series(name: str, rows: list[Row]) -> None:
    """What Grafana needs to draw lines: see ``LongToWide`` of its plugin SDK."""
    columns = list(rows[0])
    times = [row["time"] for row in rows]
    assert columns[0] == "time", name
    assert times == sorted(times), f"{name}: not in order"
    if "metric" in columns:
        assert len(columns) == 3, name
        assert all(isinstance(row["metric"], str) for row in rows), name
        assert len({(row["time"], row["metric"]) for row in rows}) == len(rows), name
    else:
        assert len(set(times)) == len(times), name
    values = [row[column] for row in rows for column in columns if column not in ("time", "metric")]
    assert all(value is None or isinstance(value, int | float | Decimal) for value in values), name
    assert any(value is not None for value in values), f"{name}: nothing but null"


@pytest.mark.parametrize("span", SPANS, ids=str)
def test_an_empty_database_gives_no_error_and_no_zero(database: str, span: timedelta) -> None:
    engine = connect(database)
    now = datetime.now(UTC)
    for name, sql in QUERIES.items():
        rows = ask(engine, sql, now, span)
        assert all(value is None for row in rows for value in row.values()), f"{name}: {rows}"
    engine.dispose()


def relations(filled: Filled, name: str, **chosen: Sequence[str]) -> set[str]:
    """The tables that a query over a week reads, partitions by the name of their table."""

    def named(node: Any) -> Iterator[str]:
        if isinstance(node, dict):
            if "Relation Name" in node:
                yield node["Relation Name"]
            for value in node.values():
                yield from named(value)
        elif isinstance(node, list):
            for value in node:
                yield from named(value)

    (row,) = ask(filled.engine, f"EXPLAIN (FORMAT JSON) {QUERIES[name]}", filled.now, 7 * DAY, **chosen)
    return {re.sub(r"_\d+$", "", relation) for relation in named(row["QUERY PLAN"])}


def test_only_the_example_calls_read_the_calls(filled: Filled) -> None:
    assert {name for name in QUERIES if "calls" in relations(filled, name)} == {EXAMPLE_CALLS}


def test_what_is_asked_of_services_reads_no_rollup_of_a_series(filled: Filled) -> None:
    assert len(OF_SERVICES) > 20
    for name in OF_SERVICES:
        assert not relations(filled, name, service=["checkout"]) & {"rollup_1m", "rollup_1h"}, name
        of_a_model = relations(filled, name, model_served=["small"])
        assert not of_a_model & {"rollup_service_1m", "rollup_service_1h"}, name


@pytest.mark.parametrize("span", SPANS, ids=str)
@pytest.mark.parametrize("chosen", [{}, {"service": ["search"]}, {"environment": ["production"]}], ids=str)
def test_rollups_of_services_answer_what_those_of_their_series_would(
    filled: Filled, span: timedelta, chosen: dict[str, list[str]]
) -> None:
    for name in OF_SERVICES:
        sql = QUERIES[name].replace(SERVICES_TELL, "false")
        of_series = ask(filled.engine, sql, filled.now, span, **chosen)
        assert comparable(filled.ask(name, span, **chosen)) == comparable(of_series), name


def comparable(rows: list[Row]) -> list[Row]:
    """Rows in any order; real numbers, which were added in another order, to nine digits."""
    close = [{name: rounded(value) for name, value in row.items()} for row in rows]
    return sorted(close, key=repr)


def rounded(value: Any) -> Any:
    return float(f"{value:.9g}") if isinstance(value, float) else value


def test_the_readers_role_can_ask_everything_and_write_nothing(filled: Filled) -> None:
    with filled.engine.connect() as connection, connection.begin() as transaction:
        connection.exec_driver_sql(READER.read_text())
        connection.exec_driver_sql("SET LOCAL ROLE llm_monitor_reader")
        for sql in QUERIES.values():
            connection.exec_driver_sql(statement(sql, filled.now, DAY))
        for forbidden in (
            "SELECT value FROM dead_letters",
            "DELETE FROM alerts",
            "SELECT FROM outbox",
            "SELECT FROM parts",
        ):
            with pytest.raises(sa.exc.ProgrammingError, match="permission denied"), connection.begin_nested():
                connection.exec_driver_sql(forbidden)
        transaction.rollback()


# ------------------------------------------------------------------------------------------- exact figures


@pytest.mark.parametrize(("span", "rate", "judged"), [(5 * MINUTE, 20 / 50, 50), (7 * DAY, 24 / 260, 260)])
def test_a_service_shows_its_failures_over_what_was_judged(
    filled: Filled, span: timedelta, rate: float, judged: int
) -> None:
    rows = {row["Service"]: row for row in filled.ask("Every service, every score", span)}
    assert rows["checkout"]["JSON"] == pytest.approx(rate)
    assert rows["checkout"]["JSON judged"] == judged
    assert rows["search"]["Tools"] == pytest.approx(0.1)
    assert rows["search"]["Errors"] == pytest.approx(0.05)
    assert rows["support"]["Grounding"] == pytest.approx(0.3)
    assert rows["support"]["Errors"] == 0


def test_what_was_not_judged_is_null_and_not_zero(filled: Filled) -> None:
    rows = {row["Service"]: row for row in filled.ask("Every service, every score", 7 * DAY)}
    for title in ("JSON", "Tools", "Fallback"):
        assert rows["support"][title] is None
        assert rows["support"][f"{title} judged"] is None
    over_time = filled.ask("JSON: failure rate over time", 7 * DAY)
    assert {row["metric"] for row in over_time} == {"checkout"}


@pytest.mark.parametrize("span", SPANS, ids=str)
def test_now_is_compared_with_the_day_before(filled: Filled, span: timedelta) -> None:
    (row,) = filled.ask("JSON: failure rate", span)
    assert row == pytest.approx({"now": 20 / 50, "24 hours before": 4 / 200})
    (row,) = filled.ask("Tools: failure rate", span)
    assert row == {"now": pytest.approx(0.1), "24 hours before": None}


def test_the_new_prompt_version_is_named_first_where_it_got_worse(filled: Filled) -> None:
    first = filled.ask("Where is it worse than usual?", 5 * MINUTE)[0]
    assert (first["Service"], first["Score"], first["Prompt version"]) == ("checkout", "JSON", "v8")
    assert first["Before"] == pytest.approx(0.02)
    assert first["Now"] == pytest.approx(0.4)
    assert first["More than usual"] == pytest.approx(20 - 50 * 0.02)


@pytest.mark.parametrize("quantile", [50, 95, 99])
def test_a_percentile_is_within_two_percent(filled: Filled, quantile: int) -> None:
    column = f"p{quantile}"
    (row,) = filled.ask("Latency by service and model", 7 * DAY, service=["search"], model_served=["large"])
    assert row["Measured"] == 92
    assert row[column] == pytest.approx(exact(DURATIONS[8:], quantile), rel=0.02)

    by_minute = filled.ask("Latency", 5 * MINUTE, service=["search"])
    halves = [DURATIONS[1::2], DURATIONS[0::2]]
    assert [row[column] for row in by_minute] == [
        pytest.approx(exact(half, quantile), rel=0.02) for half in halves
    ]


def exact(values: Sequence[float], quantile: int) -> float:
    """The smallest value that is not below this many of a hundred."""
    return sorted(values)[math.ceil(quantile * len(values) / 100) - 1]


def test_outcomes_add_up_to_the_failure_rate(filled: Filled) -> None:
    outcomes = filled.ask("JSON: failures by outcome", 7 * DAY, service=["checkout"])
    rates = filled.ask("JSON: failure rate over time", 7 * DAY, service=["checkout"])
    assert len(rates) > 20
    assert [(row.pop("time"), pytest.approx(sum(row.values()))) for row in outcomes] == [
        (row["time"], row["value"]) for row in rates
    ]


def test_coverage_is_the_share_that_could_be_judged(filled: Filled) -> None:
    rows = filled.ask("Coverage", 5 * MINUTE)
    assert [row["json"] for row in rows] == [1, 1]
    assert [row["tools"] for row in rows] == [pytest.approx(50 / 65)] * 2


def test_what_was_captured_is_a_share_of_all_calls(filled: Filled) -> None:
    rows = filled.ask("Captured", 5 * MINUTE)
    assert [(row["input"], row["output"], row["schema"]) for row in rows] == [(1, 1, 1)] * 2
    assert [row["tools"] for row in rows] == [pytest.approx(75 / 90)] * 2


def test_the_alerts_come_with_their_evidence(filled: Filled) -> None:
    firing, resolved = filled.ask("Alerts", 5 * MINUTE)
    assert (firing["State"], firing["Where"]) == ("firing", "environment (none), service checkout")
    assert (firing["Before"], firing["Now"], firing["Times"]) == (0.02, 0.4, pytest.approx(20))
    assert firing["Top contributor"] == "prompt_version v8 (20 of 50)"
    assert resolved["State"] == "resolved"
    assert resolved["Lasting"] == 49 * 60
    assert filled.ask("Firing alerts", 5 * MINUTE) == [{"firing": 1}]


def test_the_pipeline_says_how_far_behind_it_is(filled: Filled) -> None:
    assert filled.ask("Records behind", 5 * MINUTE) == [{"behind": 42}]
    assert filled.ask("Dead letters", 5 * MINUTE) == [{"dead letters": 3}]
    assert filled.ask("Calls per minute", 5 * MINUTE) == [{"calls per minute": 36}]
    (partition,) = filled.ask("Partitions", 5 * MINUTE)
    assert (partition["Behind"], partition["Dead letters"]) == (42, 3)


def test_fallbacks_go_from_the_requested_to_the_served_model(filled: Filled) -> None:
    (row,) = filled.ask("Fallbacks", 7 * DAY)
    assert (row["Service"], row["From"], row["To"]) == ("search", "large", "small")
    assert (row["Silent downgrade"], row["Share"]) == (8, 1.0)


def test_the_newest_failing_calls_come_with_what_failed(filled: Filled) -> None:
    rows = filled.ask(EXAMPLE_CALLS, 7 * DAY)
    assert len(rows) == 43  # of checkout 20 + 4, of search 10, of support 9
    assert [row["Time"] for row in rows] == sorted((row["Time"] for row in rows), reverse=True)
    whats = {row["What"] for row in rows}
    assert "error: rate_limit, tools: unknown_tool, fallback: silent_downgrade" in whats
    assert any(row["Detail"] == "/total: type" and row["Prompt version"] == "v8" for row in rows)


def test_a_choice_narrows_every_panel_of_calls(filled: Filled) -> None:
    rows = filled.ask("Every service, every score", 7 * DAY, prompt_version=["(none)", "it's"])
    assert [row["Service"] for row in rows] == ["search", "support"]
    assert filled.ask("$prompt_version", 7 * DAY, service=["checkout"]) == [
        {"coalesce": "v7"},
        {"coalesce": "v8"},
    ]


def test_annotations_tell_state_changes_and_deploys(filled: Filled) -> None:
    changes = filled.ask("@Alerts", 5 * MINUTE)
    assert [row["tags"] for row in changes] == ["alert,page,firing"] * 2 + ["alert,page,normal"]
    (deploy,) = filled.ask("@Deploys", 5 * MINUTE)
    assert deploy["text"] == "checkout v8 of ask in production (calls: prompt_version)"
    assert deploy["tags"] == "deploy,calls,production"
