"""Keep rollups of each service as a whole too, so that what is asked of services does not read every series.

Every rollup that is there is added up once. A leader of the version before does not add up what it
recomputes, so none may run: see docs/reliability.md.

Revision ID: 0012
Revises: 0011
"""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

TIERS = {"rollup_1m": "rollup_service_1m", "rollup_1h": "rollup_service_1h"}

#: A row of the new tiers has the columns of the others, in their order, as the function ``rollup`` reads them
#: as one. Its series is one of those that it adds up: they share service and environment, and no more.
TABLES = "".join(
    f"""
CREATE TABLE {added} (
    LIKE {tier},
    CONSTRAINT {added}_pkey PRIMARY KEY (bucket, series_id)
) PARTITION BY RANGE (bucket);
"""
    for tier, added in TIERS.items()
)

#: A partition for each that the rollups have.
MONTHS = """
DO $$
DECLARE month record; tier text; added text;
BEGIN
    FOR month IN
        SELECT parent.relname AS tier, child.relname AS name,
            pg_get_expr(child.relpartbound, child.oid) AS span
        FROM pg_inherits
        JOIN pg_class AS child ON child.oid = inhrelid JOIN pg_class AS parent ON parent.oid = inhparent
        WHERE inhparent IN ('rollup_1m'::regclass, 'rollup_1h'::regclass)
    LOOP
        added := replace(month.tier, 'rollup_', 'rollup_service_');
        EXECUTE format(
            'CREATE TABLE %I PARTITION OF %I %s',
            replace(month.name, 'rollup_', 'rollup_service_'), added, month.span
        );
    END LOOP;
END $$
"""

HISTOGRAMS = ("duration", "ttft", "input_tokens", "output_tokens", "cost", "tools_risk", "grounding_risk")

#: The rows of a span, added up by service and environment.
ADD_UP = """
INSERT INTO {added} (bucket, series_id, {sums}, {pairs})
WITH touched AS NOT MATERIALIZED (
    SELECT service, environment, rolled.* FROM {tier} AS rolled JOIN series USING (series_id)
    WHERE bucket >= :start AND bucket < :stop
){histograms}
SELECT bucket, series_id, {sums}, {pairs}
FROM (
    SELECT bucket, service, environment, min(series_id) AS series_id, {summed}
    FROM touched GROUP BY 1, 2, 3
) AS added
{joined}
"""

HISTOGRAM = """,
{of} AS (
    SELECT bucket, service, environment, array_agg(value_bucket ORDER BY value_bucket) AS {of}_buckets,
        array_agg(n ORDER BY value_bucket) AS {of}_counts
    FROM (
        SELECT bucket, service, environment, value_bucket, sum(n)::int AS n
        FROM touched CROSS JOIN LATERAL unnest({of}_buckets, {of}_counts) AS pair(value_bucket, n)
        GROUP BY 1, 2, 3, 4
    ) AS counts
    GROUP BY 1, 2, 3
)"""

READERS = """
DO $$
DECLARE reader text;
BEGIN
    FOR reader IN
        SELECT CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END
        FROM pg_class, aclexplode(relacl)
        WHERE pg_class.oid = 'rollup_1m'::regclass AND privilege_type = 'SELECT' AND grantee <> relowner
    LOOP
        EXECUTE format('GRANT SELECT ON rollup_service_1m, rollup_service_1h TO %s', reader);
    END LOOP;
END $$
"""

#: As before, and of services where that is enough. The planner drops the half that is not asked for.
FUNCTION = """
DROP FUNCTION rollup(timestamptz, timestamptz, interval);

CREATE FUNCTION rollup(
    start timestamptz, stop timestamptz, step interval DEFAULT '1 hour', services boolean DEFAULT false
)
RETURNS SETOF rollup_1m
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT * FROM rollup_1m
    WHERE bucket >= start AND bucket < least(stop, rollup_hours_start(start, stop, step)) AND NOT services
    UNION ALL
    SELECT * FROM rollup_1h
    WHERE bucket >= rollup_hours_start(start, stop, step) AND bucket < date_bin('1 hour', stop, 'epoch')
    AND bucket NOT IN (SELECT hour FROM dirty_hours) AND NOT services
    UNION ALL
    SELECT minutes.* FROM dirty_hours
    JOIN rollup_1m AS minutes ON bucket >= hour AND bucket < hour + interval '1 hour'
    WHERE hour >= rollup_hours_start(start, stop, step) AND hour < date_bin('1 hour', stop, 'epoch')
    AND NOT services
    UNION ALL
    SELECT * FROM rollup_1m
    WHERE bucket >= greatest(rollup_hours_start(start, stop, step), date_bin('1 hour', stop, 'epoch'))
    AND bucket < stop AND NOT services
    UNION ALL
    SELECT * FROM rollup_service_1m
    WHERE bucket >= start AND bucket < least(stop, rollup_hours_start(start, stop, step)) AND services
    UNION ALL
    SELECT * FROM rollup_service_1h
    WHERE bucket >= rollup_hours_start(start, stop, step) AND bucket < date_bin('1 hour', stop, 'epoch')
    AND bucket NOT IN (SELECT hour FROM dirty_hours) AND services
    UNION ALL
    SELECT minutes.* FROM dirty_hours
    JOIN rollup_service_1m AS minutes ON bucket >= hour AND bucket < hour + interval '1 hour'
    WHERE hour >= rollup_hours_start(start, stop, step) AND hour < date_bin('1 hour', stop, 'epoch')
    AND services
    UNION ALL
    SELECT * FROM rollup_service_1m
    WHERE bucket >= greatest(rollup_hours_start(start, stop, step), date_bin('1 hour', stop, 'epoch'))
    AND bucket < stop AND services
$$;
"""


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(MONTHS)
    op.execute(READERS)
    op.execute(FUNCTION)
    for tier in TIERS:
        _add_up(tier)


def _add_up(tier: str) -> None:
    """Fill what was added beside a tier, day by day, so that no statement needs much memory."""
    connection = op.get_bind()
    names = [column["name"] for column in sa.inspect(connection).get_columns(tier)]
    sums = [name for name in names if not name.endswith(("_buckets", "_counts"))]
    sums = [name for name in sums if name not in ("bucket", "series_id")]
    statement = sa.text(
        ADD_UP.format(
            tier=tier,
            added=TIERS[tier],
            sums=", ".join(sums),
            summed=", ".join(f"sum({name}) AS {name}" for name in sums),
            pairs=", ".join(f"{of}_buckets, {of}_counts" for of in HISTOGRAMS),
            histograms="".join(HISTOGRAM.format(of=of) for of in HISTOGRAMS),
            joined=" ".join(f"LEFT JOIN {of} USING (bucket, service, environment)" for of in HISTOGRAMS),
        )
    )
    days = sa.text(f"SELECT generate_series(min(bucket), max(bucket), interval '1 day') FROM {tier}")
    for start in connection.execute(days).scalars().all():
        connection.execute(statement, {"start": start, "stop": start + timedelta(days=1)})
