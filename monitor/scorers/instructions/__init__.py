"""The ``instructions`` score: is there an answer, in the language and form that were asked for."""

from __future__ import annotations

from monitor.scorers.instructions.score import VERSION, score_instructions

__all__ = ["VERSION", "score_instructions"]
