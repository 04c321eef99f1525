"""Puts fragments together: spans, events and observations come in, calls and what still waits go out.

An application's call may be told by several spans (its instrumentation's and its SDK's own), by events
that come over another topic, and be explained by spans around it (a retriever's, an agent's). They have a
trace in common and nothing else: not their order, not the message they come in, not the worker that reads
them. Which of them are one call is decided here, as is when a call has waited long enough. Pure: the time
is an argument, and the same fragments give the same calls wherever they waited.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import msgspec
from msgspec import structs

from monitor.decode.merge import is_whole, merge, with_documents
from monitor.errors import DeadLetterReason
from monitor.records import Call, DeadLetter, FallbackHint, Fragment, FragmentKind, Status, Waiting

#: How far two clocks of one process may be apart: a span of an SDK inside one of an instrumentation.
TOLERANCE = timedelta(milliseconds=5)

#: How many pairs of spans of a trace are compared, the nearest in time: a trace may hold thousands of spans.
_PAIRS = 200_000


class Waits(msgspec.Struct, frozen=True):
    """How long fragments wait.

    Attributes:
        part: for what was said in a call, where the span itself doesn't hold it. Also how long a finished
            call is remembered, and a retriever's passages.
        context: for what stands around a call that is whole by itself: passages that a retriever found,
            the agent it was made for, a second span of it. A call without a parent doesn't wait for it.
    """

    part: timedelta = timedelta(minutes=2)
    context: timedelta = timedelta(seconds=15)


class Assembled(msgspec.Struct, frozen=True):
    """What became of fragments.

    Attributes:
        calls: those that are whole, or have waited long enough.
        put: what begins to wait: new fragments, and the marks of finished calls.
        taken: the rows in ``parts`` that waited and don't any more.
        late: how many came after their call was finished, and were dropped.
        dead_letters: what could not be put together.
    """

    calls: tuple[Call, ...] = ()
    put: tuple[Waiting, ...] = ()
    taken: tuple[int, ...] = ()
    late: int = 0
    dead_letters: tuple[DeadLetter, ...] = ()


def arrived(fragments: Iterable[Fragment], now: datetime) -> list[Waiting]:
    """Fragments that were read just now, as they begin to wait."""
    return [Waiting(fragment, now, now) for fragment in fragments]


def assemble(waiting: Sequence[Waiting], now: datetime, waits: Waits) -> Assembled:
    """Put together what belongs together.

    Args:
        waiting: everything that waits of some groups, with what just came of them.
        now: the time.
        waits: how long to wait for more.
    """
    groups: dict[str, list[Waiting]] = {}
    for part in waiting:
        groups.setdefault(part.fragment.group, []).append(part)
    calls: list[Call] = []
    put: list[Waiting] = []
    taken: list[int] = []
    late = 0
    for group in groups.values():
        around = [part for part in group if part.fragment.kind in _AROUND]
        above = _above(part.fragment for part in group)
        for cluster in clusters([part for part in group if part.fragment.kind not in _AROUND]):
            due = _due(cluster, waits)
            if due is not None and due <= now and _is_astray(cluster, above):
                due = None
            if due is None:
                fresh = [part for part in cluster if part.fragment.kind is not FragmentKind.DONE]
                late += len(fresh)
                taken += _rows(fresh)
            elif due <= now:
                calls.append(_call(cluster, around))
                put += _marks(cluster, now, waits)
                taken += _rows(cluster)
            else:
                put += [structs.replace(part, due_at=due) for part in cluster if part.part_id is None]
        for part in around:
            due = part.arrived_at + waits.part
            if due <= now:
                taken += _rows([part])
            elif part.part_id is None:
                put.append(structs.replace(part, due_at=due))
    return Assembled(tuple(calls), tuple(put), tuple(taken), late)


def given_up(waiting: Sequence[Waiting], why: str) -> Assembled:
    """What becomes of parts that putting them together fails on: each call's parts are dead letters.

    Args:
        waiting: the parts.
        why: the class of what was raised.
    """
    sources = [part.fragment.call.source for part in waiting if part.fragment.call]
    letters = [
        DeadLetter(
            topic=source.topic,
            partition=source.partition,
            offset=source.offset,
            item=source.item,
            reason=DeadLetterReason.DECODER_FAILED,
            detail=f"{why}, when its parts were put together",
            size=0,
            sha256=b"",
        )
        for source in sources
    ]
    return Assembled(taken=tuple(_rows(waiting)), dead_letters=tuple(letters))


#: Fragments that tell of what stands around calls.
_AROUND = frozenset({FragmentKind.DOCUMENTS, FragmentKind.CHAIN})


def _due(cluster: list[Waiting], waits: Waits) -> datetime | None:
    """When the call of a cluster is to be finished; ``None`` if it was."""
    fragments = [part.fragment for part in cluster]
    if any(fragment.kind is FragmentKind.DONE for fragment in fragments):
        return None
    since = min(part.arrived_at for part in cluster)
    spans = [fragment for fragment in fragments if fragment.kind is FragmentKind.CALL]
    call = merge(fragments)
    told = any(fragment.kind is FragmentKind.CONTENT and not fragment.piece for fragment in fragments)
    settled = told or any(fragment.settled for fragment in spans)
    if not spans or not (settled or is_whole(call) or call.status is Status.ERROR):
        return since + waits.part
    alone = all(fragment.parent_span_id is None for fragment in spans)
    return since if alone else since + waits.context


def _call(cluster: list[Waiting], around: list[Waiting]) -> Call:
    """The call of a cluster, with the passages and the agent that stand around it."""
    fragments = [part.fragment for part in cluster]
    call = merge(fragments)
    ended_at = max(fragment.ended_at for fragment in fragments)
    parents = {fragment.parent_span_id for fragment in fragments}
    documents, fallback = call.documents, call.fallback
    for other in sorted((part.fragment for part in around), key=lambda other: other.started_at):
        if other.kind is FragmentKind.DOCUMENTS and other.started_at <= ended_at:
            documents = with_documents(documents, other.documents)
        elif other.kind is FragmentKind.CHAIN and other.span_id in parents:
            fallback = _hint(call, other.models)
    return structs.replace(call, documents=documents, fallback=fallback)


def _hint(call: Call, models: tuple[str, ...]) -> FallbackHint:
    """What the list of an agent's models says: the first of them was the one to be asked."""
    if not models or call.model_requested not in models:
        return call.fallback
    evidence = "the agent's list of models"
    if call.model_requested == models[0]:
        return FallbackHint("none", evidence=evidence)
    exhausted = call.status is Status.ERROR and call.model_requested == models[-1]
    return FallbackHint(
        "exhausted" if exhausted else "fallback",
        from_model=models[0],
        to_model=call.model_requested,
        cause=call.fallback.cause,
        evidence=evidence,
    )


