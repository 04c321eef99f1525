"""Records that a worker was at when its process ended, written down for whoever reads them next."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from monitor.records import Place
from monitor.store.database import transient_if_unreachable
from monitor.store.tables import suspects


def suspect(engine: sa.Engine, place: Place, detail: str) -> None:
    """Write down that this record may have ended its worker; ``detail`` says how. Each call is one worker.

    It takes at most some seconds: whoever writes this watches over workers.

    Raises:
        Transient: Postgres can't be reached, or can't write now.
    """
    statement = (
        insert(suspects)
        .values(topic=place.topic, partition=place.partition, kafka_offset=place.offset, detail=detail)
        .on_conflict_do_update(
            constraint="suspects_pkey", set_={"deaths": suspects.c.deaths + 1, "detail": detail}
        )
    )
    with transient_if_unreachable(), engine.begin() as connection:
        connection.execute(sa.text("SET LOCAL statement_timeout = '5s'"))
        connection.execute(statement)


def read_suspects(connection: sa.Connection) -> set[Place]:
    """The suspected records, which are few: workers seldom end unasked."""
    table = suspects.c
    query = sa.select(table.topic, table.partition, table.kafka_offset)
    return {Place(*found) for found in connection.execute(query)}


def deaths(engine: sa.Engine, place: Place) -> int:
    """How many workers have ended at this record.

    Raises:
        Transient: Postgres can't be reached.
    """
    table = suspects.c
    query = sa.select(table.deaths).where(
        table.topic == place.topic, table.partition == place.partition, table.kafka_offset == place.offset
    )
    with transient_if_unreachable(), engine.begin() as connection:
        return connection.execute(query).scalar_one_or_none() or 0


def acquit(connection: sa.Connection, places: Collection[Place]) -> None:
    """These records were dealt with: they are suspected of nothing any more."""
    if places:
        table = suspects.c
        connection.execute(
            sa.delete(suspects).where(
                sa.tuple_(table.topic, table.partition, table.kafka_offset).in_(list(places))
            )
        )
