"""COPY that finds the rows that Postgres refuses, by halving, so that they cost no other row.

Rows that take longer together than one statement may are halved, too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import psycopg
import sqlalchemy as sa

from monitor.errors import Transient
from monitor.store.database import driver, one_line

Cursor = psycopg.Cursor[tuple[object, ...]]
Item = TypeVar("Item")

#: What one row that can't be stored raises: Postgres its own errors (the last of them for a key too long
#: for an index), and the driver Python's, while it packs the row into bytes.
_REFUSALS = (
    psycopg.DataError,
    psycopg.IntegrityError,
    psycopg.errors.ProgramLimitExceeded,
    TypeError,
    ValueError,
    OverflowError,
)


def copy_bisecting(
    connection: sa.Connection, items: Sequence[Item], copy: Callable[[Cursor, Sequence[Item]], int]
) -> tuple[int, dict[int, str]]:
    """COPY the items; gives how many were new, and by position why Postgres refused the others.

    ``copy`` writes some of them and gives how many were new. What it raises itself goes through, and
    nothing of what it wrote stays.

    Raises:
        psycopg.errors.QueryCanceled: one row alone takes longer than a statement may.
        Transient: a day or month has no partition. That says nothing of a row: decode lets through only times
            for which the leader makes partitions, so the leader has been away for days.
    """
    if not items:
        return 0, {}
    stored = 0
    refused: dict[int, str] = {}
    with driver(connection).cursor() as cursor:
        pending = [(0, len(items))]
        while pending:
            start, end = pending.pop()
            try:
                with connection.begin_nested():
                    stored += copy(cursor, items[start:end])
            except (*_REFUSALS, psycopg.errors.QueryCanceled) as error:
                if isinstance(error, psycopg.errors.CheckViolation) and error.diag.constraint_name is None:
                    why = "is a replica with control running? It makes the days to come"
                    raise Transient(f"Postgres: {one_line(error)}: {why}") from error
                if end - start > 1:
                    middle = (start + end) // 2
                    pending += [(start, middle), (middle, end)]
                elif isinstance(error, psycopg.errors.QueryCanceled):
                    raise
                else:
                    refused[start] = one_line(error)
    return stored, refused
