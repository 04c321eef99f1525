"""Relates the calls of a request where one of them gave no answer: minutes come in, changed minutes go out.

A retry may be saved before or after the call that failed, by another worker, in another minute. So what a
call is among the others of its request, and what became of that request, is decided from what is stored,
in the transaction that recomputes its minute. The decision itself is a pure function, which comes as an
argument.

The decision is always made on the scores of the calls alone, so it does not matter what was decided before,
when some of them were not there yet. Where it differs from that score, ``fallback_alone`` keeps that one.
Each call is decided among those that start within ``NEAR`` of it, whatever else was read: so a request that
lasts for hours ends in the same, too, in whatever order its calls came. Whether its id is shared by too many
is asked of the clock hour that it starts in and of the hours beside that, whichever minutes are recomputed.

No pair of calls is missed, and none is decided twice at once. A call's mark becomes visible together with
the call, and marks are taken before calls are read: of two calls of a request, whichever commits last has
its mark taken by a recomputation that sees both, and to which it is new, as a mark has the time of its
transaction, and so do the calls of that. Recomputations follow one another, each after the one
before has committed, so that none decides on scores that another is about to change.
"""

# ruff: noqa: S608 - every statement is built from our own text
from __future__ import annotations

import struct
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby, islice
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa
from msgspec import structs

from monitor.records import (
    Attempt,
    ErrorCategory,
    FallbackCause,
    FallbackOutcome,
    FallbackScore,
    FinishReason,
    Related,
    RequestTruth,
    Status,
    alone,
)

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)

#: How far apart the calls of one request may start. What lies further away has no say.
NEAR = timedelta(hours=1)

#: Calls that one request may have in a clock hour and those beside it. An id that more of them share is a
#: session's.
MOST = 500

#: Rows that are read and written at once.
_ROWS = 5_000

#: What each attempt of a request is among them, in their order.
Decide = Callable[[Sequence[Attempt]], Sequence[Related]]

_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(FallbackScore)

# Of a call, with what ``_ATTEMPTS`` and ``_CROWD`` find it by.
_COLUMNS = """
    started_at, call_id, series_id, duration_ms, attempt, status, error_category, finish_reason, answered,
    cost, fallback, fallback_from, fallback_to, fallback_cause, fallback_evidence, fallback_hop,
    fallback_alone, request_attempts, request_answered, request_model, request_extra_ms, request_extra_cost
"""
_OF = """
    hashtextextended(coalesce(calls.request_id, trace_id, call_id), 0) = hashtextextended({id}, 0)
    AND coalesce(calls.request_id, trace_id, call_id) = {id}
    AND started_at >= :oldest AND started_at < :newest
"""

# From the new calls of these minutes to their requests: those that gave no answer, and those with such a call
# nearby, which for nearly every call is one look into a small index. LIMIT keeps it that; the constant
# bounds tell the planner how few of a day's calls are meant.
_ATTEMPTS = sa.text(
    f"""
    WITH failed AS (
        SELECT DISTINCT call.request_id
        FROM unnest(CAST(:minutes AS timestamptz[]), CAST(:since AS timestamptz[])) AS dirty(minute, since)
        CROSS JOIN LATERAL (
            SELECT coalesce(request_id, trace_id, call_id) AS request_id, answered FROM calls
            WHERE started_at >= minute AND started_at < minute + interval '1 minute' AND ingested_at >= since
            AND started_at >= :start AND started_at < :end
        ) AS call
        LEFT JOIN LATERAL (
            SELECT true AS found FROM calls AS other
            WHERE NOT other.answered
            AND hashtextextended(coalesce(other.request_id, other.trace_id, other.call_id), 0)
                = hashtextextended(call.request_id, 0)
            AND coalesce(other.request_id, other.trace_id, other.call_id) = call.request_id
            AND other.started_at >= :oldest AND other.started_at < :newest
            LIMIT 1
        ) AS nearby ON call.answered
        WHERE NOT call.answered OR nearby.found
    )
    SELECT attempt.*, provider, model_requested, model_served, route
    FROM failed
    CROSS JOIN LATERAL (
        SELECT failed.request_id, {_COLUMNS} FROM calls
        WHERE {_OF.format(id="failed.request_id")}
        ORDER BY started_at
        LIMIT :most
    ) AS attempt
    JOIN series USING (series_id)
    ORDER BY request_id, started_at, call_id
    """
)