def _marks(cluster: list[Waiting], now: datetime, waits: Waits) -> list[Waiting]:
    """The marks of a finished call, one for each of its spans; the response id stands on the first."""
    fragments = sorted((part.fragment for part in cluster), key=lambda fragment: fragment.kind)
    response_id = next((fragment.response_id for fragment in fragments if fragment.response_id), None)
    spans = {fragment.span_id: fragment for fragment in reversed(fragments)}
    due = now + waits.part
    return [
        Waiting(
            Fragment(
                kind=FragmentKind.DONE,
                group=fragment.group,
                span_id=span_id,
                parent_span_id=fragment.parent_span_id,
                response_id=response_id if number == 0 else None,
                emitter=fragment.emitter,
                started_at=fragment.started_at,
                ended_at=fragment.ended_at,
            ),
            now,
            due,
        )
        for number, (span_id, fragment) in enumerate(sorted(spans.items()))
    ]


def _rows(parts: Iterable[Waiting]) -> list[int]:
    return [part.part_id for part in parts if part.part_id is not None]


def clusters(parts: Sequence[Waiting]) -> list[list[Waiting]]:
    """The parts of one group, those of one call together, in the order in which they came.

    Parts are of one call that have a span or a response id in common; so are two spans of different
    emitters, one inside the other, of which one has no response id; and an event that names the span above
    a call, and the call that ended just then.
    """
    joined = _Union(len(parts))
    fragments = [part.fragment for part in parts]
    above = _above(fragments)
    first: dict[tuple[str, str], int] = {}
    for index, fragment in enumerate(fragments):
        keys = [("response", fragment.response_id)] if fragment.response_id else []
        if (fragment.emitter, fragment.span_id) not in above or fragment.kind in _SPANS:
            keys.append(("span", fragment.span_id))
        elif (below := _ended_with(fragment, above)) is not None:
            keys.append(("span", below.span_id))
        for key in keys:
            joined.join(first.setdefault(key, index), index)
    _join_twins(fragments, joined)
    found: dict[int, list[Waiting]] = {}
    for index, part in enumerate(parts):
        found.setdefault(joined.root(index), []).append(part)
    return list(found.values())


def _above(fragments: Iterable[Fragment]) -> dict[tuple[str, str], list[Fragment]]:
    """The calls below each span that is itself no call, by emitter and span id."""
    spans = [fragment for fragment in fragments if fragment.kind in _SPANS]
    own = {fragment.span_id for fragment in spans}
    found: dict[tuple[str, str], list[Fragment]] = {}
    for fragment in spans:
        if fragment.parent_span_id and fragment.parent_span_id not in own:
            found.setdefault((fragment.emitter, fragment.parent_span_id), []).append(fragment)
    return found


def _ended_with(event: Fragment, above: dict[tuple[str, str], list[Fragment]]) -> Fragment | None:
    """The call that an event belongs to which names the span above it: the one that ended just then.

    OpenLLMetry writes the event of a stream when the stream is read, and then the call's own span is no
    longer the current one.
    """
    ended = ((abs(call.ended_at - event.started_at), call) for call in above[event.emitter, event.span_id])
    apart, call = min(ended, key=lambda pair: pair[0])
    return call if apart <= TOLERANCE else None


def _is_astray(cluster: list[Waiting], above: dict[tuple[str, str], list[Fragment]]) -> bool:
    """Whether these are events that name a span above calls, and the call they belong to never came."""
    return all(
        part.fragment.kind is FragmentKind.CONTENT and (part.fragment.emitter, part.fragment.span_id) in above
        for part in cluster
    )


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
