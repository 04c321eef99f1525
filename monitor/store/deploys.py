"""Deploy markers in Postgres: what somebody said was deployed, and new versions that calls were seen with.

``add`` keeps a marker that a person or a pipeline gave, ``notice`` finds the others in the series and their
rollups, ``between`` and ``nearest`` give them to tables and pages.
"""

# ruff: noqa: S608 - every statement is built from our own closed lists
from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal

import msgspec
import sqlalchemy as sa

from monitor.store.database import transient_if_unreachable
from monitor.store.series import OTHER
from monitor.store.tables import deploys

DeploySource = Literal["command", "http", "calls"]

#: How far from a page's time a marker may be to be on it: deploys break things afterwards, and the start that
#: a page gives is an estimate.
BEFORE, AFTER = timedelta(hours=24), timedelta(minutes=15)

#: How long a service must have been seen with something else before a version of it is a new one: where the
#: first calls come, every version is.
KNOWN = timedelta(hours=1)

#: Lets one process at a time add, so that what is sent twice at once is one marker.
_DEPLOYS_LOCK = 0x6C6C6D11

#: A series is there before its calls are counted: for so long a look comes back to one without rollups.
_COUNTED_WITHIN = timedelta(days=1)

#: Series come with the time at which their transaction began, and are seen when it has ended.
_COMMITTED_WITHIN = timedelta(minutes=2)


#: How far back a deploy may lie that is told now, and how far ahead.
OLDEST, NEWEST = timedelta(days=366), timedelta(days=1)

#: Characters that each text of a marker may have.
LONGEST = {"service": 256, "version": 256, "environment": 256, "comment": 2_048}

#: What is no part of one line of text, as a table shows it and Postgres takes it.
_NO_LINE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class Deploy(msgspec.Struct, frozen=True, kw_only=True):
    """One marker. An empty ``environment`` stands for all of them.

    Of source ``calls``, ``dimension`` is what is new in the calls (``prompt_version`` or ``model_served``),
    ``version`` its value, and ``subject`` the prompt's name or the requested model.
    """

    at: datetime
    service: str
    version: str
    environment: str = ""
    comment: str = ""
    source: DeploySource = "command"
    dimension: str = ""
    subject: str = ""


def check(deploy: Deploy, now: datetime) -> None:
    """Raise ``ValueError`` for a marker that nobody can have meant; says what would be right."""
    for name, longest in LONGEST.items():
        text = getattr(deploy, name)
        if len(text) > longest:
            raise ValueError(f"`{name}` may have at most {longest:,} characters, not {len(text):,}")
        if _NO_LINE.search(text):
            raise ValueError(f"`{name}` must be one line of text, without control characters")
        if name in ("service", "version") and not text.strip():
            raise ValueError(f"`{name}` must not be empty")
    if not now - OLDEST <= deploy.at <= now + NEWEST:
        raise ValueError("`at` must be within the last year, and at most a day ahead")


def add(engine: sa.Engine, deploy: Deploy) -> tuple[int, bool]:
    """Store a marker; gives its id, and whether it is new.

    A service, environment, version and time that are there already are the same marker.

    Raises:
        Transient: Postgres can't be reached.
    """
    same = sa.select(deploys.c.deploy_id).where(
        *(deploys.c[name] == getattr(deploy, name) for name in ("service", "environment", "version", "at"))
    )
    adding = sa.insert(deploys).values(msgspec.structs.asdict(deploy)).returning(deploys.c.deploy_id)
    with transient_if_unreachable(), engine.begin() as connection:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_DEPLOYS_LOCK)))
        there = connection.execute(same.limit(1)).scalar_one_or_none()
        if there is not None:
            return there, False
        return connection.execute(adding).scalar_one(), True


def between(
    engine: sa.Engine, start: datetime, end: datetime, *, service: str = "", environment: str = ""
) -> list[Deploy]:
    """The markers from ``start`` until before ``end``, oldest first; of one service or environment if given.

    A marker of all environments is of each.

    Raises:
        Transient: Postgres can't be reached.
    """
    query = sa.select(*(deploys.c[name] for name in Deploy.__struct_fields__)).where(
        deploys.c.at >= start, deploys.c.at < end
    )
    if service:
        query = query.where(deploys.c.service == service)
    if environment:
        query = query.where(deploys.c.environment.in_(("", environment)))
    with transient_if_unreachable(), engine.begin() as connection:
        rows = connection.execute(query.order_by(deploys.c.at, deploys.c.deploy_id))
        return [msgspec.convert(row._mapping, Deploy) for row in rows]