# Of each hour of an id that many share so many that it is seen whether they are too many there, and all that
# were related to others before they were too many.
_CROWD = sa.text(
    f"""
    SELECT :id AS request_id, attempt.*, provider, model_requested, model_served, route
    FROM generate_series(
        CAST(:oldest AS timestamptz), CAST(:newest AS timestamptz) - interval '1 hour', interval '1 hour'
    ) AS hour
    CROSS JOIN LATERAL (
        (
            SELECT {_COLUMNS} FROM calls
            WHERE {_OF.format(id=":id")} AND started_at >= hour AND started_at < hour + interval '1 hour'
            ORDER BY started_at
            LIMIT :most
        )
        UNION
        SELECT {_COLUMNS} FROM calls
        WHERE {_OF.format(id=":id")} AND started_at >= hour AND started_at < hour + interval '1 hour'
            AND request_attempts <> 1
    ) AS attempt
    JOIN series USING (series_id)
    ORDER BY started_at, call_id
    """
)

_UPDATE = sa.text(
    """
    UPDATE calls SET
        fallback = new.fallback,
        fallback_from = new.from_model,
        fallback_to = new.to_model,
        fallback_cause = new.cause,
        fallback_evidence = new.evidence,
        fallback_hop = new.hop,
        fallback_alone = new.alone,
        request_attempts = new.attempts,
        request_answered = new.answered,
        request_model = new.model,
        request_extra_ms = new.extra_ms,
        request_extra_cost = new.extra_cost
    FROM unnest(
        CAST(:started_at AS timestamptz[]), CAST(:call_id AS text[]), CAST(:outcome AS text[]),
        CAST(:from_model AS text[]), CAST(:to_model AS text[]), CAST(:cause AS text[]),
        CAST(:evidence AS text[]), CAST(:hop AS smallint[]), CAST(:alone AS text[]),
        CAST(:attempts AS smallint[]), CAST(:answered AS boolean[]), CAST(:model AS text[]),
        CAST(:extra_ms AS real[]), CAST(:extra_cost AS double precision[])
    ) AS new(
        started_at, call_id, fallback, from_model, to_model, cause, evidence, hop, alone,
        attempts, answered, model, extra_ms, extra_cost
    )
    WHERE calls.started_at = new.started_at
    AND hashtextextended(calls.call_id, 0) = hashtextextended(new.call_id, 0) AND calls.call_id = new.call_id
    AND calls.started_at BETWEEN :first AND :last
    """
)


class _Stored(NamedTuple):
    """A call with the score of it alone, and what is stored of it among the calls of its request."""

    attempt: Attempt
    related: Related


def relate(connection: sa.Connection, minutes: Mapping[datetime, datetime], decide: Decide) -> set[datetime]:
    """Decide anew on the requests of these minutes' new calls, and change the calls it changes.

    The attempts of a request are given to ``decide`` by start and id, each with the score of it alone.
    Gives the minutes of changed calls that are not among ``minutes``.

    Args:
        connection: in the transaction that took the marks of the minutes.
        minutes: what is being recomputed, each with the time since which its calls are new: the others were
            related when they came.
        decide: see ``Decide``; pure.
    """
    touched: set[datetime] = set()
    for hour, found in groupby(sorted(minutes), key=lambda minute: minute.replace(minute=0)):
        # What a new call may change starts in its hour or beside it; what decides on that, an hour further.
        first, last = hour - HOUR, hour + 2 * HOUR
        changes = (
            stored._replace(related=related)
            for request in _requests(connection, {minute: minutes[minute] for minute in found}, first, last)
            for stored, related in zip(request, _decided(request, decide), strict=True)
            if related != stored.related and first <= stored.attempt.started_at < last
        )
        while some := list(islice(changes, _ROWS)):
            _update(connection, some)
            touched |= {changed.attempt.started_at.replace(second=0, microsecond=0) for changed in some}
    return touched - minutes.keys()


