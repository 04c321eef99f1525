"""The ``tools`` score: do the tool calls keep to what was offered, and look like what was asked for."""

from __future__ import annotations

from monitor.scorers.tools.score import VERSION, score_tools

__all__ = ["VERSION", "score_tools"]
