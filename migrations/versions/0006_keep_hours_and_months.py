"""Keep rollups by the hour too, by month, without zeros; mark since when; merge histograms in one aggregate.

Every rollup that is there is copied once, and its hours are marked, so that the leader makes them.

Revision ID: 0006
Revises: 0005
"""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

#: Most counters of most rows are 0, and a 0 is stored as null: it takes a bit instead of four or eight bytes.
#: By falling alignment, so that a row has no holes in it.
DOUBLES = (
    "duration_sum_ms",
    "ttft_sum_ms",
    "tools_risk_sum",
    "grounding_risk_sum",
    "request_extra_ms",
    "request_extra_cost",
    "cost",
)

COUNTERS = (
    "errors",
    "json_ok",
    "json_not_json",
    "json_fenced",
    "json_wrapped",
    "json_truncated",
    "json_schema_violation",
    "json_duplicate_keys",
    "json_empty",
    "json_refused",
    "json_not_applicable",
    "json_unknown",
    "tools_ok",
    "tools_malformed_arguments",
    "tools_unknown_tool",
    "tools_missing_argument",
    "tools_unexpected_argument",
    "tools_wrong_type",
    "tools_invalid_value",
    "tools_forbidden_call",
    "tools_missing_call",
    "tools_parallel_not_allowed",
    "tools_repeated_call",
    "tools_not_applicable",
    "tools_unknown",
    "grounding_supported",
    "grounding_suspect",
    "grounding_unsupported",
    "grounding_not_applicable",
    "grounding_unknown",
    "fallback_none",
    "fallback_retry",
    "fallback_fallback",
    "fallback_exhausted",
    "fallback_silent_downgrade",
    "fallback_unknown",
    "instructions_ok",
    "instructions_empty",
    "instructions_refused",
    "instructions_length_limit",
    "instructions_wrong_language",
    "instructions_wrong_format",
    "instructions_not_applicable",
    "instructions_unknown",
    "judge_supported",
    "judge_suspect",
    "judge_unsupported",
    "judge_not_applicable",
    "judge_unknown",
    "uncaptured_input",
    "uncaptured_output",
    "uncaptured_tools",
    "uncaptured_schema",
    "json_recoverable",
    "tools_rated",
    "tools_risky",
    "grounding_rated",
    "grounding_risky",
    "requests",
    "requests_failed",
    "requests_rescued",
    "costed",
)

HISTOGRAMS = ("duration", "ttft")

_COLUMNS = ",\n    ".join(
    [
        "bucket timestamptz NOT NULL",
        "input_tokens BIGINT",
        "output_tokens BIGINT",
        *(f"{name} DOUBLE PRECISION" for name in DOUBLES),
        "series_id INTEGER NOT NULL",
        "calls INTEGER NOT NULL",
        *(f"{name} INTEGER" for name in COUNTERS),
        *(f"{of}_buckets SMALLINT[],\n    {of}_counts INTEGER[]" for of in HISTOGRAMS),
    ]
)

#: The index on the bucket alone is small, as equal keys are kept once; the key serves whoever asks for one
#: series.
TABLES = "".join(
    f"""
CREATE TABLE {name} (
    {_COLUMNS},
    CONSTRAINT {name}_pkey PRIMARY KEY (series_id, bucket)
) PARTITION BY RANGE (bucket);
CREATE INDEX {name}_bucket_idx ON {name} (bucket);
"""
    for name in ("rollup_1m", "rollup_1h")
)

#: A partition for each month that has rollups; the others are made by ``monitor.store.partitions``.
MONTHS = """
DO $$
DECLARE at timestamp; tier text;
BEGIN
    FOR at IN SELECT DISTINCT date_trunc('month', bucket AT TIME ZONE 'UTC') FROM rollup_before LOOP
        FOREACH tier IN ARRAY ARRAY['rollup_1m', 'rollup_1h'] LOOP
            EXECUTE format(
                'CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)',
                tier || to_char(at, '_YYYYMM'), tier, at || 'Z', at + interval '1 month' || 'Z'
            );
        END LOOP;
    END LOOP;
END $$
"""

_SUMMED = ("input_tokens", "output_tokens", *(name for name in DOUBLES if "ttft" not in name), *COUNTERS)

COPY = f"""
INSERT INTO rollup_1m (bucket, series_id, calls, duration_buckets, duration_counts, {", ".join(_SUMMED)})
SELECT bucket, series_id, calls, nullif(duration_buckets, '{{}}'), nullif(duration_counts, '{{}}'),
    {", ".join(f"nullif({name}, 0)" for name in _SUMMED)}
FROM rollup_before
ORDER BY bucket
"""

