"""The second stage: scored calls come in, and go out again, the picked ones with a ``judge`` score.

It stands between scoring and saving, and a batch waits for it no longer than it is told: whoever has no
verdict by then is saved as ``unknown``. Whatever a judge does (raise, hang, answer nonsense, cost too much),
it costs calls their verdict, and nothing else.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent import futures
from concurrent.futures import Future
from functools import partial

import msgspec
from msgspec import structs

from monitor import telemetry
from monitor.errors import Permanent, Transient
from monitor.judges.bounds import MAX_PAUSE_S, Bounds
from monitor.judges.judge import Judge, NoVerdict, Reason, Verdict
from monitor.judges.pick import Pick
from monitor.judges.pool import Pool
from monitor.records import JudgeOutcome, JudgeScore, ScoredCall

#: The share of a batch's wait in which a question may begin, so that each has the other half at least; and
#: the share by which it is to be answered, so that a judge that keeps to its time is done before the batch.
BEGIN_BY, ANSWER_BY = 0.5, 0.9

#: Verdicts that are remembered: those of some batches. A batch that is saved anew doesn't ask anew.
MAX_REMEMBERED = 10_000

#: Characters of a judge's own detail that are stored.
MAX_DETAIL = 80

#: Of one call, and no sign that the judge does not work.
_OF_THE_CALL = frozenset({Reason.FILTERED, Reason.TOO_LONG})


class Thresholds(msgspec.Struct, frozen=True):
    """The risks from which on an answer is ``suspect``, and ``unsupported``."""

    suspect: float = 0.5
    unsupported: float = 0.8

    def outcome(self, risk: float) -> JudgeOutcome:
        """What a risk amounts to."""
        if risk >= self.unsupported:
            return JudgeOutcome.UNSUPPORTED
        return JudgeOutcome.SUSPECT if risk >= self.suspect else JudgeOutcome.SUPPORTED


class _Times(msgspec.Struct, frozen=True):
    """When a question of this batch may begin and has to be answered, in seconds of the monotonic clock."""

    begin_by: float
    answer_by: float


class Judging:
    """Asks a judge about calls, within bounds.

    Args:
        judge: whom to ask.
        name: what it is called in details.
        pick: which calls it is asked about.
        thresholds: what its risks amount to.
        bounds: how much it may be asked.
        wait_s: seconds that a batch waits at most.
        concurrency: questions at the same time.
        metrics: where to count.
        monotonic: seconds that never go back.
        wait: waits until all of these are done, or that many seconds.
    """

    def __init__(
        self,
        judge: Judge,
        *,
        name: str,
        pick: Pick,
        thresholds: Thresholds,
        bounds: Bounds,
        wait_s: float,
        concurrency: int,
        metrics: telemetry.JudgeMetrics,
        monotonic: Callable[[], float] = time.monotonic,
        wait: Callable[[Collection[Future[Verdict | Reason]], float], object] = futures.wait,
    ) -> None:
        self._judge = judge
        self._name = name
        self._pick = pick
        self._thresholds = thresholds
        self._bounds = bounds
        self._wait_s = wait_s
        self._pool: Pool[Verdict | Reason] = Pool(concurrency)
        self._metrics = metrics
        self._monotonic = monotonic
        self._wait = wait
        self._remembered: OrderedDict[bytes, JudgeScore] = OrderedDict()

    def judged(self, calls: Sequence[ScoredCall]) -> list[ScoredCall]:
        """The calls in their order, those that are picked with the score of the judge.

        Takes ``wait_s`` seconds at most. Called by one thread, batch by batch.
        """
        picked = {place: _key(scored) for place, scored in enumerate(calls) if self._pick.picks(scored)}
        if not picked:
            return list(calls)
        new = {key: calls[place] for place, key in picked.items() if key not in self._remembered}
        scores = {key: self._remembered[key] for key in picked.values() if key not in new}
        with telemetry.span("ingest.judge", calls=len(new)):
            scores |= {key: self._score(answer) for key, answer in self._answers(new).items()}
        self._remember(scores)
        return [
            self._with(scored, scores[picked[place]]) if place in picked else scored
            for place, scored in enumerate(calls)
        ]

    def close(self) -> None:
        """Ask no more. Waits for nobody: a judge that hangs doesn't keep the process from ending."""
        self._pool.close()

    def _answers(self, calls: Mapping[bytes, ScoredCall]) -> dict[bytes, Verdict | Reason]:
        """What the judge says of these calls by the time the batch has waited."""
        if self._pool.exhausted():
            return dict.fromkeys(calls, Reason.BUSY)
        now = self._monotonic()
        times = _Times(now + self._wait_s * BEGIN_BY, now + self._wait_s * ANSWER_BY)
        asked = {key: self._pool.submit(partial(self._ask, scored, times)) for key, scored in calls.items()}
        self._wait(asked.values(), self._wait_s)
        return {key: _answer(future) for key, future in asked.items()}

    def _ask(self, scored: ScoredCall, times: _Times) -> Verdict | Reason:
        """Ask about one call, if the bounds allow it. Runs in a thread of the pool."""
        now = self._monotonic()
        if now > times.begin_by:
            return Reason.TIMEOUT
        day = self._bounds.admit()
        if isinstance(day, Reason):
            return day
        answer, cost, pause_s = self._asked(scored, times.answer_by - now)
        ended = self._monotonic()
        if isinstance(answer, Verdict) and ended > times.answer_by:
            answer = Reason.TIMEOUT
        self._metrics.asked(ended - now, self._bounds.settle(day, cost))
        if isinstance(answer, Verdict):
            self._bounds.succeeded()
        elif pause_s or answer not in _OF_THE_CALL:
            self._metrics.paused(answer, self._bounds.failed(pause_s))
        return answer

    def _asked(
        self, scored: ScoredCall, timeout_s: float
    ) -> tuple[Verdict | Reason, float | None, float | None]:
        """The judge's answer, its cost in US dollars, and the seconds of the pause that it asks for."""
        try:
            verdict = self._judge.judge(scored.call, scored.scores, timeout_s=timeout_s)
        except NoVerdict as error:
            reason = error.reason if isinstance(error.reason, Reason) else Reason.FAILED
            return reason, error.cost if _is_cost(error.cost) else None, error.pause_s
        except Transient:
            return Reason.UNREACHABLE, None, None
        except Permanent as error:
            self._metrics.refused(error)
            return Reason.REFUSED, None, MAX_PAUSE_S
        except Exception as error:  # noqa: BLE001 - the declared edge: a plug-in must not stop the rest
            self._metrics.bug(error)
            return Reason.FAILED, None, None
        if not _is_verdict(verdict):
            self._metrics.bug(TypeError("no verdict, or a risk that is not in 0..1"))
            return Reason.FAILED, None, None
        return verdict, verdict.cost, None

    def _score(self, answer: Verdict | Reason) -> JudgeScore:
        if isinstance(answer, Reason):
            self._metrics.no_verdict(answer)
            return JudgeScore(JudgeOutcome.UNKNOWN, None, f"{self._name}: {answer}")
        outcome = self._thresholds.outcome(answer.risk)
        detail = "".join(filter(str.isprintable, (answer.detail or "")[:MAX_DETAIL]))
        return JudgeScore(
            outcome, round(float(answer.risk), 4), f"{self._name}: {detail}" if detail else self._name
        )

    def _with(self, scored: ScoredCall, score: JudgeScore) -> ScoredCall:
        versions = structs.replace(scored.scores.versions, judge=self._judge.version)
        return ScoredCall(scored.call, structs.replace(scored.scores, judge=score, versions=versions))

    def _remember(self, scores: Mapping[bytes, JudgeScore]) -> None:
        """Keep these scores, and forget the oldest of the others where there are too many."""
        self._remembered.update(scores)
        while len(self._remembered) > MAX_REMEMBERED:
            self._remembered.popitem(last=False)


def _key(scored: ScoredCall) -> bytes:
    """What tells a call as the judge sees it from every other; it holds none of its content."""
    call = scored.call
    seen = (call.call_id, call.started_at, call.input, call.documents, call.outputs)
    return hashlib.blake2b(msgspec.msgpack.encode(seen), digest_size=16).digest()


def _answer(future: Future[Verdict | Reason]) -> Verdict | Reason:
    """What has come of a question when the wait is over; one that has not begun is never asked."""
    if future.cancel() or not future.done():
        return Reason.TIMEOUT
    return Reason.FAILED if future.exception() else future.result()


def _is_verdict(verdict: object) -> bool:
    """Whether a plug-in gave what it should: it is not checked by our types."""
    return (
        isinstance(verdict, Verdict)
        and isinstance(verdict.risk, float | int)
        and 0 <= verdict.risk <= 1
        and _is_cost(verdict.cost)
        and isinstance(verdict.detail, str | None)
    )


def _is_cost(cost: object) -> bool:
    return cost is None or (isinstance(cost, float | int) and math.isfinite(cost) and cost >= 0)
