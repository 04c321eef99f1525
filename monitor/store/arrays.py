"""Reads what Postgres collects with ``array_agg`` as numpy arrays: a statement in, rows of arrays out.

A row for each number costs more to fetch than to find; an array of numbers comes in one value, whose bytes
numpy reads as they are. An element in it is its length, always the same, and the number, both big-endian
(PostgreSQL's ``array_send``, after a header of five integers for an array of one dimension).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from psycopg import postgres
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.pq import Format

from monitor.store.database import driver

#: Bytes of dimensions, null flag, element type, length and lower bound.
_HEADER = 20


class _ArrayLoader(Loader):
    """Reads an array without nulls, of one dimension, that has elements."""

    format = Format.BINARY
    element: np.dtype[Any]

    def load(self, data: Buffer) -> NDArray[Any]:
        """The numbers, as a view of the bytes that came."""
        numbers: NDArray[Any] = np.frombuffer(data, self.element, offset=_HEADER)["number"]
        return numbers


def _loader(number: str) -> type[_ArrayLoader]:
    element = np.dtype([("length", ">i4"), ("number", number)])
    return type(f"_ArrayLoader{number[1:]}", (_ArrayLoader,), {"element": element})


_LOADERS = {
    postgres.types[name].array_oid: _loader(number)
    for name, number in {"int2": ">i2", "int4": ">i4", "int8": ">i8", "float8": ">f8"}.items()
}


def fetch(connection: sa.Connection, statement: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """The rows of a statement whose parameters are ``%(name)s``, its arrays of numbers as numpy's.

    An array must have elements, and none of them null: ``array_agg`` of a group gives no other.

    Raises:
        psycopg.Error: Postgres can't be reached or doesn't take the statement.
    """
    with driver(connection).cursor(binary=True) as cursor:
        for oid, loader in _LOADERS.items():
            cursor.adapters.register_loader(oid, loader)
        # A plan that is kept doesn't know the spans: they decide which partitions and indexes are read.
        cursor.execute(statement, values, prepare=False)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows
