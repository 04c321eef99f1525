"""The metrics that a rule can name, and the counters of a rollup that each is made of.

Every metric here is a rate: a numerator over a denominator, both sums of counters, so that windows and
series add up without ever averaging ratios.
"""

from __future__ import annotations

import msgspec

from monitor.records import ABSTENTIONS, CAPTURES, GOOD, OUTCOMES


class Metric(msgspec.Struct, frozen=True):
    """A rate over counters of ``rollup_1m``.

    ``score`` is the column of ``calls`` that decides whether one is counted: a score that has one of
    ``outcomes``, a flag that is false, a graded risk that is high; ``None`` for errors and dead letters.
    """

    name: str
    numerator: tuple[str, ...]
    denominator: tuple[str, ...]
    score: str | None = None
    outcomes: tuple[str, ...] = ()


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


#: Every metric by name: ``errors``, ``dead_letters``, ``uncaptured.input`` (and output, tools, schema),
#: ``requests.failed`` (of requests, not of attempts), ``tools.risky`` and ``grounding.risky`` (of the calls
#: that have a graded risk, those where it is high), and ``<score>.<outcome>``, ``<score>.failed``,
#: ``<score>.unknown`` for each score.
METRICS: dict[str, Metric] = {
    "errors": Metric("errors", ("errors",), ("calls",)),
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
    **_of_scores(),
}


def metric(name: str) -> Metric:
    """The metric of that name.

    Raises:
        KeyError: there is none; ``rules.load`` turns this into a message with suggestions.
    """
    return METRICS[name]
