"""Scores recorded calls as the service would, without Kafka, without Postgres and without waiting.

In come records of files, out go scored calls. A call that stands alone comes out at once. Parts of calls
are put together when everything is read, as if their waits were over, and so are the calls that share a
request, whose ``fallback`` depends on each other, as does what became of the request: they come out at the
end, in the order they were read.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec import structs

from monitor.decode import decode
from monitor.decode.assemble import Waits, arrived, assemble
from monitor.files import MAX_BYTES, Found
from monitor.records import (
    Attempt,
    Call,
    DeadLetter,
    Fragment,
    Related,
    RequestTruth,
    ScoredCall,
    alone,
    attempt_of,
)
from monitor.scorers import score
from monitor.scorers.fallback.requests import relate

#: Most things that are read of one record of a file, which is no Kafka message.
MAX_ITEMS = 1_000_000

#: Everything that will come has come.
_NO_WAIT = Waits(part=timedelta(0), context=timedelta(0))


class Placed(msgspec.Struct, frozen=True):
    """A scored call without its content, what became of its request, and where it was read.

    ``item`` is its number within a record that held several things, else ``None``; ``own_id`` the id that
    the record itself gives it, whichever its format.
    """

    place: str
    item: int | None
    own_id: str | None
    scored: ScoredCall
    request: RequestTruth


class Skipped(msgspec.Struct, frozen=True):
    """What could not be used, and where."""

    place: str
    item: int | None
    letter: DeadLetter


class Offline:
    """Scores what it is given, record by record.

    Args:
        format_name: the format to expect, or ``auto``.

    Attributes:
        empty: how many items so far held nothing of a call.
    """

    def __init__(self, format_name: str) -> None:
        self.empty = 0
        self._format = format_name
        self._places: dict[tuple[str, int], tuple[str, bool]] = {}
        self._fragments: list[Fragment] = []
        self._held: list[tuple[Placed, Attempt]] = []
        self._last: Found | None = None

    def read(self, found: Found) -> Iterator[Placed | Skipped]:
        """What can be said of a record before the others are read."""
        decoded = decode(found.record, format=self._format, max_bytes=MAX_BYTES, max_items=MAX_ITEMS)
        self.empty += decoded.empty
        several = len(decoded.calls) + len(decoded.dead_letters) + len(decoded.fragments) > 1
        for letter in decoded.dead_letters:
            yield Skipped(found.place, letter.item if several else None, letter)
        if decoded.fragments:
            self._last = found
            self._fragments += decoded.fragments
            self._places[found.record.topic, found.record.offset] = (found.place, several)
        own_ids = _own_ids(found.record.value) if decoded.calls else []
        for call in decoded.calls:
            own_id = own_ids[call.source.item] if call.source.item < len(own_ids) else None
            placed = _scored(found.place, several, own_id, call)
            if call.request_id == call.call_id:
                yield placed
            else:
                self._hold(placed)

    def finish(self) -> Iterator[Placed]:
        """What had to wait for the last record."""
        if self._last is not None and self._last.record.timestamp is not None:
            now = self._last.record.timestamp
            for call in assemble(arrived(self._fragments, now), now, _NO_WAIT).calls:
                place, several = self._places[call.source.topic, call.source.offset]
                self._hold(_scored(place, several, call.span_id, call))
        related = self._related()
        for placed, attempt in self._held:
            yield _with(placed, related[attempt.started_at, attempt.call_id])

    def _related(self) -> dict[tuple[datetime, str], Related]:
        """What the calls that were held are in their requests. One that was read twice is one call."""
        requests: dict[str, dict[tuple[datetime, str], Attempt]] = {}
        for _, attempt in self._held:
            key = (attempt.started_at, attempt.call_id)
            requests.setdefault(attempt.request_id, {}).setdefault(key, attempt)
        related: dict[tuple[datetime, str], Related] = {}
        for attempts in requests.values():
            related |= zip(attempts, relate(list(attempts.values())), strict=True)
        return related

    def _hold(self, placed: Placed) -> None:
        self._held.append((placed, _attempt(placed.scored)))


def _attempt(scored: ScoredCall) -> Attempt:
    return attempt_of(scored.call, scored.scores.fallback, scored.scores.cost)


def _with(placed: Placed, related: Related) -> Placed:
    scores = structs.replace(placed.scored.scores, fallback=related.fallback)
    scored = structs.replace(placed.scored, scores=scores)
    return structs.replace(placed, scored=scored, request=related.request)


class _OwnId(msgspec.Struct):
    """The input's own id, whichever of the two names it has."""

    id: Any = None
    call_id: Any = None


def _own_ids(value: bytes | None) -> list[str | None]:
    """The ids that the items of a record carry themselves, as text, in their order."""
    text = (value or b"").removeprefix(codecs.BOM_UTF8).strip()
    try:
        owners = (
            msgspec.json.decode(text, type=list[_OwnId])
            if text.startswith(b"[")
            else [msgspec.json.decode(text, type=_OwnId)]
        )
    except (ValueError, RecursionError):
        return []
    found = [own.id if own.id is not None else own.call_id for own in owners]
    return [None if id_ is None else str(id_) for id_ in found]


def _scored(place: str, several: bool, own_id: str | None, call: Call) -> Placed:
    """The call with its scores and without its content, which nobody needs any more."""
    scored = ScoredCall(structs.replace(call, input=(), documents=(), tools=()), score(call))
    item = call.source.item if several else None
    return Placed(place, item, own_id, scored, alone(_attempt(scored)).request)
