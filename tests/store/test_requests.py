"""The calls of a request: whatever order they come in, what they are to each other is the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import permutations
from typing import Any
from unittest.mock import patch

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from msgspec import structs

from monitor.errors import Transient
from monitor.records import (
    Attempt,
    CallError,
    ErrorCategory,
    FallbackCause,
    FallbackHint,
    FallbackOutcome,
    FallbackScore,
    FinishReason,
    Output,
    Related,
    RequestTruth,
    ScoredCall,
    Status,
    alone,
    attempt_of,
)
from monitor.scorers.fallback import score_fallback
from monitor.scorers.fallback.requests import relate
from monitor.store import Batch, PostgresStore, requests
from monitor.store.rollups import rebuild, recompute_dirty, waiting
from monitor.store.tables import calls, rollup_1m
from tests.examples import NOON, call, scores
from tests.store.helpers import empty, rows, stored

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)

#: Twelve hours after noon: the calls of a request may be in the partitions of two days.
MIDNIGHT = NOON + 12 * HOUR

RETRY = Related(
    FallbackScore(
        FallbackOutcome.RETRY, "large", "small", FallbackCause.TIMEOUT, "request: it follows one", 7
    ),
    RequestTruth(0),
)

#: A time that is no ``real``: what is stored of it is another number.
TRUTH = RequestTruth(3, True, "small", 1234.5678, 0.1)


class Decide:
    """Makes every attempt but the first a retry, and that one tell of it; remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[list[Attempt]] = []

    def __call__(self, attempts: Sequence[Attempt]) -> list[Related]:
        self.asked.append(list(attempts))
        return [Related(attempts[0].fallback, TRUTH), *([RETRY] * (len(attempts) - 1))]

    @property
    def ids(self) -> list[list[str]]:
        """The calls of each request it was asked about."""
        return [[attempt.call_id for attempt in attempts] for attempts in self.asked]


def good(call_id: str, at: datetime = NOON, request_id: str = "q", **fields: Any) -> ScoredCall:
    """A call that got an answer."""
    answer = {"outputs": (Output("an answer"),), "request_id": request_id, "service": "shop"}
    said = call(call_id, at, **answer | fields)
    return ScoredCall(said, structs.replace(scores(), fallback=score_fallback(said)))


def failed(call_id: str, at: datetime = NOON, request_id: str = "q", **fields: Any) -> ScoredCall:
    """A call that got none."""
    error = CallError("Overloaded", ErrorCategory.SERVER_ERROR, 503)
    return good(call_id, at, request_id, status=Status.ERROR, error=error, outputs=(), **fields)


def costing(dollars: float | None, one: ScoredCall) -> ScoredCall:
    """The same, at this cost."""
    return structs.replace(one, scores=structs.replace(one.scores, cost=dollars))


def save(engine: sa.Engine, *some: ScoredCall) -> None:
    PostgresStore(engine).save(Batch(some, (), {}))


def of_shop(engine: sa.Engine, minute: datetime) -> dict[str, Any]:
    """The rollup of the service in a minute."""
    return stored(engine, "rollup_service_1m")[minute, "shop", ""]


def outcomes(engine: sa.Engine) -> dict[str, str]:
    """What each call is, by its id."""
    return {row.call_id: row.fallback for row in rows(engine, sa.select(calls))}


def attempts(some: Iterable[ScoredCall]) -> list[Attempt]:
    return [attempt_of(one.call, one.scores.fallback, one.scores.cost) for one in some]


def keep(attempts: Sequence[Attempt]) -> list[Related]:
    """Every call is the only one of its request."""
    return list(map(alone, attempts))


# -------------------------------------------------------------------------------------------- who is asked


def test_a_minute_in_which_nothing_failed_is_counted_as_it_is(engine: sa.Engine) -> None:
    save(engine, good("a"), good("b", NOON + SECOND), good("c", request_id="other"))
    decide = Decide()
    assert recompute_dirty(engine, relate=decide) == 1
    assert decide.asked == []
    assert of_shop(engine, NOON)["calls"] == 3