#: A mark says since when calls are new; the calls of the minute that were there before are related already.
#: Marks come and go all the time: what they leave is cleared away before it gets large.
MARKS = """
ALTER TABLE dirty_minutes ADD COLUMN marked_at timestamptz DEFAULT now() NOT NULL;
ALTER TABLE dirty_minutes SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

CREATE TABLE dirty_hours (
    hour timestamptz NOT NULL,
    marked_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT dirty_hours_pkey PRIMARY KEY (hour)
);
ALTER TABLE dirty_hours SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

INSERT INTO dirty_hours (hour) SELECT DISTINCT date_trunc('hour', bucket, 'UTC') FROM rollup_before;
"""

#: Who could read rollups still may.
READERS = """
DO $$
DECLARE reader text;
BEGIN
    FOR reader IN
        SELECT CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END
        FROM pg_class, aclexplode(relacl)
        WHERE pg_class.oid = 'rollup_before'::regclass AND privilege_type = 'SELECT' AND grantee <> relowner
    LOOP
        EXECUTE format('GRANT SELECT ON rollup_1m, rollup_1h, dirty_hours TO %s', reader);
    END LOOP;
END $$
"""

#: The bucket of a value, as before, but written so that the planner puts it in place of the call: it took
#: more time than everything else about a histogram.
BUCKET = """
CREATE OR REPLACE FUNCTION histogram_bucket(value double precision) RETURNS smallint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ceil(
    ln(CASE WHEN value < 0.01 THEN 0.01::double precision WHEN value > 86400000 THEN 86400000 ELSE value END)
    / ln(1.02::double precision)
)::smallint;
"""

#: Any percentile of any rows: ``percentile(0.95) WITHIN GROUP (ORDER BY histogram(buckets, counts))``.
#: Histograms are collected by a built-in function and merged once, at the end.
PERCENTILE = """
CREATE TYPE histogram AS (buckets smallint[], counts integer[]);

CREATE FUNCTION histogram(buckets smallint[], counts integer[]) RETURNS histogram
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ROW(buckets, counts)::histogram;

CREATE FUNCTION histograms_percentile(histograms histogram[], q double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (
    SELECT histogram_quantile(q, array_agg(bucket), array_agg(n::bigint))
    FROM unnest(histograms) AS one, unnest(one.buckets, one.counts) AS pair(bucket, n)
);

CREATE AGGREGATE percentile(double precision ORDER BY histogram) (
    SFUNC = array_append,
    STYPE = histogram[],
    INITCOND = '{}',
    FINALFUNC = histograms_percentile,
    PARALLEL = SAFE
);
"""

#: The rollups of a span, by the hour where ``step`` allows it: hours that lie in the span as a whole and have
#: no mark, and minutes for the rest. The planner puts it in place of the call, and reads only what is asked.
TIERS = """
CREATE FUNCTION rollup_hours_start(start timestamptz, stop timestamptz, step interval) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE
    WHEN step < interval '1 hour' THEN stop
    ELSE date_bin('1 hour', start - interval '1 microsecond', 'epoch') + interval '1 hour'
END;

CREATE FUNCTION rollup(start timestamptz, stop timestamptz, step interval DEFAULT '1 hour')
RETURNS SETOF rollup_1m
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT * FROM rollup_1m
    WHERE bucket >= start AND bucket < least(stop, rollup_hours_start(start, stop, step))
    UNION ALL
    SELECT * FROM rollup_1h
    WHERE bucket >= rollup_hours_start(start, stop, step) AND bucket < date_bin('1 hour', stop, 'epoch')
    AND bucket NOT IN (SELECT hour FROM dirty_hours)
    UNION ALL
    SELECT minutes.* FROM dirty_hours
    JOIN rollup_1m AS minutes ON bucket >= hour AND bucket < hour + interval '1 hour'
    WHERE hour >= rollup_hours_start(start, stop, step) AND hour < date_bin('1 hour', stop, 'epoch')
    UNION ALL
    SELECT * FROM rollup_1m
    WHERE bucket >= greatest(rollup_hours_start(start, stop, step), date_bin('1 hour', stop, 'epoch'))
    AND bucket < stop
$$;
"""


def upgrade() -> None:
    op.execute("ALTER TABLE rollup_1m RENAME TO rollup_before")
    op.execute("ALTER INDEX rollup_1m_pkey RENAME TO rollup_before_pkey")
    op.execute(TABLES)
    op.execute(MONTHS)
    op.execute(BUCKET)
    op.execute(COPY)
    op.execute(MARKS)
    op.execute(READERS)
    op.execute("DROP TABLE rollup_before")
    op.execute(PERCENTILE)
    op.execute(TIERS)
