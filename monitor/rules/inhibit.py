"""Inhibition, as Alertmanager's ``inhibit_rules``: the alerts that fire come in, which mutes which goes out.

It is decided anew in each evaluation from all that fires at that minute, and remembers nothing: after a
restart there is no moment in which a source is not known yet. Where alerts mute one another in a circle, one
of them is told all the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from monitor.rules.matchers import match, selecting

Labels = Mapping[str, str]


class Inhibition(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One item of ``inhibit:`` in a rule file: while a source fires, its targets are not told."""

    source: tuple[str, ...]
    """Matchers of the alerts that mute."""
    target: tuple[str, ...]
    """Matchers of the alerts that are muted."""
    equal: tuple[str, ...] = ()
    """Labels that both must have the same value of; absent is empty, so two without it are equal."""

    def check(self) -> None:
        """Raise ``ValueError`` if it can't be used; says what would be right."""
        for key, texts in (("source", self.source), ("target", self.target)):
            try:
                selecting(texts)
            except ValueError as error:
                raise ValueError(f"{key}: {error}") from None


def inhibited(firing: Mapping[str, Labels], inhibitions: Iterable[Inhibition]) -> dict[str, str]:
    """Which alerts are muted, each with the one that mutes it.

    An alert that is source and target of the same inhibition is not muted by another that is both, itself
    included (Alertmanager, ``inhibit.go``). A muted alert mutes others all the same.

    Args:
        firing: the labels of each alert that fires, as ``matchers.alert_labels`` gives them, by fingerprint.
        inhibitions: what was checked at load.
    """
    muted_by: dict[str, str] = {}
    for inhibition in inhibitions:
        for target, source in _muted(firing, inhibition):
            muted_by.setdefault(target, source)
    _break_circles(muted_by)
    return muted_by


def _muted(firing: Mapping[str, Labels], inhibition: Inhibition) -> Iterator[tuple[str, str]]:
    """Each target of one inhibition, with the first source that mutes it."""
    source_matchers, target_matchers = selecting(inhibition.source), selecting(inhibition.target)
    sources = [one for one, labels in firing.items() if match(source_matchers, labels)]
    targets = {one for one, labels in firing.items() if match(target_matchers, labels)}

    def shared(one: str) -> tuple[str, ...]:
        return tuple(firing[one].get(name, "") for name in inhibition.equal)

    # From the last to the first, so that the first stays where several share their labels.
    only_sources = {shared(one): one for one in reversed(sources) if one not in targets}
    every_source = {shared(one): one for one in reversed(sources)}
    both = targets.intersection(sources)
    for target in firing:
        if target in targets:
            among = only_sources if target in both else every_source
            if (muting := among.get(shared(target))) is not None:
                yield target, muting


def _break_circles(muted_by: dict[str, str]) -> None:
    """Take one alert out of each circle of alerts that mute one another, in place."""
    settled: set[str] = set()
    for start in list(muted_by):
        path: dict[str, None] = {}
        one = start
        while one in muted_by and one not in settled and one not in path:
            path[one] = None
            one = muted_by[one]
        if one in path:
            del muted_by[one]
        settled.update(path)
