"""Finds what proves an alert: the calls that contribute most, and examples, each by a query to Postgres."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from monitor.reading import SHORT, values_of
from monitor.rules.contributors import contributors
from monitor.rules.metric import METRICS
from monitor.rules.model import AbsenceRule
from monitor.store.windows import Query, Windows
from monitor.telling import Alert

#: Alerts of one minute that are proven: the table of an episode shows the others.
PROVEN = 10

#: Longest time since its onset that an alert is proven with, so that a query stays a small one.
LONGEST = timedelta(hours=6)


class Prover:
    """Finds what proves alerts.

    Args:
        windows: counts by dimension, and example calls.
        deploys: gives the markers near a time that may have to do with these labels.
    """

    def __init__(self, windows: Windows, deploys: Callable[[Mapping[str, str], datetime], object]) -> None:
        self._windows = windows
        self._deploys = deploys

    def prove(self, fired: Sequence[Alert], at: datetime) -> dict[str, dict[str, Any]]:
        """What is shown of the first of these alerts, by fingerprint.

        Raises:
            Transient: Postgres can't be reached.
        """
        return {one.fingerprint: self._proof(one, at) for one in fired[:PROVEN]}

    def _proof(self, alert: Alert, at: datetime) -> dict[str, Any]:
        rule = alert.rule
        if rule is None or isinstance(rule, AbsenceRule):
            return {}
        length = min(max(at - alert.onset_at if alert.onset_at else SHORT, SHORT), LONGEST)
        measured, times = METRICS[rule.metric], (at - length, at)
        where = values_of({**rule.where, **alert.labels})
        proof: dict[str, Any] = {
            "window_start": times[0].isoformat(),
            "window_end": at.isoformat(),
            "deploys": msgspec.to_builtins(self._deploys(alert.labels, times[0])),
        }
        if not measured.is_rate or rule.metric == "share":
            return proof
        query = Query(measured.numerator, measured.denominator, where)
        baseline = alert.evidence.get("baseline")
        usual = alert.evidence.get("usual_rate", baseline["rate"] if baseline else 0.0)
        found = contributors(self._windows.counts(query, times), usual, known=tuple(alert.labels))
        examples = self._windows.examples(query, times, score=measured.score, outcomes=measured.outcomes)
        return {
            **proof,
            "contributors": [one._asdict() for one in found],
            "examples": msgspec.to_builtins(examples),
        }