def test_a_call_that_failed_alone_is_related_to_nothing(engine: sa.Engine) -> None:
    save(engine, failed("a"), good("b", request_id="other"))
    decide = Decide()
    recompute_dirty(engine, relate=decide)
    assert decide.asked == []


def test_a_request_is_seen_as_its_calls_were_by_their_start(engine: sa.Engine) -> None:
    """Everything that decides is stored, and read back as it was."""
    asked: dict[str, Any] = {
        "provider": "openai",
        "model_requested": "large",
        "duration_ms": 250.5,
        "attempt": 1,
    }
    first = costing(0.1, failed("z", NOON, **asked))
    filtered = structs.replace(
        good(
            "b",
            NOON + SECOND,
            route="r",
            attempt=2,
            model_requested="large",
            model_served="small",
            outputs=(Output(finish_reason=FinishReason.CONTENT_FILTER),),
        ),
        scores=structs.replace(
            scores(),
            fallback=FallbackScore(FallbackOutcome.FALLBACK, "a", "b", FallbackCause.OTHER, "d", 3),
        ),
    )
    last = good("a", NOON + 2 * SECOND)
    save(engine, last, failed("elsewhere", request_id="p"), filtered, first)
    decide = Decide()
    recompute_dirty(engine, relate=decide)
    assert decide.asked == [attempts([first, filtered, last])]


@pytest.mark.parametrize(
    "at", [NOON + 50 * MINUTE, NOON - 50 * MINUTE, NOON], ids=["later", "earlier", "then"]
)
@pytest.mark.parametrize("make", [good, failed], ids=["of one that was answered", "of one that was not"])
def test_the_others_of_a_request_are_found_in_their_own_minutes(
    engine: sa.Engine, at: datetime, make: Any
) -> None:
    save(engine, failed("a", at), good("b", at + SECOND))
    recompute_dirty(engine)
    save(engine, make("c"))
    decide = Decide()
    recompute_dirty(engine, relate=decide)
    assert [set(asked) for asked in decide.ids] == [{"a", "b", "c"}]


def test_a_request_may_last_over_midnight(engine: sa.Engine) -> None:
    save(engine, failed("a", MIDNIGHT - SECOND), good("b", MIDNIGHT))
    assert recompute_dirty(engine, relate=Decide()) == 2
    assert outcomes(engine) == {"a": "unknown", "b": "retry"}


@pytest.mark.parametrize("far", [-3 * HOUR, 3 * HOUR, -25 * HOUR])
def test_calls_hours_apart_have_nothing_to_do_with_each_other(engine: sa.Engine, far: timedelta) -> None:
    save(engine, failed("a", NOON + far), good("b"))
    decide = Decide()
    while recompute_dirty(engine, relate=decide):
        pass
    assert decide.asked == []


def test_in_a_request_of_hours_each_call_is_decided_among_those_near_it_in_any_order(
    engine: sa.Engine,
) -> None:
    def tell_how_many(attempts: Sequence[Attempt]) -> list[Related]:
        return [Related(attempt.fallback, RequestTruth(len(attempts))) for attempt in attempts]

    every_50_minutes = [
        make(name, NOON + n * 50 * MINUTE)
        for n, (name, make) in enumerate([("a", failed), ("b", good), ("c", good), ("d", failed)])
    ]
    for order in permutations(every_50_minutes):
        empty(engine)
        for one in order:
            save(engine, one)
            while recompute_dirty(engine, slice_=1, relate=tell_how_many):
                pass
        found = rows(engine, sa.select(calls.c.call_id, calls.c.request_attempts))
        assert dict(map(tuple, found)) == {"a": 2, "b": 3, "c": 3, "d": 2}


