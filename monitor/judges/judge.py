"""What a judge is: a call and its scores go in, how likely its answer is made up comes out."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

import msgspec

from monitor.errors import MonitorError
from monitor.records import Call, Scores


class Verdict(msgspec.Struct, frozen=True):
    """What a judge says of one call."""

    risk: float
    """0..1: how likely the answer says what its context does not. It alone decides the outcome."""
    cost: float | None = None
    """US dollars that this verdict cost; null where the judge can't tell: it counts as ``max_cost`` then."""
    detail: str | None = None
    """A word or two that is stored with the score. Never a piece of the call: no content is stored."""


class Reason(StrEnum):
    """Why a call that was picked got no verdict. A closed list: it is stored, and the label of a metric."""

    OVER_RATE = "over_rate"
    """``judge.per_minute`` is used up."""
    OVER_BUDGET = "over_budget"
    """``judge.cost_per_day`` is used up, or this call might go over it."""
    PAUSED = "paused"
    """After several failures in a row, or because the judge's server asked for a pause."""
    BUSY = "busy"
    """A judge that does not keep to its time holds every thread."""
    TIMEOUT = "timeout"
    """There was none within ``judge.wait``."""
    UNREACHABLE = "unreachable"
    """No connection, or a broken one."""
    RATE_LIMITED = "rate_limited"
    """The judge's server says that it is asked too much."""
    SERVER_ERROR = "server_error"
    """The judge's server failed."""
    REFUSED = "refused"
    """The judge's server does not take such requests: a key, a model or an address is wrong."""
    FILTERED = "filtered"
    """A content filter, or the judging model itself, would not look at this call."""
    TOO_LONG = "too_long"
    """The call is larger than the judge takes. It is not cut: what is cut away would look unsupported."""
    MALFORMED = "malformed"
    """The judge answered something else than what it was asked for."""
    FAILED = "failed"
    """The judge raised what it may not raise: a bug of the plug-in."""


class NoVerdict(MonitorError):
    """The judge can't say anything of this call. It costs the call its verdict, and nothing else.

    Args:
        reason: why.
        cost: US dollars that were spent nevertheless; ``None`` where nobody knows: ``max_cost`` is counted.
        pause_s: seconds for which the judge wants to be left alone.
    """

    def __init__(self, reason: Reason, *, cost: float | None = 0.0, pause_s: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.cost = cost
        self.pause_s = pause_s


class Judge(Protocol):
    """A second opinion on grounding. Several threads ask one judge at the same time."""

    @property
    def version(self) -> int:
        """Stored with every verdict. Count it up (1..32767) when a change can change a verdict."""
        ...

    @property
    def max_cost(self) -> float:
        """US dollars that one question costs at most; 0 for one that costs nothing."""
        ...

    def judge(self, call: Call, scores: Scores, *, timeout_s: float) -> Verdict:
        """The verdict on one call, within ``timeout_s`` seconds: a later one is thrown away.

        Raises:
            NoVerdict: there is none on this call.
            Transient: the judge can't be reached now.
            Permanent: the judge won't work until a person has done something.
        """
        ...
