"""Turns the dimensions of calls into series ids, and keeps their number bounded.

A value of a dimension that would be one too many becomes ``other``: a service that puts a user id into a
prompt name costs one series, not a million. Where there are too many combinations all the same, what an
application names itself becomes ``other`` in the new ones, and in the end all of it. What was folded is
counted. The caps hold across processes: series are made under one lock. Values that no kept call has any more
are freed.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, insert

from monitor.records import DIMENSIONS
from monitor.store.database import transient_if_unreachable
from monitor.store.tables import series, series_values

#: What stands in a dimension instead of a value over the cap.
OTHER = "other"

#: Different values that one dimension may have before the rest becomes ``other``.
MAX_VALUES = 1_000

#: Series before new ones are told apart by service, environment, provider and models only; and before
#: every new one is the same ``other``, twice that.
MAX_SERIES = 100_000

#: Combinations remembered before the memory starts afresh, so that it stays bounded.
REMEMBERED = 200_000

#: Seconds after which it all is read anew: values may have been freed meanwhile.
FORGOTTEN_S = 600.0

#: What an application names as it likes.
_NAMED = frozenset({"route", "prompt_name", "prompt_version", "operation", "agent"})

#: Key of the advisory lock that lets one process at a time make series.
_SERIES_LOCK = 0x6C6C6D06

_PAIRS = ", ".join(f"('{name}', {name})" for name in DIMENSIONS)

_FREE = sa.text(
    f"""
    WITH used AS MATERIALIZED (
        SELECT * FROM series
        WHERE first_seen > now() - interval '1 day'
        OR EXISTS (SELECT FROM calls WHERE calls.series_id = series.series_id)
    )
    DELETE FROM series_values WHERE (dimension, value) NOT IN (
        SELECT pair.dimension, pair.value
        FROM used CROSS JOIN LATERAL (VALUES {_PAIRS}) AS pair(dimension, value)
    )
    """  # noqa: S608 - built from our own closed list
)

Key = tuple[str, ...]


class SeriesIds:
    """The ids of series, remembered once read. Threads may share it.

    Args:
        max_values: values that one dimension may have.
        max_series: see ``MAX_SERIES``.
        monotonic: seconds that never go back.

    Attributes:
        folded: how many combinations had a value replaced by ``other``, by dimension.
    """

    def __init__(
        self,
        max_values: int = MAX_VALUES,
        *,
        max_series: int = MAX_SERIES,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._max_values = max_values
        self._max_series = max_series
        self._ids: dict[Key, int] = {}
        self._values = _no_values()
        self._making = threading.Lock()
        self._monotonic = monotonic
        self._remembered_at = monotonic()
        self.folded: Counter[str] = Counter()

    def resolve(self, engine: sa.Engine, wanted: Iterable[Key]) -> dict[Key, int]:
        """The id of each combination of dimensions, made where it is new.

        New series are committed at once, apart from the batch that brought them: a series without calls
        does no harm, and an id that is remembered is always there.
        """
        wanted = set(wanted)
        if self._monotonic() - self._remembered_at >= FORGOTTEN_S:
            with self._making:
                self._ids, self._values = {}, _no_values()
                self._remembered_at = self._monotonic()
        found = {key: id_ for key in wanted if (id_ := self._ids.get(key)) is not None}
        if missing := sorted(wanted - found.keys()):
            with self._making:
                made = self._read_or_make(engine, missing)
                if len(self._ids) + len(made) > REMEMBERED:
                    self._ids = {}
                self._ids.update(made)
            found |= made
        return found

    def _read_or_make(self, engine: sa.Engine, missing: Collection[Key]) -> dict[Key, int]:
        folded: dict[Key, Key] = {}
        try:
            with engine.begin() as connection:
                found = _read(connection, missing)
                new = [key for key in missing if key not in found]
                if new:
                    connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _SERIES_LOCK})
                    folded = self._within_caps(connection, new)
                    ids = _ids(connection, set(folded.values()))
                    found |= {key: ids[folded[key]] for key in new}
        except BaseException:
            # Values may be among them that were not committed.
            self._values = _no_values()
            raise
        for key, fitting in folded.items():
            pairs = zip(DIMENSIONS, key, fitting, strict=True)
            self.folded.update(name for name, value, kept in pairs if value != kept)
        return found

    def _within_caps(self, connection: sa.Connection, new: Iterable[Key]) -> dict[Key, Key]:
        """What each of these new combinations becomes. Nobody else makes series meanwhile."""
        self._admit(connection, new)
        among = sa.select(sa.literal(1)).select_from(series).limit(2 * self._max_series).subquery()
        there = connection.execute(sa.select(sa.func.count()).select_from(among)).scalar_one()
        folded: dict[Key, Key] = {}
        made: set[Key] = set()
        for key in new:
            folded[key] = self._folded(key, there + len(made))
            made.add(folded[key])
        return folded

    def _folded(self, key: Key, series_before: int) -> Key:
        if series_before >= 2 * self._max_series:
            return (OTHER,) * len(DIMENSIONS)
        crowded = series_before >= self._max_series
        return tuple(
            value if value in self._values[name] and not (crowded and name in _NAMED) else OTHER
            for name, value in zip(DIMENSIONS, key, strict=True)
        )

    def _admit(self, connection: sa.Connection, new: Iterable[Key]) -> None:
        """Add the new values to the stored ones, as far as there is room; a full dimension is not read."""
        wanted = {
            (name, value): None
            for key in new
            for name, value in zip(DIMENSIONS, key, strict=True)
            if value not in self._values[name] and len(self._values[name]) < self._max_values
        }
        if not wanted:
            return
        for name, value in connection.execute(sa.select(series_values)):
            self._values[name].add(value)
        rows = []
        for name, value in wanted:
            values = self._values[name]
            if value not in values and len(values) < self._max_values:
                values.add(value)
                rows.append({"dimension": name, "value": value})
        if rows:
            connection.execute(sa.insert(series_values), rows)


def free_values(engine: sa.Engine) -> int:
    """Free the values of dimensions that no kept call has, so that they no longer count; gives how many.

    Their series stay, as rollups are of them and workers remember their ids. A value that comes back in such
    a series is found there. What is a day old at most is left alone: its calls may still be on their way.

    Raises:
        Transient: Postgres can't be reached.
    """
    with transient_if_unreachable(), engine.begin() as connection:
        return connection.execute(_FREE).rowcount


def _no_values() -> dict[str, set[str]]:
    """The values of each dimension, before any is known."""
    return {name: set() for name in DIMENSIONS}


def series_key(dimensions: Key) -> bytes:
    """The stable key of a series: SHA-256 over its dimensions as a JSON array."""
    return hashlib.sha256(msgspec.json.encode(dimensions)).digest()


def _ids(connection: sa.Connection, wanted: Collection[Key]) -> dict[Key, int]:
    """The ids of these series; those that are new are inserted.

    Only the new ones: an insert that meets a series that is there uses up an id all the same.
    """
    found = _read(connection, wanted)
    new = sorted(set(wanted) - found.keys())
    if new:
        rows = [{"key": series_key(one), **dict(zip(DIMENSIONS, one, strict=True))} for one in new]
        connection.execute(insert(series).on_conflict_do_nothing(), rows)
        found |= _read(connection, new)
    return found


def _read(connection: sa.Connection, wanted: Iterable[Key]) -> dict[Key, int]:
    """The ids of those that are there. One array, since a statement takes at most 65,535 parameters."""
    keys = {series_key(dimensions): dimensions for dimensions in wanted}
    query = sa.select(series.c.key, series.c.series_id).where(
        series.c.key == sa.any_(sa.literal(list(keys), ARRAY(sa.LargeBinary)))
    )
    return {keys[bytes(row.key)]: row.series_id for row in connection.execute(query)}
