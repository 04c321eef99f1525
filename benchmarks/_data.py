"""What the accuracy tables share: rows of the data, calls made of them, and figures."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from time import process_time_ns
from typing import Any, TypeVar

import msgspec

from monitor.records import Call, Source

T = TypeVar("T")
U = TypeVar("U")

#: The folder with ``scoring/`` in it, unless the command line names another.
DATA = Path(__file__).resolve().parents[2] / "shared" / "data"

_START = datetime(2026, 1, 1, tzinfo=UTC)


def call(**fields: Any) -> Call:
    """A call with these fields and nothing else that matters."""
    return Call(call_id="benchmark", started_at=_START, source=Source("benchmark"), **fields)


def rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a gzipped JSON lines file."""
    with gzip.open(path, "rb") as lines:
        yield from map(msgspec.json.decode, lines)


def timed(scorer: Callable[[U], T], calls: Iterable[U]) -> tuple[list[T], float]:
    """What the scorer says of each call, and a call's processor time in microseconds, best of three runs."""
    every = list(calls)
    best, scores = float("inf"), list[T]()
    for _ in range(3):
        started = process_time_ns()
        scores = [scorer(one) for one in every]
        best = min(best, process_time_ns() - started)
    return scores, best / 1000 / max(1, len(every))


def auroc(scores: Sequence[float], labels: Sequence[bool]) -> float:
    """The probability that a positive scores above a negative, ties counting half (Mann-Whitney)."""
    ranked = sorted(zip(scores, labels, strict=True))
    positives, rank_sum, start = sum(labels), 0.0, 0
    while start < len(ranked):
        end = start
        while end < len(ranked) and ranked[end][0] == ranked[start][0]:
            end += 1
        rank_sum += (start + end + 1) / 2 * sum(label for _, label in ranked[start:end])
        start = end
    return (rank_sum - positives * (positives + 1) / 2) / (positives * (len(ranked) - positives))


def precision_recall(flags: Sequence[bool], labels: Sequence[bool]) -> tuple[float, float]:
    """Of what was flagged how much is positive, and of the positives how much was flagged."""
    hits = sum(flag and label for flag, label in zip(flags, labels, strict=True))
    return hits / max(1, sum(flags)), hits / max(1, sum(labels))
