"""Compares the alerts that a test of rules expects with those there are: both in, whether they agree out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from monitor.moves import Moved
from monitor.paging import page_of
from monitor.rules.states import State
from monitor.telling import Alert, Message, labels_of

#: States of label sets that nothing is the matter with, unless their alert is open.
_QUIET = frozenset({State.NORMAL, State.INSUFFICIENT_DATA, State.NO_DATA, State.MISSING_SERIES})


class Expected(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One alert that is to be there; what is left out may be anything."""

    labels: dict[str, str] = {}
    """Some of the labels that routes and silences see: its own, its rule's, alertname, severity, metric."""
    severity: str = "page"
    state: State = State.FIRING
    reason: str = ""
    """A piece of the sentence that says why it is in its state."""
    title: str = ""
    """A piece of the title of a page about it."""
    summary: str | None = None
    runbook_url: str | None = None


def as_expected(expected: Sequence[Expected], found: Sequence[Moved], at: datetime) -> bool:
    """Whether each alert that is expected is there, and each that is there is expected, one for one.

    Args:
        expected: of one rule.
        found: every label set of the rule by its last move.
        at: the time of the comparison.
    """
    fits = {one.fingerprint: [_fits(e, one, at) for e in expected] for one in found}
    # A quiet label set may be expected too, and need not be: so each side is asked for itself.
    return _paired([fits[one.fingerprint] for one in _there(found)]) and _paired(
        [[of_one[e] for of_one in fits.values()] for e in range(len(expected))]
    )


def said(expected: Sequence[Expected], found: Sequence[Moved]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Both in words, a line each."""
    return (
        tuple(_wanted(one) for one in expected),
        tuple(_text(one.after.state, one.rule.severity, one.labels, one.reason) for one in _there(found)),
    )


def _there(found: Sequence[Moved]) -> list[Moved]:
    """The label sets that have an alert, open or pending."""
    return [one for one in found if one.after.open or one.after.state not in _QUIET]


def _paired(fits: Sequence[Sequence[bool]]) -> bool:
    """Whether each row can have a column of its own that fits it (augmenting paths: H. W. Kuhn, 1955)."""
    taken: dict[int, int] = {}

    def seat(row: int, tried: set[int]) -> bool:
        for column, fit in enumerate(fits[row]):
            if fit and column not in tried:
                tried.add(column)
                if column not in taken or seat(taken[column], tried):
                    taken[column] = row
                    return True
        return False

    return all(seat(row, set()) for row in range(len(fits)))


def _fits(expected: Expected, one: Moved, at: datetime) -> bool:
    """Whether an alert is as expected, in what routes, silences and people see of it."""
    rule, alert = one.rule, _alert(one, at)
    return (
        rule.severity == expected.severity
        and one.after.state is expected.state
        and expected.labels.items() <= labels_of(alert).items()
        and expected.reason in one.reason
        and expected.summary in (None, rule.summary)
        and expected.runbook_url in (None, rule.runbook_url)
        and expected.title in _title(alert, at)
    )


def _alert(one: Moved, at: datetime) -> Alert:
    return Alert(
        name=one.rule.alert,
        severity=one.rule.severity,
        labels=one.labels,
        rule=one.rule,
        state=one.state,
        standing=one.after.state,
        since=at,
        reason=one.reason,
        onset_at=one.onset_at,
        evidence=one.evidence,
    )


def _title(alert: Alert, at: datetime) -> str:
    return page_of(Message(episode="", lead=alert, table=(alert,), more=0, update=False), at).title


def _wanted(one: Expected) -> str:
    texts = (("title", one.title), ("summary", one.summary), ("runbook_url", one.runbook_url))
    more = "".join(f", {name} {text!r}" for name, text in texts if text)
    return _text(one.state, one.severity, one.labels, one.reason) + more


def _text(state: str, severity: str, labels: Mapping[str, str], reason: str) -> str:
    where = ", ".join(f'{name}="{value}"' for name, value in labels.items())
    return f"{state} {severity} {{{where}}}" + (f" {reason}" if reason else "")
