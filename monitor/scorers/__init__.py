"""The score stage: a call comes in, what each scorer says of it goes out. Pure, total, deterministic."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from monitor.records import (
    Call,
    FallbackScore,
    GroundingScore,
    InstructionsScore,
    JsonScore,
    Scores,
    ToolsScore,
    Versions,
)
from monitor.scorers import fallback, grounding, instructions, json, tools
from monitor.scorers.cost import cost_of
from monitor.scorers.fallback import score_fallback
from monitor.scorers.grounding import DEFAULTS, GroundingThresholds, score_grounding
from monitor.scorers.instructions import score_instructions
from monitor.scorers.json import score_json
from monitor.scorers.tools import score_tools

__all__ = ["SCORERS", "VERSIONS", "score"]

#: Every scorer by the name of its score.
SCORERS: Mapping[
    str, Callable[[Call], JsonScore | ToolsScore | GroundingScore | FallbackScore | InstructionsScore]
] = {
    "json": score_json,
    "tools": score_tools,
    "grounding": score_grounding,
    "fallback": score_fallback,
    "instructions": score_instructions,
}

#: Which version of each makes the scores; what judges says its own.
VERSIONS = Versions(
    json=json.VERSION,
    tools=tools.VERSION,
    grounding=grounding.VERSION,
    fallback=fallback.VERSION,
    instructions=instructions.VERSION,
)


def score(call: Call, thresholds: GroundingThresholds = DEFAULTS) -> Scores:
    """The scores of one call, and what it cost.

    Any call gives scores, whatever its content: what cannot be judged is ``unknown`` or ``not_applicable``.

    Args:
        call: the call.
        thresholds: from which risks on an answer is called ``suspect`` and ``unsupported``.
    """
    return Scores(
        json=score_json(call),
        tools=score_tools(call),
        grounding=score_grounding(call, thresholds),
        fallback=score_fallback(call),
        instructions=score_instructions(call),
        cost=cost_of(call),
        versions=VERSIONS,
    )
