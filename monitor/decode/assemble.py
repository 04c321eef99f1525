"""Puts fragments together: spans, events and observations come in, calls and what still waits go out.

An application's call may be told by several spans (its instrumentation's and its SDK's own), by events
that come over another topic, and be explained by spans around it (a retriever's, an agent's). They have a
trace in common and nothing else: not their order, not the message they come in, not the worker that reads
them. ``clusters.py`` decides which of them are one call, ``merge.py`` what it says, and this module when it
has waited long enough. Pure: the time is an argument, and the same fragments give the same calls wherever
they waited.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import msgspec
from msgspec import structs

from monitor.decode.clusters import Below, by_parent, clusters, is_astray, names_above
from monitor.decode.letters import part_letters
from monitor.decode.merge import is_whole, merge, with_documents
from monitor.errors import DeadLetterReason
from monitor.records import Call, DeadLetter, FallbackHint, Fragment, FragmentKind, Status, Told, Waiting


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
        told: the calls that are whole, or have waited long enough.
        put: the new fragments that begin to wait.
        taken: the rows in ``parts`` that waited and don't any more.
        late: how many came after their call was finished, and were dropped.
        dead_letters: what could not be put together.
    """

    told: tuple[Told, ...] = ()
    put: tuple[Waiting, ...] = ()
    taken: tuple[int, ...] = ()
    late: int = 0
    dead_letters: tuple[DeadLetter, ...] = ()

    @property
    def calls(self) -> tuple[Call, ...]:
        """The calls alone."""
        return tuple(one.call for one in self.told)


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
    told: list[Told] = []
    put: list[Waiting] = []
    taken: list[int] = []
    late = 0
    for group in groups.values():
        around = [part for part in group if part.fragment.kind in _AROUND]
        calls_below = by_parent(part.fragment for part in group)
        for cluster in clusters([part for part in group if part.fragment.kind not in _AROUND]):
            fresh = [part for part in cluster if part.fragment.kind is not FragmentKind.DONE]
            if len(fresh) < len(cluster):
                late += len(fresh)
                taken += _rows(fresh)
                continue
            call = merge([part.fragment for part in cluster])
            due = _due(cluster, call, waits)
            if due > now:
                put += [structs.replace(part, due_at=due) for part in cluster if part.part_id is None]
                continue
            if is_astray(cluster, calls_below):
                late += len(cluster)
            else:
                marks = _marks(cluster, calls_below, now, waits)
                told.append(Told(_surrounded(call, cluster, around), tuple(cluster), tuple(marks)))
            taken += _rows(cluster)
        for part in around:
            due = part.arrived_at + waits.part
            if due <= now:
                taken += _rows([part])
            elif part.part_id is None:
                put.append(structs.replace(part, due_at=due))
    return Assembled(tuple(told), tuple(put), tuple(taken), late)


def given_up(
    waiting: Sequence[Waiting], why: str, reason: DeadLetterReason = DeadLetterReason.DECODER_FAILED
) -> Assembled:
    """What becomes of parts that putting them together fails on: each part of a call is a dead letter.

    Marks stay: what they mark was counted.

    Args:
        waiting: the parts.
        why: the class of what was raised.
        reason: the class of the failure.
    """
    parts = [part for part in waiting if part.fragment.kind is not FragmentKind.DONE]
    letters = part_letters(parts, reason, f"{why}, when its parts were put together")
    return Assembled(taken=tuple(_rows(parts)), dead_letters=tuple(letters))


#: Fragments that tell of what stands around calls.
_AROUND = frozenset({FragmentKind.DOCUMENTS, FragmentKind.CHAIN})


def _due(cluster: list[Waiting], call: Call, waits: Waits) -> datetime:
    """When the call of a cluster is to be finished."""
    fragments = [part.fragment for part in cluster]
    since = min(part.arrived_at for part in cluster)
    spans = [fragment for fragment in fragments if fragment.kind is FragmentKind.CALL]
    told = any(fragment.kind is FragmentKind.CONTENT and not fragment.piece for fragment in fragments)
    settled = told or any(fragment.settled for fragment in spans)
    if not spans or not (settled or is_whole(call) or call.status is Status.ERROR):
        return since + waits.part
    alone = all(fragment.parent_span_id is None for fragment in spans)
    return since if alone else since + waits.context


def _surrounded(call: Call, cluster: list[Waiting], around: list[Waiting]) -> Call:
    """The call of a cluster, with the passages and the agent that stand around it."""
    fragments = [part.fragment for part in cluster]
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


def _marks(cluster: list[Waiting], calls_below: Below, now: datetime, waits: Waits) -> list[Waiting]:
    """The marks of a finished call, one for each of its spans; the response id stands on the first.

    The span above it, which an event of it may name, is not its own: other calls are below it too.
    """
    fragments = sorted((part.fragment for part in cluster), key=lambda fragment: fragment.kind)
    response_id = next((fragment.response_id for fragment in fragments if fragment.response_id), None)
    own = (fragment for fragment in reversed(fragments) if not names_above(fragment, calls_below))
    spans = {fragment.span_id: fragment for fragment in own}
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