def test_an_id_that_too_many_calls_share_is_no_requests(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "MOST", 4)
    several = [failed(f"c{n}", NOON + n * SECOND) for n in range(4)]
    save(engine, *several)
    before = what_is_said(engine)
    decide = Decide()
    recompute_dirty(engine, relate=decide)
    assert outcomes(engine)["c3"] == "retry"
    save(engine, good("one too many", NOON + 9 * SECOND))
    recompute_dirty(engine, relate=decide)
    assert decide.ids == [["c0", "c1", "c2", "c3"]]
    assert what_is_said(engine)[:4] == before, "each is by itself again"


# ------------------------------------------------------------------------------------------- what changes


def test_a_change_is_written_and_counted_in_its_own_minute(engine: sa.Engine) -> None:
    """The call that failed comes last, and only its own minute is dirty."""
    save(engine, good("b", NOON + 3 * MINUTE))
    recompute_dirty(engine, relate=Decide())
    assert of_shop(engine, NOON + 3 * MINUTE)["fallback_retry"] == 0
    save(engine, failed("a"))
    assert recompute_dirty(engine, relate=Decide()) == 1
    assert of_shop(engine, NOON + 3 * MINUTE)["fallback_retry"] == 1
    first, second = what_is_said(engine)
    assert second[1:7] == structs.astuple(RETRY.fallback)
    assert second[8:] == (0, None, None, None, None)
    assert first[8:] == (3, True, "small", pytest.approx(1234.5678), 0.1)
    assert waiting(engine)[0] == 0
    minute = of_shop(engine, NOON)
    assert [minute[name] for name in ("requests", "requests_failed", "requests_rescued")] == [1, 0, 1]
    assert (minute["request_extra_ms"], minute["request_extra_cost"]) == (pytest.approx(1234.5678), 0.1)
    assert of_shop(engine, NOON + 3 * MINUTE)["requests"] == 0


def test_every_decision_starts_from_the_score_of_the_call_alone_and_may_go_back_to_it(
    engine: sa.Engine,
) -> None:
    own = FallbackScore(FallbackOutcome.FALLBACK, "a", "b", FallbackCause.OTHER, "declared", 2)
    declared = structs.replace(good("b", NOON + SECOND), scores=structs.replace(scores(), fallback=own))
    save(engine, failed("a"), declared)
    before = what_is_said(engine)
    recompute_dirty(engine, relate=Decide())
    assert outcomes(engine)["b"] == "retry"
    for decide in (Decide(), keep, Decide()):
        rebuild(engine, NOON, NOON)
        recompute_dirty(engine, relate=decide)
        if isinstance(decide, Decide):
            assert decide.asked == [attempts([failed("a"), declared])]
        else:
            assert what_is_said(engine) == before


def test_a_cause_in_words_of_an_older_version_is_another_cause(engine: sa.Engine) -> None:
    save(engine, failed("a"), good("b", NOON + SECOND))
    told = '{"outcome": "fallback", "from_model": "a", "cause": "credentials"}'
    older = {"fallback": "retry", "fallback_cause": "credentials", "fallback_alone": told}
    with engine.begin() as connection:
        connection.execute(sa.update(calls).where(calls.c.call_id == "b").values(**older))
    decide = Decide()
    recompute_dirty(engine, relate=decide)
    read = decide.asked[0][1].fallback
    assert read == FallbackScore(FallbackOutcome.FALLBACK, "a", cause=FallbackCause.OTHER)


def test_what_is_right_is_not_written_again(engine: sa.Engine) -> None:
    save(engine, failed("a"), good("b", NOON + SECOND))
    versions = []
    for _ in range(2):
        rebuild(engine, NOON, NOON)
        recompute_dirty(engine, relate=Decide())
        versions.append(rows(engine, "SELECT xmin FROM calls ORDER BY call_id"))
    assert versions[0] == versions[1]


