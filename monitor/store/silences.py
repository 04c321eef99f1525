"""Silences in Postgres: who keeps which alerts from being told, from when to when, and why.

Matchers are kept as text, in the words of ``monitor.rules.matchers``. A silence is never deleted: it ends, so
that an alert that was muted by it can still say by what.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec
import sqlalchemy as sa
import structlog
from sqlalchemy.dialects.postgresql import ARRAY

from monitor.store.database import transient_if_unreachable
from monitor.store.tables import silences

log = structlog.get_logger("monitor.store.silences")

SilenceState = Literal["active", "pending", "expired"]

#: Postgres knows times before and after those that Python has: they are read as these.
_FIRST, _LAST = datetime(2, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)


class Silence(msgspec.Struct, frozen=True):
    """One silence, from ``starts_at`` until before ``ends_at``."""

    silence_id: int
    matchers: tuple[str, ...]
    starts_at: datetime
    ends_at: datetime
    created_by: str
    comment: str
    created_at: datetime

    def state(self, at: datetime) -> SilenceState:
        """Whether it mutes at that time, will do so, or did."""
        if self.ends_at <= at:
            return "expired"
        return "pending" if self.starts_at > at else "active"


class Silences:
    """The silences in Postgres.

    Args:
        engine: where.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def add(
        self,
        matchers: Sequence[str],
        *,
        starts_at: datetime,
        ends_at: datetime,
        created_by: str,
        comment: str,
    ) -> int:
        """Store a silence; gives its id.

        Raises:
            ValueError: it would end before it starts.
            Transient: Postgres can't be reached.
        """
        if ends_at <= starts_at:
            raise ValueError(f"a silence must end after it starts, and {ends_at} is not after {starts_at}")
        new = {
            "matchers": list(matchers),
            "starts_at": starts_at,
            "ends_at": ends_at,
            "created_by": created_by,
            "comment": comment,
        }
        adding = sa.insert(silences).values(new).returning(silences.c.silence_id)
        with transient_if_unreachable(), self._engine.begin() as connection:
            return int(connection.execute(adding).scalar_one())

    def all(self) -> list[Silence]:
        """Every silence there ever was, the one that ends or ended last first.

        Raises:
            Transient: Postgres can't be reached.
        """
        return self._read(sa.true())

    def unexpired(self, at: datetime) -> list[Silence]:
        """Those that are active at that time or will be, the one that ends last first.

        Raises:
            Transient: Postgres can't be reached.
        """
        return self._read(silences.c.ends_at > at)

    def muting(self, at: datetime) -> list[Silence]:
        """Those that are active at that time, the one that ends last first.

        Raises:
            Transient: Postgres can't be reached.
        """
        return self._read(sa.and_(silences.c.starts_at <= at, silences.c.ends_at > at))

    def expire(self, ids: Collection[int], at: datetime) -> list[int]:
        """End these at that time; one that has not begun never does. Gives those that had not ended yet.

        Raises:
            Transient: Postgres can't be reached.
        """
        ending = (
            sa.update(silences)
            .where(
                silences.c.silence_id == sa.any_(sa.literal(list(ids), ARRAY(sa.BigInteger))),
                silences.c.ends_at > at,
            )
            .values(starts_at=sa.func.least(silences.c.starts_at, at), ends_at=at)
            .returning(silences.c.silence_id)
        )
        with transient_if_unreachable(), self._engine.begin() as connection:
            return sorted(connection.execute(ending).scalars())

    def _read(self, which: sa.ColumnElement[bool]) -> list[Silence]:
        columns = [_bounded(column) if column.name.endswith("_at") else column for column in silences.c]
        query = sa.select(*columns).where(which).order_by(silences.c.ends_at.desc(), silences.c.silence_id)
        with transient_if_unreachable(), self._engine.begin() as connection:
            return list(_readable(connection.execute(query)))


def _bounded(time: sa.Column[datetime]) -> sa.ColumnElement[datetime]:
    return sa.func.greatest(sa.func.least(time, _LAST), _FIRST).label(time.name)


def _readable(rows: Iterable[sa.Row[Any]]) -> Iterator[Silence]:
    """The silences of these rows. One that somebody wrote by hand, and is none, hides no others."""
    for row in rows:
        try:
            yield msgspec.convert(row._mapping, Silence)
        except msgspec.ValidationError as error:
            log.warning("a silence can't be read", silence=row.silence_id, reason=str(error))