def nearest(engine: sa.Engine, labels: Mapping[str, str], at: datetime, *, limit: int = 3) -> list[Deploy]:
    """The markers around ``at`` that may have to do with an alert of these labels, the nearest first.

    Those of its service and environment, or of any where it has none; from ``BEFORE`` until ``AFTER``.

    Raises:
        Transient: Postgres can't be reached.
    """
    found = between(
        engine,
        at - BEFORE,
        at + AFTER,
        service=labels.get("service", ""),
        environment=labels.get("environment", ""),
    )
    return sorted(found, key=lambda deploy: abs(deploy.at - at))[:limit]


def notice(engine: sa.Engine, since: datetime) -> datetime:
    """Mark the versions that calls were seen with for the first time, as far as their series came since then.

    A version is marked at the first minute that counts it, when the same prompt (for ``prompt_version``) or
    the same service and environment (for ``model_served``) was seen with another at least ``KNOWN`` before.
    The first version of all is none, and neither is one that was seen before, or what the cap on dimensions
    made ``other``.

    Gives from when on the next look has to be: of ever new series, and of those that no rollup counts yet.

    Raises:
        Transient: Postgres can't be reached.
    """
    with transient_if_unreachable(), engine.begin() as connection:
        fresh = connection.execute(_FRESH, {"since": since, "waits": _COUNTED_WITHIN}).one()
        if fresh.newest is None:
            return since
        for statement in _NOTICE:
            connection.execute(statement, {"since": since, "known": KNOWN})
        seen_until: datetime = fresh.newest - _COMMITTED_WITHIN
        return seen_until if fresh.uncounted is None else min(seen_until, fresh.uncounted)


class Notices:
    """Looks for new versions again and again, each time from where the last look left off.

    Args:
        engine: where.
        since: where the first look begins.
    """

    def __init__(self, engine: sa.Engine, since: datetime) -> None:
        self._engine = engine
        self._since = since

    def look(self) -> None:
        """Mark what is new.

        Raises:
            Transient: Postgres can't be reached; the next look begins at the same place.
        """
        self._since = notice(self._engine, self._since)


# The newest series that came since then, and the oldest of them that no rollup counts yet.
_FRESH = sa.text(
    """
    SELECT max(first_seen) AS newest, min(first_seen) FILTER (
        WHERE first_seen > now() - CAST(:waits AS interval)
        AND NOT EXISTS (SELECT FROM rollup_1m WHERE rollup_1m.series_id = series.series_id)
    ) AS uncounted
    FROM series WHERE first_seen >= :since
    """
)


def _noticing(dimension: str, subject: str, same_subject: str) -> sa.TextClause:
    """The statement that marks new values of a dimension.

    ``new`` are the values that no older series has, which are few; each is then looked up in the rollups.
    """
    named = " AND ".join(f"{name} <> '{OTHER}'" for name in ("service", "environment", subject, dimension))
    return sa.text(
        f"""
    WITH new AS MATERIALIZED (
        SELECT service, environment, {subject} AS subject, {dimension} AS version
        FROM series WHERE {dimension} <> '' AND {named}
        GROUP BY 1, 2, 3, 4 HAVING min(first_seen) >= :since
    ),
    first AS MATERIALIZED (
        SELECT new.service, new.environment, subject, version, min(bucket) AS at
        FROM new JOIN series ON series.service = new.service AND series.environment = new.environment
            AND series.{subject} = subject AND series.{dimension} = version
        CROSS JOIN LATERAL (
            SELECT min(bucket) AS bucket FROM rollup_1m WHERE rollup_1m.series_id = series.series_id
        ) AS counted
        GROUP BY 1, 2, 3, 4
    )
    INSERT INTO deploys (at, service, environment, source, dimension, subject, version)
    SELECT at, service, environment, 'calls', '{dimension}', subject, version FROM first
    WHERE EXISTS (
        SELECT FROM series
        WHERE series.service = first.service AND series.environment = first.environment
        AND series.{dimension} NOT IN ('', '{OTHER}', first.version) {same_subject}
        AND EXISTS (
            SELECT FROM rollup_1m WHERE rollup_1m.series_id = series.series_id
            AND rollup_1m.bucket <= first.at - CAST(:known AS interval)
        )
    )
    ON CONFLICT DO NOTHING
    """
    )


_NOTICE = (
    _noticing("prompt_version", "prompt_name", "AND series.prompt_name = first.subject"),
    # A model is changed by asking for another one, too: any that was served before will do.
    _noticing("model_served", "model_requested", ""),
)
