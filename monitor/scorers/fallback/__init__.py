"""The ``fallback`` score: was this the model that was asked for, at the first try."""

from __future__ import annotations

from monitor.scorers.fallback.score import VERSION, score_fallback

__all__ = ["VERSION", "score_fallback"]
