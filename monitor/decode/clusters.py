"""Which fragments of one trace are one call: fragments come in, groups of them go out.

An application's call may be told by several spans (its instrumentation's and its SDK's own) and by events.
They have ids in common, or one lies inside the other; emitters that name the wrong span are known by the
time at which they speak.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from monitor.records import Fragment, FragmentKind, Waiting

#: How far two clocks of one process may be apart: a span of an SDK inside one of an instrumentation.
TOLERANCE = timedelta(milliseconds=5)

#: How many pairs of spans of a trace are compared, the nearest in time: a trace may hold thousands of spans.
_PAIRS = 200_000


#: The calls below each span that is itself no call, by its emitter and id, in the order they ended.
Below = dict[tuple[str, str], list[Fragment]]


def clusters(parts: Sequence[Waiting]) -> list[list[Waiting]]:
    """The parts of one group, those of one call together, in the order in which they came.

    Parts are of one call that have a span or a response id in common; so are two spans of different
    emitters, one inside the other, of which one has no response id; and an event that names the span above
    a call, and the call that ended just then.
    """
    joined = _Union(len(parts))
    fragments = [part.fragment for part in parts]
    calls_below = by_parent(fragments)
    first: dict[tuple[str, str], int] = {}
    for index, fragment in enumerate(fragments):
        keys = [("response", fragment.response_id)] if fragment.response_id else []
        if not names_above(fragment, calls_below):
            keys.append(("span", fragment.span_id))
        elif (below := _ended_with(fragment, calls_below)) is not None:
            keys.append(("span", below.span_id))
        for key in keys:
            joined.join(first.setdefault(key, index), index)
    _join_twins(fragments, joined)
    found: dict[int, list[Waiting]] = {}
    for index, part in enumerate(parts):
        found.setdefault(joined.root(index), []).append(part)
    return list(found.values())


def by_parent(fragments: Iterable[Fragment]) -> Below:
    """The calls that are below spans which are none themselves."""
    spans = [fragment for fragment in fragments if fragment.kind in _SPANS]
    own = {fragment.span_id for fragment in spans}
    found: Below = {}
    for fragment in sorted(spans, key=_end):
        if fragment.parent_span_id and fragment.parent_span_id not in own:
            found.setdefault((fragment.emitter, fragment.parent_span_id), []).append(fragment)
    return found


def _ended_with(event: Fragment, calls_below: Below) -> Fragment | None:
    """The call that an event belongs to which names the span above it: the one that ended just then.

    OpenLLMetry writes the event of a stream when the stream is read, and then the call's own span is no
    longer the current one.
    """
    calls = calls_below[event.emitter, event.span_id]
    after = bisect_left(calls, event.started_at, key=_end)
    near = calls[max(0, after - 1) : after + 1]
    best = min(near, key=lambda call: abs(call.ended_at - event.started_at))
    return best if abs(best.ended_at - event.started_at) <= TOLERANCE else None


def _end(fragment: Fragment) -> datetime:
    return fragment.ended_at


def names_above(fragment: Fragment, calls_below: Below) -> bool:
    """Whether it says something of a call below the span that it names, and not of that span."""
    return fragment.kind not in _SPANS and (fragment.emitter, fragment.span_id) in calls_below


def is_astray(cluster: list[Waiting], calls_below: Below) -> bool:
    """Whether these are events that name a span above calls, and the call they belong to never came."""
    return all(names_above(part.fragment, calls_below) for part in cluster)


def _join_twins(fragments: Sequence[Fragment], joined: _Union) -> None:
    """Join spans that two emitters wrote of one call, the closest first."""
    spans = sorted(
        (index for index, fragment in enumerate(fragments) if fragment.kind in _SPANS),
        key=lambda index: fragments[index].started_at,
    )
    if len({fragments[index].emitter for index in spans}) < 2:
        return
    emitters: dict[int, set[str]] = {}
    for index in spans:
        emitters.setdefault(joined.root(index), set()).add(fragments[index].emitter)
    starts = [fragments[index].started_at for index in spans]
    neighbours = 1 + _PAIRS // len(spans)
    pairs = []
    for place, index in enumerate(spans):
        ours = fragments[index]
        end = bisect_left(starts, ours.ended_at + TOLERANCE, place, min(len(spans), place + neighbours))
        pairs += [
            (_distance(ours, fragments[other]), index, other)
            for other in spans[place + 1 : end]
            if _are_twins(ours, fragments[other])
        ]
    for _, one, other in sorted(pairs):
        left, right = joined.root(one), joined.root(other)
        if left != right and not emitters[left] & emitters[right]:
            joined.join(left, right)
            emitters[joined.root(left)] = emitters[left] | emitters[right]


#: Fragments that are spans: of a call that waits, or of one that was finished.
_SPANS = frozenset({FragmentKind.CALL, FragmentKind.DONE})


def _are_twins(one: Fragment, other: Fragment) -> bool:
    if one.emitter == other.emitter or (one.response_id and other.response_id):
        return False
    models = {fragment.call.model_requested for fragment in (one, other) if fragment.call} - {""}
    return len(models) < 2 and (_contains(one, other) or _contains(other, one))


def _contains(outer: Fragment, inner: Fragment) -> bool:
    starts = outer.started_at - TOLERANCE <= inner.started_at
    return starts and inner.ended_at <= outer.ended_at + TOLERANCE


def _distance(one: Fragment, other: Fragment) -> tuple[bool, timedelta]:
    """How unlike two spans are: parent and child are closest, then those of nearly the same times."""
    related = one.span_id == other.parent_span_id or other.span_id == one.parent_span_id
    apart = abs(one.started_at - other.started_at) + abs(one.ended_at - other.ended_at)
    return (not related, apart)


class _Union:
    """Disjoint sets of indices, by union-find with path halving."""

    def __init__(self, size: int) -> None:
        self._parent = list(range(size))

    def root(self, index: int) -> int:
        while self._parent[index] != index:
            self._parent[index] = self._parent[self._parent[index]]
            index = self._parent[index]
        return index

    def join(self, one: int, other: int) -> None:
        # The smaller index is the root, so that clusters stand in the order of their first part.
        low, high = sorted((self.root(one), self.root(other)))
        self._parent[high] = low
