"""A judge that says what it is told to, and calls for it to judge."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from monitor.judges import Verdict
from monitor.records import (
    Call,
    Document,
    GroundingOutcome,
    GroundingScore,
    Message,
    Output,
    Part,
    ScoredCall,
    Scores,
)
from tests.examples import call, scores

#: Words of the calls that no error, log or detail may hold.
SECRET = "hunter2"


class FakeJudge:
    """Answers as it is told to.

    Args:
        answer: a verdict, what to raise, or what to do with a call.
        max_cost: US dollars.

    Attributes:
        asked: the ids of the calls that it was asked about, in order.
        timeouts: the seconds that it had for each.
    """

    version = 3

    def __init__(
        self, answer: Verdict | Exception | Callable[[Call], Verdict], max_cost: float = 0.0
    ) -> None:
        self.answer = answer
        self.max_cost = max_cost
        self.asked: list[str] = []
        self.timeouts: list[float] = []

    def judge(self, call: Call, scores: Scores, *, timeout_s: float) -> Verdict:
        """See ``Judge.judge``."""
        self.asked.append(call.call_id)
        self.timeouts.append(timeout_s)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer if isinstance(self.answer, Verdict) else self.answer(call)


class HangingJudge:
    """Never answers before it is let go.

    Attributes:
        asked: released once for each question.
        released: set it to let all questions go.
    """

    version = 1
    max_cost = 0.5

    def __init__(self) -> None:
        self.asked = threading.Semaphore(0)
        self.released = threading.Event()

    def judge(self, call: Call, scores: Scores, *, timeout_s: float) -> Verdict:
        """See ``Judge.judge``; does not keep to ``timeout_s``."""
        self.asked.release()
        self.released.wait(60)
        return Verdict(0.9)


def answered_call(call_id: str = "c1", answer: str = "It opened in 1937.", **fields: Any) -> Call:
    """An answer to a document."""
    return call(
        call_id,
        **{
            "input": (Message("user", (Part(content="When did the bridge open?"),)),),
            "documents": (Document("The bridge opened in 1937, after four years of work."),),
            "outputs": (Output(text=answer),),
            **fields,
        },
    )


def grounded(
    call_id: str = "c1", outcome: GroundingOutcome = GroundingOutcome.SUSPECT, **fields: Any
) -> ScoredCall:
    """An answer to a document with this outcome of the grounding score."""
    return ScoredCall(answered_call(call_id, **fields), with_grounding(outcome))


def with_grounding(outcome: GroundingOutcome) -> Scores:
    """Scores with this outcome of grounding."""
    base = scores()
    return Scores(base.json, base.tools, GroundingScore(outcome, 0.6), base.fallback)


def make_fake(options: Mapping[str, Any]) -> FakeJudge:
    """The factory of a plug-in: ``tests.judges.fakes:make_fake``."""
    return FakeJudge(Verdict(options.get("risk", 0.1)), options.get("max_cost", 0.0))
