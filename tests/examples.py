"""Calls, scores, records and batches as the tests of ingest and the store need them, in few words."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from monitor.errors import DeadLetterReason
from monitor.records import (
    Call,
    DeadLetter,
    FallbackOutcome,
    FallbackScore,
    Fragment,
    FragmentKind,
    GroundingOutcome,
    GroundingScore,
    JsonOutcome,
    JsonScore,
    Partition,
    Record,
    ScoredCall,
    Scores,
    Source,
    ToolsOutcome,
    ToolsScore,
    Waiting,
)
from monitor.store import Batch, OffsetMove, Parts

#: When the examples start: noon of yesterday, for which every migrated database has a partition.
NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)

#: Where they were read, unless a test says otherwise.
PARTITION = Partition("calls", 0)


def call(call_id: str = "c1", at: datetime = NOON, *, offset: int = 0, **fields: Any) -> Call:
    """A call with these fields, and nothing else."""
    source = Source("native", PARTITION.topic, PARTITION.partition, offset)
    return Call(**{"call_id": call_id, "started_at": at, "source": source, **fields})


def scores(
    json: JsonOutcome = JsonOutcome.NOT_APPLICABLE,
    tools: ToolsOutcome = ToolsOutcome.NOT_APPLICABLE,
    grounding: GroundingOutcome = GroundingOutcome.NOT_APPLICABLE,
    fallback: FallbackOutcome = FallbackOutcome.NONE,
) -> Scores:
    """Scores with these outcomes."""
    return Scores(JsonScore(json), ToolsScore(tools), GroundingScore(grounding), FallbackScore(fallback))


def scored(call_id: str = "c1", at: datetime = NOON, *, offset: int = 0, **fields: Any) -> ScoredCall:
    """A call with these fields, to which no score applies."""
    return ScoredCall(call(call_id, at, offset=offset, **fields), scores())


def part(
    span_id: str = "s1",
    group: str = "t1",
    *,
    kind: FragmentKind = FragmentKind.CALL,
    response_id: str | None = None,
    due_at: datetime = NOON + timedelta(minutes=2),
    **fields: Any,
) -> Waiting:
    """A part that came at noon, of a call that started then; a mark, with this kind."""
    brings = kind in (FragmentKind.CALL, FragmentKind.CONTENT)
    return Waiting(
        Fragment(
            kind=kind,
            group=group,
            span_id=span_id,
            response_id=response_id,
            started_at=NOON,
            ended_at=NOON,
            call=call(span_id) if brings else None,
            **fields,
        ),
        NOON,
        due_at,
    )


def dead_letter(offset: int = 0, partition: Partition = PARTITION) -> DeadLetter:
    """A dead letter of a record that was not JSON."""
    value = b"not json"
    return DeadLetter(
        topic=partition.topic,
        partition=partition.partition,
        offset=offset,
        reason=DeadLetterReason.NOT_JSON,
        detail="expected a value",
        size=len(value),
        sha256=hashlib.sha256(value).digest(),
    )


def batch(
    calls: Iterable[ScoredCall] = (),
    letters: Iterable[DeadLetter] = (),
    *,
    expected: int | None = None,
    partition: Partition = PARTITION,
    put: Iterable[Waiting] = (),
    taken: Iterable[int] = (),
) -> Batch:
    """A batch of one partition, of one record for each call and each dead letter."""
    calls, letters = tuple(calls), tuple(letters)
    records = len(calls) + len(letters)
    end = (expected or 0) + records
    return Batch(
        calls, letters, {partition: OffsetMove(expected, end, records, end)}, Parts(tuple(put), tuple(taken))
    )


def record(offset: int, value: bytes | None = b"{}", partition: Partition = PARTITION) -> Record:
    """A record at this offset."""
    return Record(partition.topic, partition.partition, offset, value, timestamp=NOON)
