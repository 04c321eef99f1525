"""Counts over spans of minutes and example calls, on a real Postgres."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import zip_longest
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from monitor.errors import Transient
from monitor.records import (
    DIMENSIONS,
    CallError,
    Captured,
    ErrorCategory,
    FallbackOutcome,
    FallbackScore,
    GroundingOutcome,
    GroundingScore,
    JsonOutcome,
    JsonScore,
    ScoredCall,
    Scores,
    Status,
    ToolsOutcome,
    ToolsScore,
)
from monitor.rules import metric
from monitor.store import Batch, PostgresStore, connect
from monitor.store.rollups import recompute_dirty
from monitor.store.tables import dead_letters
from monitor.store.windows import Count, Query, Windows
from tests.examples import NOON, call, scores

HOUR = (NOON, NOON + timedelta(hours=1))

Save = Callable[..., None]


@pytest.fixture
def save(engine: sa.Engine) -> Save:
    """Saves calls as ingest does, and recomputes their minutes."""
    store = PostgresStore(engine)

    def save(*calls: ScoredCall) -> None:
        store.save(Batch(calls, (), {}))
        while recompute_dirty(engine):
            pass

    return save


@pytest.fixture
def windows(engine: sa.Engine) -> Windows:
    return Windows(engine)


_numbers = iter(range(10**9))


def one(outcome: JsonOutcome, at: datetime = NOON, **fields: Any) -> ScoredCall:
    return ScoredCall(call(f"c{next(_numbers)}", at, **fields), scores(json=outcome))


def scored_as(**parts: Any) -> Scores:
    """Scores of which only these say something."""
    return msgspec.structs.replace(scores(), **parts)


def query(name: str, **where: list[str]) -> Query:
    found = metric(name)
    return Query(found.numerator, found.denominator, where)


# -------------------------------------------------------------------------------------------------- counts


def test_nothing_is_counted_where_nothing_is(windows: Windows) -> None:
    assert windows.counts(query("json.failed"), HOUR, ()) == []
    assert windows.counts(query("json.failed"), HOUR, ("service",)) == []
    assert windows.counts(query("dead_letters"), HOUR, ()) == [Count({}, 0, 0)]


def test_failures_are_counted_among_the_judged(windows: Windows, save: Save) -> None:
    save(
        *(
            one(outcome)
            for outcome in (
                JsonOutcome.OK,
                JsonOutcome.FENCED,
                JsonOutcome.TRUNCATED,
                JsonOutcome.UNKNOWN,
                JsonOutcome.NOT_APPLICABLE,
            )
        )
    )
    assert windows.counts(query("json.failed"), HOUR, ()) == [Count({}, 3, 2)]
    assert windows.counts(query("json.truncated"), HOUR, ()) == [Count({}, 3, 1)]
    assert windows.counts(query("json.unknown"), HOUR, ()) == [Count({}, 4, 1)]
    assert windows.counts(query("errors"), HOUR, ()) == [Count({}, 5, 0)]


def test_a_span_begins_with_its_first_minute_and_ends_before_its_last(windows: Windows, save: Save) -> None:
    minute = timedelta(minutes=1)
    save(
        *(
            one(JsonOutcome.OK, at)
            for at in (
                NOON - timedelta(microseconds=1),
                NOON,
                NOON + minute - timedelta(microseconds=1),
                NOON + minute,
            )
        )
    )
    assert windows.counts(query("errors"), (NOON, NOON + minute), ()) == [Count({}, 2, 0)]


def test_there_is_one_count_for_each_combination_of_labels(windows: Windows, save: Save) -> None:
    save(
        one(JsonOutcome.OK, service="a", prompt_version="1"),
        one(JsonOutcome.EMPTY, service="a", prompt_version="2"),
        one(JsonOutcome.EMPTY, service="b", prompt_version="2"),
        one(JsonOutcome.OK, service="b", prompt_version="2"),
        one(JsonOutcome.OK, service=""),
    )
    failed = query("json.failed")

    def counted(*by: str) -> set[tuple[tuple[str, ...], int, int]]:
        return {(tuple(c.labels.values()), c.calls, c.failures) for c in windows.counts(failed, HOUR, by)}

    assert counted() == {((), 5, 2)}
    assert counted("service") == {(("a",), 2, 1), (("b",), 2, 1), (("",), 1, 0)}
    assert counted("prompt_version", "service") == {
        (("1", "a"), 1, 0),
        (("2", "a"), 1, 1),
        (("2", "b"), 2, 1),
        (("", ""), 1, 0),
    }
    assert {tuple(c.labels) for c in windows.counts(failed, HOUR)} == {DIMENSIONS}


def test_where_takes_any_of_its_values(windows: Windows, save: Save) -> None:
    save(*(one(JsonOutcome.OK, service=service, environment="e") for service in "abc"))
    found = windows.counts(query("errors", service=["a", "c", "z"], environment=["e"]), HOUR, ("service",))
    assert sorted(count.labels["service"] for count in found) == ["a", "c"]
    assert windows.counts(query("errors", service=["z"]), HOUR, ()) == []


def test_a_value_that_looks_like_sql_is_only_a_value(windows: Windows, save: Save) -> None:
    odd = "'; DROP TABLE calls; --"
    save(one(JsonOutcome.OK, service=odd))
    assert windows.counts(query("errors", service=[odd]), HOUR, ("service",)) == [
        Count({"service": odd}, 1, 0)
    ]


def test_dead_letters_are_counted_among_all_that_was_read(
    windows: Windows, save: Save, engine: sa.Engine
) -> None:
    save(one(JsonOutcome.OK), one(JsonOutcome.OK), one(JsonOutcome.OK))
    bury(engine, NOON, NOON + timedelta(minutes=5), NOON + timedelta(hours=1))
    assert windows.counts(query("dead_letters"), HOUR, ()) == [Count({}, 5, 2)]


def test_a_dead_letter_counts_in_the_time_of_its_record_however_late_it_was_read(
    windows: Windows, save: Save, engine: sa.Engine
) -> None:
    save(one(JsonOutcome.OK))
    late, ahead = NOON + timedelta(hours=5), NOON + timedelta(days=300)
    bury(engine, late, late, NOON, recorded_at=[NOON, NOON - timedelta(hours=1), ahead])
    assert windows.counts(query("dead_letters"), HOUR, ()) == [Count({}, 3, 2)]


# ------------------------------------------------------------------------------------------------ examples


def examples(windows: Windows, name: str, **where: list[str]) -> list[Any]:
    found = metric(name)
    return windows.examples(query(name, **where), HOUR, score=found.score, outcomes=found.outcomes)


def test_the_newest_three_that_failed_are_shown(windows: Windows, save: Save) -> None:
    minutes = [NOON + timedelta(minutes=n) for n in range(5)]
    save(
        *(
            ScoredCall(
                call(f"bad-{n}", at, service="a", model_served="m", prompt_version="v8"),
                scored_as(json=JsonScore(JsonOutcome.TRUNCATED, "ended inside a value")),
            )
            for n, at in enumerate(minutes)
        ),
        one(JsonOutcome.OK, NOON + timedelta(minutes=9), service="a"),
        one(JsonOutcome.EMPTY, NOON + timedelta(minutes=9), service="b"),
        one(JsonOutcome.EMPTY, NOON - timedelta(minutes=1), service="a"),
    )
    found = examples(windows, "json.failed", service=["a"])
    assert [(e.call_id, e.started_at) for e in found] == [(f"bad-{n}", minutes[n]) for n in (4, 3, 2)]
    assert (found[0].model_served, found[0].prompt_version) == ("m", "v8")
    assert (found[0].outcome, found[0].detail) == ("truncated", "ended inside a value")


@pytest.mark.parametrize(
    ("name", "fields", "part", "expected"),
    [
        (
            "tools.failed",
            {},
            {"tools": ToolsScore(ToolsOutcome.UNKNOWN_TOOL, "fly")},
            ("unknown_tool", "fly"),
        ),
        (
            "grounding.unsupported",
            {},
            {"grounding": GroundingScore(GroundingOutcome.UNSUPPORTED, 0.9)},
            ("unsupported", None),
        ),
        (
            "fallback.silent_downgrade",
            {},
            {"fallback": FallbackScore(FallbackOutcome.SILENT_DOWNGRADE, "big", "small")},
            ("silent_downgrade", "small"),
        ),
        (
            "errors",
            {"status": Status.ERROR, "error": CallError("RateLimitError", ErrorCategory.RATE_LIMIT, 429)},
            {},
            ("rate_limit", "RateLimitError"),
        ),
        ("errors", {"status": Status.ERROR}, {}, ("other", None)),
        ("errors.other", {"status": Status.ERROR}, {}, ("other", None)),
        ("uncaptured.tools", {"captured": Captured(tools=False)}, {}, ("uncaptured", None)),
        ("json.unknown", {}, {"json": JsonScore(JsonOutcome.UNKNOWN, "no schema")}, ("unknown", "no schema")),
    ],
)
def test_an_example_says_what_was_wrong(
    windows: Windows,
    save: Save,
    name: str,
    fields: dict[str, Any],
    part: dict[str, Any],
    expected: tuple[str, str | None],
) -> None:
    save(ScoredCall(call("bad", **fields), scored_as(**part)), one(JsonOutcome.OK))
    assert [(e.call_id, e.outcome, e.detail) for e in examples(windows, name)] == [("bad", *expected)]


def test_errors_of_a_class_are_counted_and_shown_without_the_others(windows: Windows, save: Save) -> None:
    errors = {category: CallError(f"{category}!", category) for category in ErrorCategory}
    save(
        *(
            ScoredCall(call(name, status=Status.ERROR, error=error), scores())
            for name, error in errors.items()
        ),
        ScoredCall(call("answered", error=errors[ErrorCategory.TIMEOUT]), scores()),
        ScoredCall(call("nameless", status=Status.ERROR), scores()),
    )
    calls = len(errors) + 2
    for category in ErrorCategory:
        shown = {"other", "nameless"} if category == "other" else {category}
        name = f"errors.{category}"
        assert windows.counts(query(name), HOUR, ()) == [Count({}, calls, len(shown))]
        assert {one.call_id for one in examples(windows, name)} == shown


def test_an_example_of_a_dead_letter_is_its_place_in_kafka(windows: Windows, engine: sa.Engine) -> None:
    bury(engine, NOON)
    (found,) = examples(windows, "dead_letters")
    assert (found.call_id, found.outcome, found.detail) == ("calls/0/0", "not_json", "line 1")


def test_a_database_that_is_away_is_transient() -> None:
    engine = connect("postgresql://nobody:hunter2@127.0.0.1:1/none")
    away = Windows(engine)
    for ask in (
        lambda: away.counts(query("errors"), HOUR),
        lambda: away.counts(query("dead_letters"), HOUR),
        lambda: examples(away, "errors"),
    ):
        with pytest.raises(Transient, match=r"^Postgres: "):
            ask()
    engine.dispose()


def bury(engine: sa.Engine, *times: datetime, recorded_at: Sequence[datetime | None] = ()) -> None:
    with engine.begin() as connection:
        for offset, (at, recorded) in enumerate(zip_longest(times, recorded_at)):
            connection.execute(
                sa.insert(dead_letters).values(
                    topic="calls",
                    partition=0,
                    kafka_offset=offset,
                    item=0,
                    reason="not_json",
                    detail="line 1",
                    size=8,
                    sha256=b"",
                    first_seen=at,
                    recorded_at=recorded,
                )
            )
