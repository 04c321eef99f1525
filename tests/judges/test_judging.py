"""The second stage: what becomes of picked calls, whatever the judge does and however long it takes."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from concurrent import futures
from concurrent.futures import Future
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from structlog.testing import capture_logs

from monitor.errors import Permanent, Transient
from monitor.judges import Judge, NoVerdict, Reason, Verdict
from monitor.judges.bounds import MAX_FAILURES, MAX_PAUSE_S, PAUSE_S
from monitor.judges.judging import MAX_REMEMBERED
from monitor.records import Call, GroundingOutcome, JudgeOutcome, JudgeScore, Versions
from tests.judges.fakes import SECRET, FakeJudge, HangingJudge, grounded
from tests.judges.stage import Stage


@pytest.fixture
def stage() -> Iterator[Callable[..., Stage]]:
    made: list[Stage] = []

    def make(judge: Judge | Verdict | Exception | Callable[[Call], Verdict], **settings: Any) -> Stage:
        is_judge = isinstance(judge, FakeJudge | HangingJudge)
        made.append(Stage(judge if is_judge else FakeJudge(judge), **settings))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for one in made:
        one.close()


Make = Callable[..., Stage]


# ------------------------------------------------------------------------------------------------- verdicts


@pytest.mark.parametrize(
    ("risk", "outcome"),
    [
        (0, "supported"),
        (0.4999, "supported"),
        (0.5, "suspect"),
        (0.7999, "suspect"),
        (0.8, "unsupported"),
        (1, "unsupported"),
    ],
)
def test_the_risk_decides_the_outcome(stage: Make, risk: float, outcome: str) -> None:
    assert stage(Verdict(risk)).say(grounded()) == [(outcome, risk, "fake")]


def test_a_word_of_the_judge_is_stored_without_what_postgres_would_refuse(stage: Make) -> None:
    ((_, _, detail),) = stage(Verdict(0.1, detail="one\0two\n\ud800" + "x" * 500)).say(grounded())
    assert detail == "fake: onetwo" + "x" * 71


def test_only_what_is_picked_changes_and_the_order_stays(stage: Make) -> None:
    judge = FakeJudge(Verdict(0.9))
    calls = [
        grounded("a", GroundingOutcome.SUPPORTED),
        grounded("b"),
        grounded("c", GroundingOutcome.UNKNOWN),
        grounded("d", GroundingOutcome.UNSUPPORTED),
    ]
    judged = stage(judge).judged(calls)
    assert [scored.call for scored in judged] == [scored.call for scored in calls]
    assert [judged[place] == calls[place] for place in range(4)] == [True, False, True, False]
    assert judged[0].scores.judge == JudgeScore(JudgeOutcome.NOT_APPLICABLE)
    assert judge.asked == ["b", "d"]


def test_the_version_of_the_judge_goes_with_its_score(stage: Make) -> None:
    assert stage(Verdict(0.1)).judged([grounded()])[0].scores.versions == Versions(judge=3)
    failed = stage(NoVerdict(Reason.TOO_LONG)).judged([grounded()])[0]
    assert failed.scores.versions == Versions(judge=3)


def test_a_batch_without_a_picked_call_waits_for_nothing(stage: Make) -> None:
    subject = stage(Verdict(0.1))
    assert subject.judged([]) == []
    subject.judged([grounded(outcome=GroundingOutcome.SUPPORTED)])
    assert subject.waits == []


# ----------------------------------------------------------------------------------------------- no verdict


@pytest.mark.parametrize("reason", list(Reason))
def test_a_judge_that_has_no_verdict_says_why(stage: Make, reason: Reason) -> None:
    subject = stage(NoVerdict(reason))
    assert subject.say(grounded()) == [("unknown", None, f"fake: {reason}")]
    assert subject.metric("no_verdict_total", reason=reason) == 1


@pytest.mark.parametrize(
    ("raises", "reason"),
    [
        (Transient("away"), "unreachable"),
        (Permanent("the key is wrong"), "refused"),
        (ZeroDivisionError(SECRET), "failed"),
        (RecursionError(), "failed"),
        (NoVerdict("a word of its own"), "failed"),  # type: ignore[arg-type]
    ],
)
def test_whatever_a_judge_raises_costs_the_call_its_verdict_only(
    stage: Make, raises: Exception, reason: str
) -> None:
    assert stage(raises).say(grounded()) == [("unknown", None, f"fake: {reason}")]


def test_a_judge_that_wants_to_end_the_process_ends_nothing(stage: Make) -> None:
    def leave(_: Call) -> Verdict:
        raise SystemExit

    subject = stage(leave)
    assert subject.say(grounded("a"), grounded("b")) == [("unknown", None, "fake: failed")] * 2


@pytest.mark.parametrize(
    "verdict",
    [
        None,
        0.5,
        Verdict(1.5),
        Verdict(-0.1),
        Verdict(float("nan")),
        Verdict("0.5"),  # type: ignore[arg-type]
        Verdict(0.5, cost=-1.0),
        Verdict(0.5, cost=float("inf")),
        Verdict(0.5, detail=7),  # type: ignore[arg-type]
    ],
)
def test_a_verdict_that_is_none_is_a_bug_of_the_judge(stage: Make, verdict: Any) -> None:
    assert stage(lambda _: verdict).say(grounded()) == [("unknown", None, "fake: failed")]


def test_a_bug_of_a_judge_is_logged_without_its_message(stage: Make) -> None:
    def fail(call: Call) -> Verdict:
        raise KeyError(f"{SECRET} {call.outputs}")

    with capture_logs() as logs:
        stage(fail).say(grounded(answer=SECRET))
    (line,) = [line for line in logs if line["event"] == "judge failed"]
    assert line["type"] == "KeyError"
    assert "test_judging.py:" in line["at"]
    assert SECRET not in repr(logs)


def test_what_a_person_has_to_mend_is_logged(stage: Make) -> None:
    with capture_logs() as logs:
        stage(Permanent("the endpoint answered 401")).say(grounded())
    assert ("judge needs a person", "the endpoint answered 401") in [
        (line["event"], line.get("reason")) for line in logs
    ]


# --------------------------------------------------------------------------------------------------- bounds


def test_over_the_rate_calls_are_saved_without_a_verdict(stage: Make) -> None:
    subject = stage(Verdict(0.1), per_minute=2)
    batch = [grounded(f"c{number}") for number in range(4)]
    assert [detail for _, _, detail in subject.say(*batch)] == ["fake", "fake"] + ["fake: over_rate"] * 2
    subject.later(60)
    assert subject.say(grounded("later")) == [("supported", 0.1, "fake")]


def test_over_the_days_cost_calls_are_saved_without_a_verdict(stage: Make) -> None:
    subject = stage(FakeJudge(Verdict(0.1, cost=0.4), max_cost=0.5), cost_per_day=1.0)
    batch = [grounded(f"c{number}") for number in range(3)]
    assert [detail for _, _, detail in subject.say(*batch)] == ["fake", "fake", "fake: over_budget"]
    assert subject.metric("cost_dollars_total") == pytest.approx(0.8)
    subject.later(86_400)
    assert subject.say(grounded("tomorrow")) == [("supported", 0.1, "fake")]


@pytest.mark.parametrize(
    ("answer", "counted"),
    [
        (Verdict(0.1, cost=0.125), 0.125),
        (Verdict(0.1), 0.5),
        (NoVerdict(Reason.SERVER_ERROR), 0.0),
        (NoVerdict(Reason.MALFORMED, cost=0.25), 0.25),
        (NoVerdict(Reason.TIMEOUT, cost=None), 0.5),
        (NoVerdict(Reason.MALFORMED, cost=float("nan")), 0.5),
        (NoVerdict(Reason.MALFORMED, cost=-3.0), 0.5),
        (ZeroDivisionError(), 0.5),
    ],
)
def test_what_a_question_cost_is_counted_and_what_nobody_knows_as_the_dearest(
    stage: Make, answer: Verdict | Exception, counted: float
) -> None:
    subject = stage(FakeJudge(answer, max_cost=0.5))
    subject.say(grounded())
    assert subject.metric("cost_dollars_total") == counted
    assert subject.metric("seconds_count") == 1


def test_after_failures_in_a_row_the_judge_is_not_asked_for_a_while(stage: Make) -> None:
    judge = FakeJudge(NoVerdict(Reason.SERVER_ERROR))
    subject = stage(judge)
    batch = [grounded(f"c{number}") for number in range(MAX_FAILURES + 2)]
    assert [detail for _, _, detail in subject.say(*batch)] == (
        ["fake: server_error"] * MAX_FAILURES + ["fake: paused"] * 2
    )
    assert subject.metric("pauses_total") == 1
    judge.answer = Verdict(0.1)
    subject.later(PAUSE_S)
    assert subject.say(grounded("later")) == [("supported", 0.1, "fake")]


@pytest.mark.parametrize(
    ("answer", "pause_s"),
    [
        (NoVerdict(Reason.RATE_LIMITED, pause_s=20.0), 20.0),
        (Permanent("the key is wrong"), MAX_PAUSE_S),
    ],
)
def test_a_judge_that_asks_for_a_pause_or_a_person_is_left_alone(
    stage: Make, answer: Exception, pause_s: float
) -> None:
    judge = FakeJudge(answer)
    subject = stage(judge)
    subject.say(grounded("a"))
    subject.later(pause_s - 1)
    assert subject.say(grounded("b")) == [("unknown", None, "fake: paused")]
    subject.later(1)
    subject.say(grounded("c"))
    assert judge.asked == ["a", "c"]


@pytest.mark.parametrize("reason", [Reason.FILTERED, Reason.TOO_LONG])
def test_calls_that_nobody_would_judge_do_not_pause_the_judge(stage: Make, reason: Reason) -> None:
    """Or whoever writes the calls could switch it off."""
    judge = FakeJudge(NoVerdict(reason))
    stage(judge).say(*(grounded(f"c{number}") for number in range(3 * MAX_FAILURES)))
    assert len(judge.asked) == 3 * MAX_FAILURES


# ----------------------------------------------------------------------------------------------------- time


def test_a_question_gets_what_is_left_of_the_wait_and_none_begins_in_its_second_half(stage: Make) -> None:
    def take_a_while(_: Call) -> Verdict:
        subject.seconds += 0.75
        return Verdict(0.1)

    judge = FakeJudge(take_a_while)
    subject = stage(judge)
    said = subject.say(*(grounded(f"c{number}") for number in range(4)))
    assert judge.timeouts == pytest.approx([1.8, 1.05])
    assert [detail for _, _, detail in said] == ["fake", "fake", "fake: timeout", "fake: timeout"]
    assert subject.waits == [2.0]


def test_a_verdict_that_comes_too_late_is_none_and_a_failure(stage: Make) -> None:
    def take_too_long(_: Call) -> Verdict:
        subject.seconds += 1.9
        return Verdict(0.1)

    subject = stage(take_too_long, per_minute=1_000)
    for number in range(MAX_FAILURES):
        assert subject.say(grounded(f"c{number}")) == [("unknown", None, "fake: timeout")]
    assert subject.say(grounded("next")) == [("unknown", None, "fake: paused")]


def test_a_judge_that_hangs_costs_one_wait_and_then_none_until_a_thread_is_free(stage: Make) -> None:
    judge = HangingJudge()

    def wait_until_both_hang(asked: Collection[Future[Any]]) -> None:
        if len(subject.waits) == 1:
            assert judge.asked.acquire(timeout=30)
            assert judge.asked.acquire(timeout=30)
        else:
            futures.wait(asked, 30)

    subject = stage(judge, wait=wait_until_both_hang, concurrency=2, cost_per_day=10.0)
    threads = set(threading.enumerate())
    batch = [grounded(f"c{number}") for number in range(3)]
    assert subject.say(*batch) == [("unknown", None, "fake: timeout")] * 3
    for number in range(10):
        assert subject.say(grounded(f"d{number}")) == [("unknown", None, "fake: busy")]
    assert subject.waits == [2.0]
    assert set(threading.enumerate()) <= threads
    assert subject.metric("no_verdict_total", reason="busy") == 10
    judge.released.set()
    ids = (f"e{number}" for number in count())
    until(lambda: subject.say(grounded(next(ids))) != [("unknown", None, "fake: busy")])


# ----------------------------------------------------------------------------------------------------- laws

_ANSWERS = st.one_of(
    st.builds(Verdict, st.floats(0, 1), st.one_of(st.none(), st.floats(0, 0.25))),
    st.builds(NoVerdict, st.sampled_from(Reason), cost=st.one_of(st.none(), st.floats(0, 0.25))),
    st.builds(NoVerdict, st.sampled_from(Reason), pause_s=st.floats(0, 100)),
    st.sampled_from([Transient("away"), Permanent("wrong"), ValueError("bug"), SystemExit(), None]),
)


@given(st.lists(st.lists(st.tuples(_ANSWERS, st.sampled_from(GroundingOutcome)), max_size=6), max_size=6))
def test_whatever_a_judge_does_every_call_goes_on_once_and_in_order(
    batches: list[list[tuple[Verdict | BaseException | None, GroundingOutcome]]],
) -> None:
    def say(call: Call) -> Verdict:
        answer = answers[call.call_id]
        if isinstance(answer, BaseException):
            raise answer
        return answer  # type: ignore[return-value]

    answers: dict[str, Verdict | BaseException | None] = {}
    judge = FakeJudge(say, max_cost=0.25)
    subject = Stage(judge, per_minute=10, cost_per_day=2.0, concurrency=2)
    said: Counter[str] = Counter()
    for number, batch in enumerate(batches):
        calls = [grounded(f"{number}-{place}", outcome) for place, (_, outcome) in enumerate(batch)]
        answers |= {call.call.call_id: answer for call, (answer, _) in zip(calls, batch, strict=True)}
        judged = subject.judged(calls)
        assert [one.call for one in judged] == [one.call for one in calls]
        for before, after in zip(calls, judged, strict=True):
            picked = before.scores.grounding.outcome in ("suspect", "unsupported")
            assert (after.scores.judge.outcome != "not_applicable") == picked
            assert structs.replace(after.scores, judge=JudgeScore(JudgeOutcome.NOT_APPLICABLE)) == (
                structs.replace(before.scores, versions=Versions(judge=3 if picked else 0))
            )
            said[after.scores.judge.outcome] += 1
        subject.later(30)
    subject.close()
    assert len(set(judge.asked)) == len(judge.asked)
    assert sum(subject.metric("no_verdict_total", reason=reason) or 0 for reason in Reason) == said["unknown"]
    assert (subject.metric("cost_dollars_total") or 0) <= 2.0 + 1e-9


# --------------------------------------------------------------------------------------------------- memory


def test_a_batch_that_is_put_together_anew_does_not_ask_anew(stage: Make) -> None:
    judge = FakeJudge(lambda call: Verdict(0.9) if call.call_id == "a" else raise_(NoVerdict(Reason.TIMEOUT)))
    subject = stage(judge)
    batch = [grounded("a"), grounded("b")]
    first = subject.judged(batch)
    assert subject.judged(batch) == first
    assert judge.asked == ["a", "b"]
    assert subject.waits == [2.0, 2.0]
    assert subject.metric("no_verdict_total", reason="timeout") == 1


def test_a_call_that_has_more_content_by_then_is_asked_about_anew(stage: Make) -> None:
    judge = FakeJudge(Verdict(0.9))
    subject = stage(judge)
    subject.judged([grounded("a", answer="In 1937.")])
    subject.judged([grounded("a", answer="In 1937, in May.")])
    assert judge.asked == ["a", "a"]


def test_a_call_that_comes_twice_in_a_batch_is_asked_about_once(stage: Make) -> None:
    judge = FakeJudge(Verdict(0.9))
    assert stage(judge).say(grounded("a"), grounded("a")) == [("unsupported", 0.9, "fake")] * 2
    assert judge.asked == ["a"]


def test_the_memory_is_bounded_and_forgets_the_oldest(stage: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_REMEMBERED >= 1_000
    monkeypatch.setattr("monitor.judges.judging.MAX_REMEMBERED", 3)
    judge = FakeJudge(Verdict(0.9))
    subject = stage(judge)
    for call_id in ("a", "b", "c", "d", "b", "a"):
        subject.judged([grounded(call_id)])
    assert judge.asked == ["a", "b", "c", "d", "a"]


def raise_(error: Exception) -> Verdict:
    raise error


def until(holds: Callable[[], bool]) -> None:
    """Ask until it holds; pytest's timeout is the end."""
    while not holds():
        pass
