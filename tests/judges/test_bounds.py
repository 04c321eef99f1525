"""The bounds of a judge: laws of rate and cost, and the pauses after failures."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.clock import ManualClock
from monitor.judges import Bounds, Reason
from monitor.judges.bounds import MAX_FAILURES, MAX_PAUSE_S, PAUSE_S

START = datetime(2026, 3, 10, 12, tzinfo=UTC)


class Subject:
    """Bounds, and the time that they see.

    Attributes:
        bounds: the bounds.
        seconds: of the monotonic clock.
    """

    def __init__(self, *, per_minute: int = 1_000, cost_per_day: float = 1.0, max_cost: float = 0.0) -> None:
        self.seconds = 100.0
        self._clock = ManualClock(START)
        self.bounds = Bounds(
            per_minute=per_minute,
            cost_per_day=cost_per_day,
            max_cost=max_cost,
            clock=self._clock,
            monotonic=lambda: self.seconds,
        )

    def later(self, seconds: float) -> None:
        """Time goes by."""
        self.seconds += seconds
        self._clock.advance(timedelta(seconds=seconds))

    def admitted(self) -> date:
        """The day that pays for a question."""
        day = self.bounds.admit()
        assert not isinstance(day, Reason)
        return day


# ----------------------------------------------------------------------------------------------------- rate


@given(st.integers(1, 5), st.lists(st.floats(0, 40), max_size=40))
def test_no_sixty_seconds_have_more_questions_than_a_minute_may(per_minute: int, gaps: list[float]) -> None:
    subject = Subject(per_minute=per_minute)
    admitted: list[float] = []
    for gap in gaps:
        subject.later(gap)
        answer = subject.bounds.admit()
        recent = [at for at in admitted if subject.seconds - at < 60]
        assert (answer is Reason.OVER_RATE) == (len(recent) == per_minute)
        if answer is not Reason.OVER_RATE:
            admitted.append(subject.seconds)


# ----------------------------------------------------------------------------------------------------- cost

_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["ask", "settle"]),
        st.one_of(st.none(), st.floats(0, 0.25)),
        st.integers(0, 30_000),
    ),
    max_size=60,
)


@given(_STEPS)
def test_no_day_costs_more_than_a_day_may(steps: list[tuple[str, float | None, int]]) -> None:
    """Whatever the questions cost, whenever that is known, in whatever order, also over midnight."""
    subject = Subject(cost_per_day=1.0, max_cost=0.25)
    open_days: list[date] = []
    costs: dict[date, float] = {}
    for step, cost, gap in steps:
        subject.later(gap)
        if step == "ask":
            answer = subject.bounds.admit()
            if not isinstance(answer, Reason):
                open_days.append(answer)
        elif open_days:
            day = open_days.pop(0)
            counted = subject.bounds.settle(day, cost)
            assert counted == (0.25 if cost is None else cost)
            costs[day] = costs.get(day, 0.0) + counted
    assert all(spent <= 1.0 + 1e-9 for spent in costs.values())


def test_what_a_question_did_not_cost_can_be_spent_on_others() -> None:
    subject = Subject(cost_per_day=1.0, max_cost=0.5)
    for _ in range(6):
        subject.bounds.settle(subject.admitted(), 0.1)
    assert subject.bounds.admit() is Reason.OVER_BUDGET


def test_a_question_whose_cost_nobody_knows_counts_as_the_dearest() -> None:
    subject = Subject(cost_per_day=1.0, max_cost=0.5)
    for _ in range(2):
        assert subject.bounds.settle(subject.admitted(), None) == 0.5
    assert subject.bounds.admit() is Reason.OVER_BUDGET


def test_the_next_day_has_its_own_budget_in_utc() -> None:
    subject = Subject(cost_per_day=0.5, max_cost=0.5)
    first = subject.admitted()
    subject.later(12 * 3_600 - 1)
    assert subject.bounds.admit() is Reason.OVER_BUDGET
    subject.later(1)
    assert subject.admitted() == first + timedelta(days=1)


def test_what_yesterdays_question_costs_is_not_todays() -> None:
    subject = Subject(cost_per_day=0.5, max_cost=0.5)
    yesterday = subject.admitted()
    subject.later(86_400)
    subject.admitted()
    subject.bounds.settle(yesterday, 0.0)
    assert subject.bounds.admit() is Reason.OVER_BUDGET


def test_a_clock_that_goes_back_over_midnight_gives_no_second_budget() -> None:
    subject = Subject(cost_per_day=0.5, max_cost=0.5)
    subject.admitted()
    subject.later(-86_400)
    assert subject.bounds.admit() is Reason.OVER_BUDGET


def test_a_judge_that_costs_nothing_is_not_bounded_by_cost() -> None:
    subject = Subject(cost_per_day=0.0, max_cost=0.0)
    subject.admitted()


# --------------------------------------------------------------------------------------------------- pauses


def test_after_some_failures_in_a_row_the_judge_is_left_alone_for_a_while() -> None:
    subject = Subject()
    begun = [subject.bounds.failed() for _ in range(MAX_FAILURES)]
    assert begun == [0.0] * (MAX_FAILURES - 1) + [PAUSE_S]
    assert subject.bounds.admit() is Reason.PAUSED
    subject.later(PAUSE_S)
    subject.admitted()


def test_after_a_pause_one_more_failure_is_enough_and_a_success_makes_all_well() -> None:
    subject = Subject()
    for _ in range(MAX_FAILURES):
        subject.bounds.failed()
    subject.later(PAUSE_S)
    assert subject.bounds.failed() == PAUSE_S
    subject.later(PAUSE_S)
    subject.bounds.succeeded()
    assert subject.bounds.failed() == 0.0
    subject.admitted()


def test_a_success_between_failures_breaks_the_row() -> None:
    subject = Subject()
    for _ in range(3 * MAX_FAILURES):
        for _ in range(MAX_FAILURES - 1):
            subject.bounds.failed()
        subject.bounds.succeeded()
    subject.admitted()


@pytest.mark.parametrize(("asked", "kept"), [(7.0, 7.0), (10 * MAX_PAUSE_S, MAX_PAUSE_S)])
def test_a_pause_that_is_asked_for_is_kept_up_to_an_hour(asked: float, kept: float) -> None:
    subject = Subject()
    assert subject.bounds.failed(asked) == kept
    subject.later(kept - 0.5)
    assert subject.bounds.admit() is Reason.PAUSED
    subject.later(0.5)
    subject.admitted()


def test_a_failure_during_a_pause_never_shortens_it_and_is_not_told_again() -> None:
    subject = Subject()
    subject.bounds.failed(100.0)
    assert subject.bounds.failed(1.0) == 0.0
    subject.later(50.0)
    assert subject.bounds.admit() is Reason.PAUSED


def test_a_question_that_is_not_admitted_takes_no_place() -> None:
    subject = Subject(per_minute=1, cost_per_day=0.5, max_cost=0.5)
    subject.admitted()
    subject.later(60)
    assert subject.bounds.admit() is Reason.OVER_BUDGET
    subject.later(86_400)
    subject.bounds.failed(1.0)
    assert subject.bounds.admit() is Reason.PAUSED
    subject.later(1)
    subject.admitted()
