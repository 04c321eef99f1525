"""Rollups: whatever order calls come in, a minute's rollup is what its calls say."""

from __future__ import annotations

import math
import struct
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import product
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs

from monitor.errors import Transient
from monitor.records import (
    CAPTURES,
    OUTCOMES,
    RISKY,
    CallError,
    Captured,
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
    RequestTruth,
    ScoredCall,
    Scores,
    Status,
    ToolsOutcome,
    ToolsScore,
    Usage,
    attempt_of,
)
from monitor.scorers.fallback.requests import relate
from monitor.store import Batch, OffsetMove, PostgresStore, ingest, offsets, rollups
from monitor.store.rollups import rebuild, recompute_dirty, recompute_hours, waiting
from monitor.store.tables import OUTCOME_COLUMNS, dirty_minutes
from tests.examples import NOON, PARTITION, call, scored
from tests.store.helpers import Rollups, empty, rows, run_at_once, stored

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)

#: Minutes next to each other, across an hour and across midnight.
MINUTES = [NOON, NOON + MINUTE, NOON - MINUTE, NOON + timedelta(hours=12), NOON - timedelta(days=2)]

#: Spans from minute to minute, in whole hours and across them, by the hour and by the minute.
SPANS = [
    (start, stop, step)
    for start, stop in [
        (NOON - timedelta(days=3), NOON + timedelta(days=1)),
        (NOON - timedelta(days=2, minutes=1), NOON + MINUTE),
        (NOON - MINUTE, NOON + HOUR),
        (NOON, NOON + MINUTE),
        (NOON + MINUTE, NOON),
    ]
    for step in ("1 hour", "1 minute")
]

MINUTE_TIERS = ("rollup_1m", "rollup_service_1m")
HOUR_TIERS = ("rollup_1h", "rollup_service_1h")

#: Durations as they are, and at the ends of what a histogram tells apart.
DURATIONS = st.one_of(
    st.none(),
    st.sampled_from([0.0, 0.001, 0.01, 1.0, 86_400_000.0, 7 * 86_400_000.0]),
    st.floats(2**-8, 2**27, width=32),
)
#: Errors of each class, and of none.
ERRORS = st.none() | st.builds(CallError, st.just("e"), st.sampled_from(ErrorCategory))

#: Risks that add up to the same in any order.
RISKS = st.sampled_from([None, 0.0, 0.25, RISKY, 0.75, 1.0])
TOKENS = st.one_of(st.none(), st.integers(0, 2**31 - 1))


@st.composite
def some_calls(draw: st.DrawFn) -> list[ScoredCall]:
    """Different calls in a few minutes of a few series."""
    starts = draw(
        st.lists(st.tuples(st.sampled_from(MINUTES), st.integers(0, 59_999_999)), unique=True, max_size=12)
    )
    return [
        ScoredCall(
            call(
                f"c{number % 3}",
                minute + timedelta(microseconds=micros),
                service=draw(st.sampled_from(["checkout", "search"])),
                model_served=draw(st.sampled_from(["small", "large"])),
                status=draw(st.sampled_from(Status)),
                error=draw(ERRORS),
                duration_ms=draw(DURATIONS),
                ttft_ms=draw(DURATIONS),
                usage=Usage(draw(TOKENS), draw(TOKENS)),
                captured=Captured(*draw(st.tuples(*[st.booleans()] * 4))),
            ),
            Scores(
                JsonScore(draw(st.sampled_from(JsonOutcome)), recoverable=draw(st.none() | st.booleans())),
                ToolsScore(draw(st.sampled_from(ToolsOutcome)), risk=draw(RISKS)),
                GroundingScore(draw(st.sampled_from(GroundingOutcome)), risk=draw(RISKS)),
                FallbackScore(draw(st.sampled_from(FallbackOutcome))),
                InstructionsScore(draw(st.sampled_from(InstructionsOutcome))),
                JudgeScore(draw(st.sampled_from(JudgeOutcome))),
                draw(st.sampled_from([None, 0.0, 0.125, 2.5])),
            ),
        )
        for number, (minute, micros) in enumerate(starts)
    ]


