"""Reads what rules judge: the rollups of a minute and of its past, grouped by the labels of each rule.

In come rules, their memories and a minute; out goes a ``Reading`` for each. ``spans`` reads rollups, each
span once for all rules; a ``View`` is one rule's look at them; ``rates``, ``percentiles``, ``days`` and
``absence`` each read what one kind of rule is judged by; ``Reader`` picks which.
"""

from monitor.reading.reader import Reader
from monitor.reading.spans import MINUTE, SHORT, Rollups
from monitor.reading.view import needs, needs_by_minute, values_of
from monitor.rules.model import by_of

__all__ = ["MINUTE", "SHORT", "Reader", "Rollups", "by_of", "needs", "needs_by_minute", "values_of"]
