"""JSON Schemas out of logs: compiled once, judged by safely, whatever they hold."""

from __future__ import annotations

from monitor.scorers.schema.compiled import Unusable, Validator, compile_schema

__all__ = ["Unusable", "Validator", "compile_schema"]
