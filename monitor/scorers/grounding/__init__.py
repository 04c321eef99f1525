"""The ``grounding`` score, a heuristic: does the context carry the answer."""

from __future__ import annotations

from monitor.scorers.grounding.score import DEFAULTS, VERSION, GroundingThresholds, score_grounding

__all__ = ["DEFAULTS", "VERSION", "GroundingThresholds", "score_grounding"]
