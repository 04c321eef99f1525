"""The ``json`` score: does the output keep its JSON contract."""

from __future__ import annotations

from monitor.scorers.json.score import VERSION, score_json

__all__ = ["VERSION", "score_json"]
