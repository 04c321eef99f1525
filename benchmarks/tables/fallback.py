"""The ``fallback`` table: what became of simulated requests, beside the rules that a query could follow.

The simulation is real arrivals with errors, retries, failovers, canned replies and silent downgrades put in;
it says of every request what happened. It shows whether the logic is right, not how real traffic looks. There
is nothing to fit on it, so it has one split.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks._data import precision_recall, rows, timed
from monitor.records import (
    Attempt,
    Call,
    CallError,
    ErrorCategory,
    FallbackOutcome,
    FinishReason,
    Output,
    Related,
    RequestTruth,
    Source,
    Status,
    ToolCall,
    attempt_of,
)
from monitor.scorers.fallback import score_fallback
from monitor.scorers.fallback.models import Match, compare
from monitor.scorers.fallback.requests import relate

Event = dict[str, Any]

_START = datetime(2026, 1, 1, tzinfo=UTC)
_DATE = re.compile(r"-(?:\d{8}|\d{4}-\d\d-\d\d)$")

_CATEGORIES = {
    "rate_limit_exceeded": ErrorCategory.RATE_LIMIT,
    "timeout": ErrorCategory.TIMEOUT,
    "server_error": ErrorCategory.SERVER_ERROR,
}

#: What each kind of the simulation is to an application. An exhausted request may have had one attempt.
CLASSES = {
    "none": "none",
    "retry_success": "retry",
    "provider_failover": "fallback",
    "model_fallback": "fallback",
    "canned_response": "fallback",
    "silent_downgrade": "silent_downgrade",
    "exhausted": "not answered",
}


class Request(NamedTuple):
    """A simulated request: its truth and its events in their order."""

    truth: dict[str, Any]
    events: list[Event]


class Told(NamedTuple):
    """What we say of a request."""

    request: RequestTruth
    final: FallbackOutcome
    """The score of its last attempt: what the application got in the end."""
    cause: str | None
    """Why there was a second attempt."""
    model: str
    """Who answered, or ``""``."""

    @property
    def klass(self) -> str:
        """One of ``CLASSES``."""
        return self.final.value if self.request.answered else "not answered"


def table(data: Path, split: str) -> None:
    """Precision and recall of each class, of fallbacks as the references define them, and the truth told."""
    requests = simulation(data)
    calls = [call_of(event) for request in requests for event in request.events]
    scores, alone = timed(score_fallback, calls)
    attempts = iter(map(attempt_of, calls, scores))
    by_request = [[next(attempts) for _ in request.events] for request in requests]
    related, together = timed(relate, by_request)  # microseconds of a request
    told = [what_became(*pair) for pair in zip(by_request, related, strict=True)]
    print(f"\nfallback, {len(requests)} simulated requests (no {split} of its own)")
    for klass in sorted(set(CLASSES.values()) - {"none"}):
        labels = [CLASSES[request.truth["kind"]] == klass for request in requests]
        print(f"  {klass:46} {_shown([one.klass == klass for one in told], labels)} of {sum(labels)}")
    fallbacks = [bool(request.truth["is_fallback"]) for request in requests]
    ours = [one.klass in ("fallback", "silent_downgrade") for one in told]
    print(f"  {'fallback or silent downgrade':46} {_shown(ours, fallbacks)} (floor of scoring.md .99 / .99)")
    for name, (rule, published) in RULES.items():
        flags = [rule(request.events) for request in requests]
        print(f"  {f'reference: {name}':46} {_shown(flags, fallbacks)} (published {published})")
    wrong = [wrongly_told(*pair) for pair in zip(requests, told, strict=True)]
    for what in ("attempts", "answered", "model", "extra_ms", "cause"):
        print(
            f"  {f'{what} of the request':46} {sum(what not in one for one in wrong)} of {len(wrong)} right"
        )
    per_call = alone + together * len(requests) / len(calls)
    print(f"  {per_call:.1f} µs per call: {alone:.1f} alone, the rest in its request")


def simulation(data: Path) -> list[Request]:
    """The simulated requests with their events."""
    folder = data / "scoring" / "traces"
    events: dict[str, list[Event]] = defaultdict(list)
    for event in rows(folder / "fallback_sim.events.jsonl.gz"):
        events[event["trace_id"]].append(event)
    return [
        Request(truth, sorted(events[truth["trace_id"]], key=lambda event: float(event["ts"])))
        for truth in rows(folder / "fallback_sim.truth.jsonl.gz")
    ]


def call_of(event: Event) -> Call:
    """An event as the call that a decoder would make of it."""
    failed = event["error_type"]
    finish = event["finish_reason"]
    reason = FinishReason.TOOL_CALL if finish == "tool_calls" else FinishReason(finish or "unknown")
    tools = (ToolCall("a_tool", "{}"),) if reason is FinishReason.TOOL_CALL else ()
    answer = Output(event["content"] or "", tool_calls=tools, finish_reason=reason)
    return Call(
        call_id=f"{event['trace_id']}-{event['ts']}",
        request_id=event["trace_id"],
        started_at=_START + timedelta(seconds=event["ts"]),
        duration_ms=(event["end"] - event["ts"]) * 1000,
        attempt=(event["attempt"] or 0) + 1,
        provider=event["provider"],
        model_requested=event["requested_model"],
        model_served=event["response_model"] or "",
        status=Status.ERROR if failed else Status.OK,
        error=CallError(failed, _CATEGORIES[failed], event["status"]) if failed else None,
        outputs=() if failed else (answer,),
        source=Source("benchmark"),
    )


def what_became(attempts: Sequence[Attempt], related: Sequence[Related]) -> Told:
    """What the first and the last attempt of a request tell."""
    request, last = related[0].request, related[-1]
    answering = attempts[-1].model_served if request.attempts == 1 else request.model
    model = (answering or "") if request.answered else ""
    return Told(request, last.fallback.outcome, related[min(1, len(related) - 1)].fallback.cause, model)


def wrongly_told(request: Request, told: Told) -> list[str]:
    """Which parts of what is told of a request are not what happened."""
    (truth, events), kind = request, request.truth["kind"]
    answering = "" if kind == "exhausted" else events[-1]["response_model"]
    meant = (truth["served"] or "").rpartition("/")[2]
    reason = "no_answer" if truth["first_reason"] == "empty" else truth["first_reason"]
    is_right = {
        # A canned reply is logged like a call, and no attempt in the truth.
        "attempts": told.request.attempts == truth["attempts"] + (kind == "canned_response"),
        "answered": told.request.answered == (kind != "exhausted"),
        "model": told.model == answering and (kind in _NOT_AS_MEANT or _is_same(meant, answering)),
        "extra_ms": math.isclose(
            told.request.extra_ms or 0.0, (events[-1]["ts"] - events[0]["ts"]) * 1000, abs_tol=0.01
        ),
        "cause": len(events) == 1 or told.final in _ITS_OWN_CAUSE or told.cause == reason,
    }
    return [what for what, right in is_right.items() if not right]


#: Kinds whose truth doesn't name the model that answered: nobody, no model, another than was meant to.
_NOT_AS_MEANT = ("exhausted", "canned_response", "silent_downgrade")

#: Where the cause that is told is not that of the first attempt: why the last failed, or why a model changed.
_ITS_OWN_CAUSE = (FallbackOutcome.EXHAUSTED, FallbackOutcome.SILENT_DOWNGRADE)


def _is_same(one: str, other: str) -> bool:
    return compare(one, other) is Match.SAME


def _changed(is_same: Callable[[str, str], bool], events: Sequence[Event]) -> bool:
    """Whether another provider was asked, or another family answered than was asked for at first."""
    first = events[0]
    return any(
        event["provider"] != first["provider"]
        or (event["response_model"] and not is_same(event["response_model"], first["requested_model"]))
        for event in events
    )


def _share_a_prefix(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)


def _are_equal_undated(one: str, other: str) -> bool:
    return _DATE.sub("", one) == _DATE.sub("", other)


#: The reference rules of scoring.md, section 4, with its figures on the hidden half: precision / recall.
RULES: dict[str, tuple[Callable[[Sequence[Event]], bool], str]] = {
    "any requested ≠ response": (
        lambda events: any(
            (event["response_model"] or "") not in ("", event["requested_model"]) for event in events
        ),
        ".044 / .818",
    ),
    "more than one attempt": (lambda events: len(events) > 1, ".707 / .934"),
    "provider or family changed, prefix": (partial(_changed, _share_a_prefix), "1.000 / .959"),
    "the same, date suffixes stripped": (partial(_changed, _are_equal_undated), "1.000 / .992"),
}


def _shown(flags: Sequence[bool], labels: Sequence[bool]) -> str:
    precision, recall = precision_recall(flags, labels)
    return f"P {precision:.3f} R {recall:.3f}"
