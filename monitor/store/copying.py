"""Writes rows into ``calls`` by binary COPY: straight in where every call is new, which nearly always is so.

A call that is there already, or twice among the rows, breaks such a COPY off. Then the rows go through a
staging table, from which only the new ones are taken. In come rows, out goes how many were new.
"""

from __future__ import annotations

from collections.abc import Sequence

import psycopg

from monitor.store.refusals import Cursor
from monitor.store.rows import COLUMNS, Row

_NAMES = ", ".join(name for name, _ in COLUMNS)
_TYPES = [type_ for _, type_ in COLUMNS]
_STRAIGHT = f"COPY calls ({_NAMES}) FROM STDIN (FORMAT BINARY)"
_STAGED = f"COPY staged_calls ({_NAMES}) FROM STDIN (FORMAT BINARY)"
_STAGE = "CREATE TEMP TABLE IF NOT EXISTS staged_calls (LIKE calls INCLUDING DEFAULTS) ON COMMIT DELETE ROWS"
_MOVE = f"INSERT INTO calls ({_NAMES}) SELECT {_NAMES} FROM staged_calls ON CONFLICT DO NOTHING"  # noqa: S608


def copy_calls(cursor: Cursor, rows: Sequence[Row]) -> int:
    """Write the rows whose calls are new; gives how many those were.

    Runs in the caller's transaction, and leaves it usable where a call was there already.

    Raises:
        psycopg.Error: a row that Postgres doesn't take; nothing is written.
    """
    if not rows:
        return 0
    try:
        with cursor.connection.transaction():
            _write(cursor, _STRAIGHT, rows)
    except psycopg.errors.UniqueViolation:
        return _copy_new(cursor, rows)
    return len(rows)


def _copy_new(cursor: Cursor, rows: Sequence[Row]) -> int:
    cursor.execute(_STAGE)
    _write(cursor, _STAGED, rows)
    cursor.execute(_MOVE)
    new = cursor.rowcount
    # Rows are also refused and bisected within one transaction: the next ones must not meet these.
    cursor.execute("TRUNCATE staged_calls")
    return new


def _write(cursor: Cursor, statement: str, rows: Sequence[Row]) -> None:
    with cursor.copy(statement) as copy:
        copy.set_types(_TYPES)
        for values in rows:
            copy.write_row(values)
