"""The metrics that a rule can name, and the counters of a rollup that each is made of.

A rate is a numerator over a denominator, both sums of counters, so that windows and series add up without
ever averaging ratios. A measured value has a sum and a count, which give its mean, and some have a histogram
too, which gives its percentiles.
"""

from __future__ import annotations

import msgspec

from monitor.records import ABSTENTIONS, CAPTURES, GOOD, OUTCOMES, ErrorCategory


class Metric(msgspec.Struct, frozen=True):
    """A rate, or the mean of a measured value, over counters of ``rollup_1m``.

    ``unit`` is empty for a rate. ``histogram`` names the histogram of a measured value. ``score`` is the
    column of ``calls`` that decides whether one is counted: a score or class of errors that is one of
    ``outcomes``, a flag that is false, a graded risk that is high; ``None`` for errors and dead letters.
    """

    name: str
    numerator: tuple[str, ...]
    denominator: tuple[str, ...]
    score: str | None = None
    outcomes: tuple[str, ...] = ()
    unit: str = ""
    histogram: str | None = None

    @property
    def is_rate(self) -> bool:
        """Whether it is a share of calls."""
        return not self.unit

    @property
    def columns(self) -> tuple[str, ...]:
        """Every counter that it is made of."""
        return tuple(dict.fromkeys((*self.numerator, *self.denominator)))


def _of_scores() -> dict[str, Metric]:
    found = {}
    for score, closed_list in OUTCOMES.items():
        every = [str(outcome) for outcome in closed_list]
        judged = tuple(f"{score}_{outcome}" for outcome in every if outcome not in ABSTENTIONS)
        failures = [outcome for outcome in every if outcome not in ABSTENTIONS | GOOD]
        for name, outcomes, denominator in [
            ("failed", failures, judged),
            # Coverage: of the calls that have something to judge, how many could not be judged.
            ("unknown", ["unknown"], (*judged, f"{score}_unknown")),
            *((outcome, [outcome], judged) for outcome in every if outcome not in ABSTENTIONS),
        ]:
            metric_name = f"{score}.{name}"
            columns = tuple(f"{score}_{outcome}" for outcome in outcomes)
            found[metric_name] = Metric(metric_name, columns, denominator, score, tuple(outcomes))
    return found


#: Measured values: the column of their sum, that of how many were measured (where there is none the histogram
#: says so), their unit, their histogram.
_MEASURED = {
    "duration": ("duration_sum_ms", None, "ms", "duration"),
    "ttft": ("ttft_sum_ms", None, "ms", "ttft"),
    "input_tokens": ("input_tokens", "calls", "tokens", "input_tokens"),
    "output_tokens": ("output_tokens", "calls", "tokens", "output_tokens"),
    "cost": ("cost", "costed", "USD", "cost"),
    # A request's calls lie in several minutes and series: only the sum over all requests is known.
    "cost_of_requests": ("cost", "requests", "USD", None),
    "tools.risk": ("tools_risk_sum", "tools_rated", "risk", "tools_risk"),
    "grounding.risk": ("grounding_risk_sum", "grounding_rated", "risk", "grounding_risk"),
}

#: Every metric by name: ``share`` (of all calls, those that the rule's ``of`` names), ``errors``,
#: ``errors.<category>`` for each ``ErrorCategory``, ``dead_letters``, ``uncaptured.input`` (and output,
#: tools, schema), ``requests.failed`` and ``requests.rescued`` (of requests, not of attempts),
#: ``tools.risky`` and ``grounding.risky`` (of the calls that have a graded risk, those where it is high),
#: measured values (``duration``, ``cost``, …), and ``<score>.<outcome>``, ``<score>.failed``,
#: ``<score>.unknown`` for each score.
METRICS: dict[str, Metric] = {
    "share": Metric("share", ("calls",), ("calls",)),
    "errors": Metric("errors", ("errors",), ("calls",)),
    **{
        f"errors.{category}": Metric(
            f"errors.{category}", (f"errors_{category}",), ("calls",), "error_category", (category.value,)
        )
        for category in ErrorCategory
    },
    "dead_letters": Metric("dead_letters", ("dead_letters",), ("dead_letters", "calls")),
    **{
        f"uncaptured.{what}": Metric(
            f"uncaptured.{what}", (f"uncaptured_{what}",), ("calls",), f"captured_{what}", ("uncaptured",)
        )
        for what in CAPTURES
    },
    "requests.failed": Metric(
        "requests.failed", ("requests_failed",), ("requests",), "request_answered", ("failed",)
    ),
    **{
        f"{score}.risky": Metric(
            f"{score}.risky", (f"{score}_risky",), (f"{score}_rated",), f"{score}_risk", ("risky",)
        )
        for score in ("tools", "grounding")
    },
    "requests.rescued": Metric("requests.rescued", ("requests_rescued",), ("requests",)),
    **{
        name: Metric(name, (total,), (count,) if count else (), unit=unit, histogram=histogram)
        for name, (total, count, unit, histogram) in _MEASURED.items()
    },
    **_of_scores(),
}


def metric(name: str) -> Metric:
    """The metric of that name.

    Raises:
        KeyError: there is none; ``rules.load`` turns this into a message with suggestions.
    """
    return METRICS[name]