class Event(NamedTuple):
    """A batch that is saved, or how many minutes are recomputed; and whether that dies before it commits."""

    what: list[ScoredCall] | int
    dies: bool


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    """Batches of calls, some of them more than once, with recomputations between."""
    calls = draw(some_calls())
    a_batch = st.lists(st.sampled_from(calls), max_size=8) if calls else st.just([])
    an_event = st.builds(Event, st.one_of(a_batch, st.integers(1, 3)), st.booleans())
    return draw(st.lists(an_event, max_size=12))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(histories())
def test_any_history_ends_in_the_rollups_that_its_calls_say(engine: sa.Engine, history: list[Event]) -> None:
    """Kafka has a batch whose save died, and gives it again; marks are there until somebody has done them."""
    empty(engine)
    save = Saver(engine)
    for number, (what, dies) in enumerate(history):
        if isinstance(what, int):
            for recompute in (recompute_related, recompute_hours)[: 1 + number % 2]:
                with dying(engine) if dies else nullcontext():
                    recompute(engine, slice_=what)
        else:
            if dies:
                with dying(engine):
                    save(what)
            save(what)
    recompute_all(engine)
    seen = [one for event in history if not isinstance(event.what, int) for one in event.what]
    for tier in MINUTE_TIERS:
        assert stored(engine, tier) == expected(seen, tier)
    check_spans(engine, seen)
    while recompute_hours(engine):
        pass
    for tier in HOUR_TIERS:
        assert stored(engine, tier) == expected(seen, tier)
    check_spans(engine, seen)
    check_quantiles(engine, seen)

    with engine.begin() as connection:
        for tier in (*MINUTE_TIERS, *HOUR_TIERS):
            connection.execute(sa.text(f"UPDATE {tier} SET calls = -1"))
    rebuild(engine, min(MINUTES), max(MINUTES))
    recompute_all(engine)
    while recompute_hours(engine):
        pass
    for tier in (*MINUTE_TIERS, *HOUR_TIERS):
        assert stored(engine, tier) == expected(seen, tier)


def check_spans(engine: sa.Engine, seen: Iterable[ScoredCall]) -> None:
    """Every span has all its calls once and no others, whichever of its hours are made."""
    calls = unique(seen)
    for (start, stop, step), services in product(SPANS, ("false", "true")):
        (found,) = rows(
            engine,
            "SELECT coalesce(sum(calls), 0) AS calls, coalesce(sum(ttft_sum_ms), 0) AS ms,"
            f" bool_or(bucket < '{start}' OR bucket >= '{stop}') AS outside"
            f" FROM rollup('{start}', '{stop}', '{step}', {services})",
        )
        inside = [one for one in calls if start <= one.call.started_at < stop]
        assert found.calls == len(inside)
        assert found.ms == pytest.approx(math.fsum(durations_of(inside, "ttft")))
        assert not found.outside


def check_quantiles(engine: sa.Engine, seen: Iterable[ScoredCall]) -> None:
    """Quantiles over every minute and series are within one percent of the exact order statistic."""
    durations = sorted(clamped(duration) for duration in durations_of(unique(seen)))
    for q in (0.0, 0.5, 0.9, 0.95, 0.99, 1.0):
        (found,) = rows(
            engine,
            f"SELECT percentile({q})"
            " WITHIN GROUP (ORDER BY histogram(duration_buckets, duration_counts)) AS value,"
            f" (SELECT histogram_quantile({q}, array_agg(b), array_agg(CAST(n AS bigint)))"
            " FROM rollup_1h, unnest(duration_buckets, duration_counts) AS h(b, n)) AS by_the_hour"
            " FROM rollup_1m",
        )
        assert found.by_the_hour == found.value
        if durations:
            exact = durations[max(math.ceil(q * len(durations)), 1) - 1]
            assert found.value == pytest.approx(exact, rel=0.01)
        else:
            assert found.value is None


# -------------------------------------------------------------------------------------------------- at once


