"""Finds the calls that were stored before with another start: calls come in, places of known ones go out.

A call whose record says no start has the time at which it was logged, so that a record that is sent again
would be another call. Such a call is known by its id and its request alone. The index of requests finds it;
every other call is known by start and id, and is not looked for here.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from monitor.records import Call
from monitor.store.refusals import Cursor

#: How far apart a record that is sent again may be logged.
APART = timedelta(days=7)

#: Key of the advisory lock that lets one save at a time look for such calls and store them: neither of two
#: workers would see what the other is about to store.
_LOGGED_LOCK = 0x6C6C6D07

# The bounds tell the planner which days are meant; OFFSET 0 keeps it to one look into the index for each.
_KNOWN = """
    SELECT place FROM unnest(%(places)s::int[], %(ids)s::text[], %(requests)s::text[])
        AS wanted (place, call_id, request_id)
    WHERE EXISTS (
        SELECT FROM calls
        WHERE hashtextextended(coalesce(calls.request_id, calls.trace_id, calls.call_id), 0)
            = hashtextextended(wanted.request_id, 0)
        AND calls.call_id = wanted.call_id
        AND started_at >= %(first)s AND started_at <= %(last)s
        OFFSET 0
    )
"""


def known(cursor: Cursor, calls: Sequence[Call]) -> set[int]:
    """The places of those calls that only their log dates and that are stored already, or are here before.

    From then on no other transaction stores such calls until this one ends.

    Raises:
        psycopg.Error: an id that Postgres doesn't take.
    """
    first_places: dict[tuple[str, str], int] = {}
    again: set[int] = set()
    for place, call in enumerate(calls):
        if call.source.logged:
            key = (call.call_id, call.request_id or call.trace_id or call.call_id)
            if first_places.setdefault(key, place) != place:
                again.add(place)
    if not first_places:
        return again
    starts = [calls[place].started_at for place in first_places.values()]
    wanted = {
        "places": list(first_places.values()),
        "ids": [call_id for call_id, _ in first_places],
        "requests": [request_id for _, request_id in first_places],
        "first": min(starts) - APART,
        "last": max(starts) + APART,
    }
    cursor.execute("SELECT pg_advisory_xact_lock(%s)", (_LOGGED_LOCK,))
    cursor.execute(_KNOWN, wanted)
    return again | {place for (place,) in cursor.fetchall() if isinstance(place, int)}