def test_more_changes_than_are_written_at_once(engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "_ROWS", 3)
    for n in range(5):
        first = NOON + n * MINUTE
        save(engine, failed(f"a{n}", first, f"q{n}"), good(f"b{n}", first + SECOND, f"q{n}"))
        save(engine, good(f"c{n}", first + 2 * SECOND, f"q{n}"))
    assert recompute_dirty(engine, relate=Decide()) == 5
    found = outcomes(engine)
    assert {call_id for call_id, outcome in found.items() if outcome == "retry"} == {
        f"{letter}{n}" for letter in "bc" for n in range(5)
    }


def test_a_failure_leaves_calls_marks_and_rollups_as_they_were(engine: sa.Engine) -> None:
    save(engine, failed("a"), good("b", NOON + SECOND))

    def fail(attempts: Sequence[Attempt]) -> list[Related]:
        with engine.begin() as connection:
            connection.execute(
                sa.text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )
        return [RETRY] * len(attempts)

    with pytest.raises(Transient):
        recompute_dirty(engine, relate=fail)
    assert outcomes(engine) == {"a": "unknown", "b": "unknown"}
    assert waiting(engine)[0] == 1
    assert stored(engine) == {}


def test_a_call_that_is_saved_while_its_request_is_related_is_related_after(engine: sa.Engine) -> None:
    """It is not among the attempts that were read; its mark becomes visible with it."""
    save(engine, failed("a"), good("b", NOON + SECOND))

    class Meanwhile(Decide):
        def __call__(self, attempts: Sequence[Attempt]) -> list[Related]:
            save(engine, good("c", NOON + 2 * MINUTE))
            return super().__call__(attempts)

    decide = Meanwhile()
    recompute_dirty(engine, relate=decide)
    assert decide.ids == [["a", "b"]]
    assert waiting(engine)[0] == 1
    recompute_dirty(engine, relate=Decide())
    assert outcomes(engine) == {"a": "unknown", "b": "retry", "c": "retry"}
    assert of_shop(engine, NOON + 2 * MINUTE)["fallback_retry"] == 1


# ----------------------------------------------------------------------------------------------- any order

MODELS = st.sampled_from(["gpt-4o", "gpt-4o-mini", "claude-3-5-sonnet", ""])


@st.composite
def some_requests(draw: st.DrawFn, minutes: int = 30, most: int = 7) -> list[ScoredCall]:
    """Calls of a few requests within so many minutes before and after midnight."""
    found = []
    for number in range(draw(st.integers(0, most))):
        make = draw(st.sampled_from([good, failed]))
        model = draw(MODELS)
        found.append(
            costing(
                draw(st.sampled_from([None, 0.0, 0.25, 0.5])),
                make(
                    f"c{number}",
                    MIDNIGHT
                    + draw(st.integers(-minutes, minutes - 1)) * MINUTE
                    + draw(st.integers(0, 3)) * SECOND,
                    draw(st.sampled_from(["q", "r"])),
                    service=draw(st.sampled_from(["shop", "search"])),
                    provider=draw(st.sampled_from(["openai", "anthropic"])),
                    model_requested=model,
                    model_served=draw(st.sampled_from([model, "gpt-4o"])),
                    duration_ms=draw(st.sampled_from([None, 0.0, 500.0, 60_000.0])),
                    attempt=draw(st.sampled_from([1, 1, 2])),
                    fallback=FallbackHint(draw(st.sampled_from(["unknown", "unknown", "none", "retry"]))),
                ),
            )
        )
    return found


@st.composite
def histories(draw: st.DrawFn, minutes: int = 30, most: int = 7) -> list[list[ScoredCall] | int]:
    """Every call of a few requests in some order and batches, with recomputations of so many minutes."""
    left = draw(st.permutations(draw(some_requests(minutes, most))))
    history: list[list[ScoredCall] | int] = []
    while left:
        size = draw(st.integers(1, len(left)))
        history.append(left[:size])
        left = left[size:]
        history += draw(st.lists(st.integers(1, 3), max_size=2))
    return history


