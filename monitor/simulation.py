"""Runs rules over history, minute by minute, as the service does: history in, transitions out.

The reading, the judging and the states are the service's own; only nothing is stored, and nobody is told.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial

import msgspec

from monitor.history import History
from monitor.moves import Moved, follow_all
from monitor.reading import MINUTE, Reader
from monitor.rules.judge import judge, lanes_for
from monitor.rules.memory import Memory
from monitor.rules.model import Rule, watches_itself
from monitor.rules.reason import explain
from monitor.store.alerts import Incident

#: How long before what is asked a simulation begins at least, so that there is evidence.
_DAY = timedelta(days=1)


def lead(rules: Sequence[Rule]) -> timedelta:
    """How long before a span rules are to be run, so that what fired before it and still does is found.

    A day more than the slowest of them takes to see what is bad, to open an alert and to end it.
    """
    slowest = (one.window_length + one.pending_for + one.keeps_firing_for for one in rules)
    return _DAY + max(slowest, default=timedelta())


class Simulation:
    """Rules over history. Rules about the log itself, which history says nothing of, are left out.

    Args:
        rules: what to evaluate.
        history: what happened.
    """

    def __init__(self, rules: Sequence[Rule], history: History) -> None:
        self.rules = [rule for rule in rules if not watches_itself(rule)]
        self._reader = Reader(history, self.rules)
        self._memories = {rule.key: Memory(lanes_for(rule)) for rule in self.rules}
        self._incidents: dict[str, Incident] = {}
        self._past: list[Incident] = []

    def run(self, start: datetime, stop: datetime) -> Iterator[tuple[datetime, list[Moved]]]:
        """Every minute from ``start`` to before ``stop``, by its end, with what moved in it."""
        minute = start
        while minute < stop:
            yield minute + MINUTE, self._judge(minute)
            minute += MINUTE

    def label_sets(self, rule: Rule) -> int:
        """How many label sets of a rule there were so far."""
        return len(self._memories[rule.key].labels)

    def _judge(self, minute: datetime) -> list[Moved]:
        self._reader.at(minute)
        incidents = [*self._past, *self._incidents.values()]
        moved = []
        for rule in self.rules:
            memory = self._memories[rule.key]
            reading = self._reader.read(rule, memory, incidents)
            verdicts = judge(rule, memory, reading)
            said = partial(explain, rule, memory, reading)
            moved += follow_all(rule, memory, verdicts, reading, minute, said)
        for one in moved:
            self._note(one, minute + MINUTE)
        return moved

    def _note(self, moved: Moved, at: datetime) -> None:
        """Keep when alerts fired: no baseline learns from that."""
        key = moved.fingerprint
        if moved.fired:
            start = moved.onset_at or at - timedelta(minutes=1)
            self._incidents[key] = Incident(moved.rule.alert, moved.labels, start, None)
        elif moved.before.open and not moved.after.open:
            self._past.append(msgspec.structs.replace(self._incidents.pop(key), end=at))
