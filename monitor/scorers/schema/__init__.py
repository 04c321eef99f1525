"""JSON Schemas out of logs: compiled once, judged by safely, whatever they hold."""

from __future__ import annotations

from monitor.scorers.schema.budget import Budget, Unusable
from monitor.scorers.schema.cache import Schemas, compile_schema
from monitor.scorers.schema.compiled import Validator

__all__ = ["Budget", "Schemas", "Unusable", "Validator", "compile_schema"]