def test_a_call_saved_while_its_minute_is_recomputed_is_not_lost(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It commits after the marks were taken and before the calls are read, and once more after that."""
    save = Saver(engine)
    save([scored("a")])
    original = rollups._recompute

    def meanwhile(connection: sa.Connection, minutes: list[datetime]) -> None:
        save([scored("b")])
        original(connection, minutes)
        save([scored("c")])

    with monkeypatch.context() as patch:
        patch.setattr(rollups, "_recompute", meanwhile)
        assert recompute_dirty(engine) == 1
    assert stored(engine) == expected([scored("a"), scored("b")])
    assert waiting(engine)[0] == 1
    recompute_all(engine)
    assert stored(engine) == expected([scored("a"), scored("b"), scored("c")])


def test_a_minute_recomputed_while_a_save_is_under_way_is_recomputed_again(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rollup can't see the calls before they are committed; their mark becomes visible with them."""
    save = Saver(engine)
    save([scored("a")])
    original = offsets.move_offsets

    def meanwhile(*args: Any) -> None:
        assert recompute_dirty(engine) == 1
        original(*args)

    with monkeypatch.context() as patch:
        patch.setattr(ingest, "move_offsets", meanwhile)
        save([scored("b")])
    assert stored(engine) == expected([scored("a")])
    assert waiting(engine)[0] == 1
    recompute_all(engine)
    assert stored(engine) == expected([scored("a"), scored("b")])


def test_two_recomputations_and_two_workers_at_once_lose_no_minute(engine: sa.Engine) -> None:
    calls = [scored(f"c{n}", NOON + n % 7 * MINUTE) for n in range(200)]
    batches = [calls[first : first + 5] for first in range(0, 200, 5)]

    def work(partition: int) -> None:
        save = Saver(engine, partition)
        for one in batches[partition::2]:
            save(one)

    def recompute() -> None:
        for _ in range(60):
            recompute_dirty(engine, slice_=2)

    run_at_once(lambda: work(0), lambda: work(1), recompute, recompute)
    recompute_all(engine)
    assert stored(engine) == expected(calls)


def test_a_recomputation_that_fails_leaves_marks_and_rollups_as_they_were(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = Saver(engine)
    save([scored("a")])
    recompute_all(engine)
    save([scored("b")])
    before = stored(engine)

    def fail(connection: sa.Connection, _minutes: list[datetime]) -> None:
        connection.execute(sa.text("DELETE FROM rollup_1m"))
        connection.execute(sa.text("SELECT pg_terminate_backend(pg_backend_pid())"))

    with monkeypatch.context() as patch:
        patch.setattr(rollups, "_recompute", fail)
        with pytest.raises(Transient):
            recompute_dirty(engine)
    assert stored(engine) == before
    assert waiting(engine)[0] == 1


# ---------------------------------------------------------------------------------------------------- slices


def test_the_newest_minutes_come_first_and_no_more_than_the_slice(engine: sa.Engine) -> None:
    Saver(engine)([scored(f"c{n}", NOON + n * MINUTE) for n in range(5)] * 2)
    done = []
    while count := recompute_dirty(engine, slice_=2):
        done.append(count)
        assert min(bucket for bucket, *_ in stored(engine)) == NOON + (5 - sum(done)) * MINUTE
    assert done == [2, 2, 1]


def test_a_minute_that_is_not_over_waits_for_more_and_one_that_is_does_not(engine: sa.Engine) -> None:
    now = datetime.now(UTC)
    save = Saver(engine)
    save([scored("old", now - 2 * MINUTE), scored("new", now + MINUTE)])
    assert recompute_dirty(engine, waits=HOUR) == 1
    assert recompute_dirty(engine, waits=HOUR) == 0
    assert (waiting(engine)[0], len(stored(engine))) == (1, 1)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE dirty_minutes SET marked_at = marked_at - interval '2 hours'"))
    save([scored("newer", now + MINUTE)])
    assert waiting(engine)[1] >= 7200
    assert recompute_dirty(engine, waits=HOUR) == 1
    assert waiting(engine) == (0, 0)


def test_an_hour_is_made_once_it_is_over_and_has_waited(engine: sa.Engine) -> None:
    now = datetime.now(UTC)
    Saver(engine)([scored("old", now - 2 * HOUR), scored("new", now + HOUR)])
    recompute_all(engine)
    assert recompute_hours(engine, waits=HOUR) == 0
    assert recompute_hours(engine, slice_=1) == 1
    assert recompute_hours(engine) == 0
    assert [calls["calls"] for calls in stored(engine, "rollup_1h").values()] == [1]


def test_an_hour_whose_calls_are_gone_is_gone(engine: sa.Engine) -> None:
    Saver(engine)([scored("a")])
    recompute_all(engine)
    assert recompute_hours(engine) == 1
    with engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM calls"))
        connection.execute(sa.insert(dirty_minutes).values(minute=NOON))
    recompute_all(engine)
    assert recompute_hours(engine) == 1
    assert [stored(engine, tier) for tier in (*MINUTE_TIERS, *HOUR_TIERS)] == [{}] * 4


def test_a_minute_without_calls_has_no_rollup(engine: sa.Engine) -> None:
    Saver(engine)([scored("a"), scored("b", NOON + 3 * MINUTE)])
    rebuild(engine, NOON, NOON + 3 * MINUTE)
    assert waiting(engine)[0] == 4
    assert recompute_dirty(engine) == 4
    assert [bucket for bucket, *_ in stored(engine)] == [NOON, NOON + 3 * MINUTE]


def test_a_rebuild_leaves_minutes_alone_whose_calls_were_dropped(engine: sa.Engine) -> None:
    """Rollups are kept for months after their calls."""
    Saver(engine)([scored("old", NOON - timedelta(days=2)), scored("new")])
    recompute_all(engine)
    before = stored(engine)
    with engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM calls WHERE call_id = 'old'"))
    rebuild(engine, NOON - timedelta(days=3), NOON)
    recompute_all(engine)
    assert stored(engine) == before
    with engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM calls"))
    rebuild(engine, NOON - timedelta(days=3), NOON)
    assert waiting(engine)[0] == 0


# -------------------------------------------------------------------------------------------------- helpers


class Died(Exception):
    """What is raised in place of a commit."""


@contextmanager
def dying(engine: sa.Engine) -> Iterator[None]:
    """The work ends just before its first commit, as if its process were killed."""

    def die(_connection: sa.Connection) -> None:
        raise Died

    sa.event.listen(engine, "commit", die)
    try:
        with pytest.raises(Died):
            yield
    finally:
        sa.event.remove(engine, "commit", die)


class Saver:
    """Saves calls as one worker does, batch after batch."""

    def __init__(self, engine: sa.Engine, partition: int = 0) -> None:
        self._store = PostgresStore(engine)
        self._partition = PARTITION._replace(partition=partition)
        self._next: int | None = None

    def __call__(self, calls: Sequence[ScoredCall]) -> None:
        end = (self._next or 0) + 1
        self._store.save(Batch(tuple(calls), (), {self._partition: OffsetMove(self._next, end, 1, end)}))
        self._next = end


#: As the leader recomputes dirty minutes.
recompute_related = partial(recompute_dirty, relate=relate)


def recompute_all(engine: sa.Engine) -> None:
    while recompute_related(engine):
        pass
    assert waiting(engine)[0] == 0


def expected(seen: Iterable[ScoredCall], tier: str = "rollup_1m") -> Rollups:
    """What a tier should have, computed from the calls one by one."""
    width = HOUR if tier.endswith("1h") else MINUTE
    buckets: dict[tuple[datetime, str, str], list[tuple[ScoredCall, RequestTruth]]] = {}
    for one, truth in in_requests(unique(seen)):
        at = one.call.started_at
        bucket = at - (at - NOON) % width
        model = "" if "service" in tier else one.call.model_served
        buckets.setdefault((bucket, one.call.service, model), []).append((one, truth))
    return {
        key: {**rollup([one for one, _ in told]), **of_requests([truth for _, truth in told])}
        for key, told in buckets.items()
    }


def in_requests(calls: Iterable[ScoredCall]) -> Iterator[tuple[ScoredCall, RequestTruth]]:
    """Each call with the score that it has among those of its request, and what it tells of that.

    Of calls with one id those of ``MINUTES`` that are near each other are one request.
    """
    requests: dict[tuple[str, int], list[ScoredCall]] = {}
    for one in calls:
        near = round((one.call.started_at - NOON) / (12 * HOUR))
        requests.setdefault((one.call.request_id or one.call.call_id, near), []).append(one)
    for request in requests.values():
        found = relate([attempt_of(one.call, one.scores.fallback, one.scores.cost) for one in request])
        for one, related in zip(request, found, strict=True):
            score = structs.replace(one.scores, fallback=related.fallback)
            yield structs.replace(one, scores=score), related.request


def of_requests(told: Sequence[RequestTruth]) -> dict[str, Any]:
    """What is counted and summed of requests."""
    firsts = [truth for truth in told if truth.attempts]
    return {
        "requests": len(firsts),
        "requests_failed": sum(not truth.answered for truth in firsts),
        "requests_rescued": sum(bool(truth.answered) for truth in firsts if truth.attempts > 1),
        "request_extra_ms": pytest.approx(math.fsum(truth.extra_ms or 0 for truth in firsts), rel=1e-6),
        "request_extra_cost": sum(truth.extra_cost or 0 for truth in firsts),
    }


def rollup(calls: Sequence[ScoredCall]) -> dict[str, Any]:
    outcomes = Counter(f"{score}_{getattr(one.scores, score).outcome}" for one in calls for score in OUTCOMES)
    failed = [one.call.error for one in calls if one.call.status == "error"]
    classes = Counter(error.category if error else ErrorCategory.OTHER for error in failed)
    return {
        "calls": len(calls),
        "errors": len(failed),
        **{f"errors_{category}": classes[category] for category in ErrorCategory},
        **{name: outcomes[name] for name in OUTCOME_COLUMNS},
        **{
            f"uncaptured_{what}": sum(not getattr(one.call.captured, what) for one in calls)
            for what in CAPTURES
        },
        **sums(calls),
        "input_tokens": sum(one.call.usage.input_tokens or 0 for one in calls),
        "output_tokens": sum(one.call.usage.output_tokens or 0 for one in calls),
        **histogram("duration", calls),
        **histogram("ttft", calls),
        **measured(calls),
    }


def histogram(of: str, calls: Sequence[ScoredCall]) -> dict[str, Any]:
    """The sum and the histogram of a duration."""
    durations = durations_of(calls, of)
    return {f"{of}_sum_ms": pytest.approx(math.fsum(durations)), **pairs(of, map(log_bucket, durations))}


def log_bucket(value: float) -> int:
    return math.ceil(math.log(clamped(value)) / math.log(1.02))


def measured(calls: Sequence[ScoredCall]) -> dict[str, Any]:
    """The histograms of tokens, of cost and of the risks."""
    found: dict[str, Any] = {}
    for of in ("input_tokens", "output_tokens"):
        known = [value for one in calls if (value := getattr(one.call.usage, of)) is not None]
        found |= pairs(of, map(log_bucket, known))
    costs = [cost for one in calls if (cost := one.scores.cost) is not None]
    found |= pairs("cost", (log_bucket(cost * 1e6) for cost in costs))
    for of in ("tools", "grounding"):
        risks = [risk for one in calls if (risk := getattr(one.scores, of).risk) is not None]
        found |= pairs(f"{of}_risk", (round(risk * 100) for risk in risks))
    return found


def pairs(of: str, buckets: Iterable[int]) -> dict[str, Any]:
    counts = Counter(buckets)
    return {f"{of}_buckets": sorted(counts), f"{of}_counts": [counts[one] for one in sorted(counts)]}


def sums(calls: Sequence[ScoredCall]) -> dict[str, float]:
    """What is counted and summed besides outcomes and requests."""
    tools = [risk for one in calls if (risk := one.scores.tools.risk) is not None]
    grounding = [risk for one in calls if (risk := one.scores.grounding.risk) is not None]
    costs = [cost for one in calls if (cost := one.scores.cost) is not None]
    return {
        "json_recoverable": sum(bool(one.scores.json.recoverable) for one in calls),
        "tools_rated": len(tools),
        "tools_risky": sum(risk >= RISKY for risk in tools),
        "tools_risk_sum": sum(tools),
        "grounding_rated": len(grounding),
        "grounding_risky": sum(risk >= RISKY for risk in grounding),
        "grounding_risk_sum": sum(grounding),
        "costed": len(costs),
        "cost": sum(costs),
    }


def unique(seen: Iterable[ScoredCall]) -> list[ScoredCall]:
    return list({(one.call.started_at, one.call.call_id): one for one in seen}.values())


def durations_of(calls: Iterable[ScoredCall], of: str = "duration") -> list[float]:
    """The durations of those that have one, as a column of type real keeps them."""
    known = [value for one in calls if (value := getattr(one.call, f"{of}_ms")) is not None]
    return list(struct.unpack(f"{len(known)}f", struct.pack(f"{len(known)}f", *known)))


def clamped(duration: float) -> float:
    """What the ends of a histogram make of a duration in milliseconds."""
    return min(max(duration, 0.01), 86_400_000.0)
