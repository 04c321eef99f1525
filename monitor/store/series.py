"""Turns the dimensions of calls into series ids, and keeps their number bounded.

A value of a dimension that would be one too many becomes ``other``: a service that puts a user id into a
prompt name costs one series, not a million. What was folded is counted.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, insert

from monitor.records import DIMENSIONS
from monitor.store.tables import series

#: What stands in a dimension instead of a value over the cap.
OTHER = "other"

#: Different values that one dimension may have before the rest becomes ``other``.
MAX_VALUES = 1_000

#: Combinations remembered before the memory starts afresh, so that it stays bounded.
REMEMBERED = 200_000

_DISTINCT = sa.select(*(sa.func.array_agg(sa.distinct(series.c[name])).label(name) for name in DIMENSIONS))


class SeriesIds:
    """The ids of series, remembered once read.

    Args:
        max_values: values that one dimension may have.

    Attributes:
        folded: how many combinations had a value replaced by ``other``, by dimension.
    """

    def __init__(self, max_values: int = MAX_VALUES) -> None:
        self._max_values = max_values
        self._ids: dict[tuple[str, ...], int] = {}
        self._values: list[set[str]] = [set() for _ in DIMENSIONS]
        self.folded: Counter[str] = Counter()

    def resolve(self, engine: sa.Engine, wanted: Iterable[tuple[str, ...]]) -> dict[tuple[str, ...], int]:
        """The id of each combination of dimensions, made where it is new.

        New series are committed at once, apart from the batch that brought them: a series without calls
        does no harm, and an id that is remembered is always there.
        """
        wanted = set(wanted)
        missing = sorted(key for key in wanted if key not in self._ids)
        if missing:
            if len(self._ids) > REMEMBERED:
                self._ids.clear()
                missing = sorted(wanted)
            with engine.begin() as connection:
                self._read_values(connection)
                folded = {key: self._fold(key) for key in missing}
                ids = _ids(connection, folded.values())
            self._ids.update({key: ids[folded[key]] for key in missing})
        return self._ids

    def _read_values(self, connection: sa.Connection) -> None:
        row = connection.execute(_DISTINCT).one()
        for values, stored in zip(self._values, row, strict=True):
            values.update(stored or ())

    def _fold(self, key: tuple[str, ...]) -> tuple[str, ...]:
        result = []
        for name, values, value in zip(DIMENSIONS, self._values, key, strict=True):
            if value not in values and len(values) >= self._max_values:
                self.folded[name] += 1
                result.append(OTHER)
            else:
                values.add(value)
                result.append(value)
        return tuple(result)


def series_key(dimensions: tuple[str, ...]) -> bytes:
    """The stable key of a series: SHA-256 over its dimensions as a JSON array."""
    return hashlib.sha256(msgspec.json.encode(dimensions)).digest()


def _ids(connection: sa.Connection, wanted: Iterable[tuple[str, ...]]) -> dict[tuple[str, ...], int]:
    """The ids of these series; those that are new are inserted.

    Only the new ones: an insert that meets a series that is there uses up an id all the same. They go in
    in the order of their keys, so that two workers with the same news can't wait for each other.
    """
    keys = {series_key(dimensions): dimensions for dimensions in wanted}
    found = _read_ids(connection, keys)
    new = sorted(keys.keys() - found.keys())
    if new:
        rows = [{"key": key, **dict(zip(DIMENSIONS, keys[key], strict=True))} for key in new]
        connection.execute(insert(series).on_conflict_do_nothing(), rows)
        found |= _read_ids(connection, new)
    return {dimensions: found[key] for key, dimensions in keys.items()}


def _read_ids(connection: sa.Connection, keys: Iterable[bytes]) -> dict[bytes, int]:
    """The ids of those keys that are there. One array, since a statement takes at most 65,535 parameters."""
    query = sa.select(series.c.key, series.c.series_id).where(
        series.c.key == sa.any_(sa.literal(list(keys), ARRAY(sa.LargeBinary)))
    )
    return {bytes(row.key): row.series_id for row in connection.execute(query)}