def _decided(request: Sequence[_Stored], decide: Decide) -> Iterator[Related]:
    """What each call of a request is among those that are near it, as it will be read back.

    Each is alone where there are too many around its hour. Nothing further away has a say in either.
    """
    attempts = [stored.attempt for stored in request]
    starts = [attempt.started_at for attempt in attempts]
    decided_on: slice | None = None
    among: Sequence[Related] = ()
    for place, (attempt, start) in enumerate(zip(attempts, starts, strict=True)):
        hour = _hour(start)
        if bisect_left(starts, hour + HOUR + NEAR) - bisect_left(starts, hour - NEAR) > MOST:
            related = alone(attempt)
        else:
            near = slice(bisect_left(starts, start - NEAR), bisect_right(starts, start + NEAR))
            if near != decided_on:
                decided_on, among = near, decide(attempts[near])
            related = among[place - near.start]
        truth = structs.replace(related.request, extra_ms=_real(related.request.extra_ms))
        yield structs.replace(related, request=truth)


def _hour(at: datetime) -> datetime:
    """The clock hour of a time."""
    return at.replace(minute=0, second=0, microsecond=0)


def _requests(
    connection: sa.Connection, minutes: Mapping[datetime, datetime], first: datetime, last: datetime
) -> Iterator[list[_Stored]]:
    """The calls of each request of these minutes that has several, one of them without an answer.

    Of an hour that has more than ``MOST``, the first of them, and those that were related to others.
    """
    span = {"oldest": first - HOUR, "newest": last + HOUR, "most": MOST + 1}
    rows = connection.execute(
        _ATTEMPTS,
        {
            **span,
            "minutes": list(minutes),
            "since": list(minutes.values()),
            "start": min(minutes),
            "end": max(minutes) + MINUTE,
        },
        execution_options={"yield_per": _ROWS},
    )
    for id_, found in groupby(rows, key=lambda row: row.request_id):
        request = [_stored(row) for row in found]
        if len(request) > MOST:
            request = [_stored(row) for row in connection.execute(_CROWD, {**span, "id": id_})]
        if len(request) > 1:
            yield request


def _stored(row: sa.Row[Any]) -> _Stored:
    score = FallbackScore(
        FallbackOutcome(row.fallback),
        row.fallback_from,
        row.fallback_to,
        FallbackCause(row.fallback_cause) if row.fallback_cause else None,
        row.fallback_evidence,
        row.fallback_hop,
    )
    truth = RequestTruth(
        row.request_attempts,
        row.request_answered,
        row.request_model,
        _real(row.request_extra_ms),
        row.request_extra_cost,
    )
    attempt = Attempt(
        request_id=row.request_id,
        started_at=row.started_at,
        call_id=row.call_id,
        duration_ms=row.duration_ms,
        provider=row.provider,
        model_requested=row.model_requested,
        model_served=row.model_served,
        route=row.route,
        attempt=row.attempt,
        status=Status(row.status),
        error_category=ErrorCategory(row.error_category) if row.error_category else None,
        finish_reason=FinishReason(row.finish_reason) if row.finish_reason else None,
        answered=row.answered,
        cost=row.cost,
        fallback=_DECODER.decode(row.fallback_alone) if row.fallback_alone else score,
    )
    return _Stored(attempt, Related(score, truth))


def _real(value: float | None) -> float | None:
    """The value as a column of type ``real`` keeps it, so that what was written equals what is read."""
    return None if value is None else float(struct.unpack("f", struct.pack("f", value))[0])


def _update(connection: sa.Connection, changes: Collection[_Stored]) -> None:
    """Write what changed. The first and the last start tell Postgres which part of a day it may look at."""
    scores = [related.fallback for _, related in changes]
    truths = [related.request for _, related in changes]
    columns: dict[str, list[Any]] = {
        "started_at": [attempt.started_at for attempt, _ in changes],
        "call_id": [attempt.call_id for attempt, _ in changes],
        "outcome": [score.outcome.value for score in scores],
        "from_model": [score.from_model for score in scores],
        "to_model": [score.to_model for score in scores],
        "cause": [score.cause.value if score.cause else None for score in scores],
        "evidence": [score.evidence for score in scores],
        "hop": [score.hop for score in scores],
        "alone": [
            None if related.fallback == attempt.fallback else _ENCODER.encode(attempt.fallback).decode()
            for attempt, related in changes
        ],
        **{name: [getattr(truth, name) for truth in truths] for name in RequestTruth.__struct_fields__},
    }
    starts = columns["started_at"]
    connection.execute(_UPDATE, {**columns, "first": min(starts), "last": max(starts)})
