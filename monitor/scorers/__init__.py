"""The score stage: a call comes in, what each scorer says of it goes out. Pure, total, deterministic."""

from __future__ import annotations

from monitor.records import Call, Scores
from monitor.scorers.fallback import score_fallback
from monitor.scorers.grounding import score_grounding
from monitor.scorers.json import score_json
from monitor.scorers.tools import score_tools

__all__ = ["score"]


def score(call: Call) -> Scores:
    """The scores of one call.

    Any call gives scores, whatever its content: what cannot be judged is ``unknown`` or ``not_applicable``.
    """
    return Scores(
        json=score_json(call),
        tools=score_tools(call),
        grounding=score_grounding(call),
        fallback=score_fallback(call),
    )