#: What is said of a call, by its id: the score, the score of it alone where that differs, and its request.
SAID = [
    calls.c.call_id,
    calls.c.fallback,
    *(calls.c[f"fallback_{name}"] for name in ("from", "to", "cause", "evidence", "hop", "alone")),
    *(calls.c[f"request_{name}"] for name in RequestTruth.__struct_fields__),
]
COUNTED = [
    sa.func.sum(column) for column in rollup_1m.columns if column.name.startswith(("fallback", "request"))
]


def what_is_said(engine: sa.Engine) -> list[tuple[Any, ...]]:
    """``SAID`` of every call, by its id."""
    return sorted(map(tuple, rows(engine, sa.select(*SAID))))


#: The retry comes before the call that failed, the second attempt before the first.
BACKWARDS: list[list[ScoredCall] | int] = [
    [good("c", MIDNIGHT + 2 * MINUTE, model_requested="claude-3-5-sonnet")],
    1,
    [failed("b", MIDNIGHT + MINUTE, model_requested="gpt-4o")],
    1,
    [failed("a", MIDNIGHT - MINUTE, model_requested="gpt-4o")],
    1,
]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(histories())
@example(BACKWARDS)
def test_any_order_and_any_batching_ends_in_the_same_as_all_at_once(
    engine: sa.Engine, history: list[list[ScoredCall] | int]
) -> None:
    seen = [one for event in history if not isinstance(event, int) for one in event]
    one_by_one = after(engine, history)
    assert one_by_one == after(engine, [seen])
    assert [said[:7] + said[8:] for said in one_by_one[0]] == sorted(related(seen))
    assert sum(said[8] for said in one_by_one[0]) == len(seen), "every call is an attempt of one request"


#: A session of four hours whose calls are few enough in the first hour, until those of the third come.
SESSION: list[list[ScoredCall] | int] = [
    [failed("a", MIDNIGHT - 61 * MINUTE), good("b", MIDNIGHT - 61 * MINUTE + SECOND)],
    1,
    [failed(f"c{n}", MIDNIGHT + n * SECOND) for n in range(3)],
    1,
    [failed(f"d{n}", MIDNIGHT - 130 * MINUTE + n * SECOND) for n in range(2)],
    3,
]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(histories(minutes=150, most=12))
@example(SESSION)
def test_an_id_that_many_share_for_hours_ends_in_the_same_in_any_order_as_after_a_rebuild(
    engine: sa.Engine, history: list[list[ScoredCall] | int]
) -> None:
    seen = [one for event in history if not isinstance(event, int) for one in event]
    with patch.object(requests, "MOST", 3):
        one_by_one = after(engine, history)
        for start, end in ((MIDNIGHT, MIDNIGHT + HOUR), (MIDNIGHT - 3 * HOUR, MIDNIGHT + 3 * HOUR)):
            rebuild(engine, start, end)
            assert recomputed(engine) == one_by_one
        assert one_by_one == after(engine, [seen])


def after(
    engine: sa.Engine, history: Iterable[Sequence[ScoredCall] | int]
) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """What the calls are in the end, and what is counted of them in each minute."""
    empty(engine)
    for event in history:
        if isinstance(event, int):
            recompute_dirty(engine, slice_=event, relate=relate)
        else:
            save(engine, *event)
    return recomputed(engine)


def recomputed(engine: sa.Engine) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """The same, when every dirty minute is recomputed."""
    while recompute_dirty(engine, relate=relate):
        pass
    counted = sa.select(rollup_1m.c.bucket, *COUNTED).group_by(rollup_1m.c.bucket)
    return what_is_said(engine), sorted(map(tuple, rows(engine, counted)))


def related(seen: Iterable[ScoredCall]) -> Iterable[tuple[Any, ...]]:
    """The same by the pure function, request by request."""
    by_request: dict[str, list[Attempt]] = {}
    for attempt in attempts(seen):
        by_request.setdefault(attempt.request_id, []).append(attempt)
    for of_one in by_request.values():
        for attempt, found in zip(of_one, relate(of_one), strict=True):
            yield (attempt.call_id, *structs.astuple(found.fallback), *structs.astuple(found.request))
