"""Create every table: calls by day, rollups, offsets, dead letters, alerts and their outbox.

Revision ID: 0001
Revises:
"""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE alerts (
    alert_id BIGINT GENERATED ALWAYS AS IDENTITY,
    rule TEXT NOT NULL,
    labels JSONB NOT NULL,
    fingerprint TEXT NOT NULL,
    state TEXT NOT NULL,
    severity TEXT NOT NULL,
    started_at timestamptz NOT NULL,
    fired_at timestamptz,
    resolved_at timestamptz,
    clear_since timestamptz,
    updated_at timestamptz NOT NULL,
    evidence JSONB NOT NULL,
    CONSTRAINT alerts_pkey PRIMARY KEY (alert_id)
);
CREATE UNIQUE INDEX alerts_open_fingerprint_key ON alerts (fingerprint) WHERE state <> 'resolved';
CREATE INDEX alerts_updated_at_idx ON alerts (updated_at);

CREATE TABLE calls (
    started_at timestamptz NOT NULL,
    call_id TEXT NOT NULL,
    series_id INTEGER NOT NULL,
    request_id TEXT NOT NULL,
    attempt SMALLINT NOT NULL,
    trace_id TEXT,
    span_id TEXT,
    format TEXT NOT NULL,
    topic TEXT NOT NULL,
    partition INTEGER NOT NULL,
    kafka_offset BIGINT NOT NULL,
    item INTEGER NOT NULL,
    status TEXT NOT NULL,
    error_type TEXT,
    error_category TEXT,
    http_status SMALLINT,
    finish_reason TEXT,
    contract TEXT NOT NULL,
    json TEXT NOT NULL,
    json_detail TEXT,
    tools TEXT NOT NULL,
    tools_detail TEXT,
    tools_risk REAL,
    grounding TEXT NOT NULL,
    grounding_risk REAL,
    grounding_words INTEGER NOT NULL,
    grounding_share REAL,
    fallback TEXT NOT NULL,
    fallback_from TEXT,
    fallback_to TEXT,
    fallback_cause TEXT,
    duration_ms REAL,
    ttft_ms REAL,
    input_tokens INTEGER,
    output_tokens INTEGER,
    cache_read_tokens INTEGER,
    cache_write_tokens INTEGER,
    reasoning_tokens INTEGER,
    output_chars INTEGER NOT NULL,
    captured_input BOOLEAN NOT NULL,
    captured_output BOOLEAN NOT NULL,
    captured_tools BOOLEAN NOT NULL,
    captured_schema BOOLEAN NOT NULL,
    ingested_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT calls_pkey PRIMARY KEY (started_at, call_id)
) PARTITION BY RANGE (started_at);
CREATE INDEX calls_series_id_started_at_idx ON calls (series_id, started_at);

CREATE TABLE consumer_offsets (
    topic TEXT NOT NULL,
    partition INTEGER NOT NULL,
    next_offset BIGINT NOT NULL,
    end_offset BIGINT NOT NULL,
    records BIGINT NOT NULL,
    stored BIGINT NOT NULL,
    duplicates BIGINT NOT NULL,
    dead_letters BIGINT NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT consumer_offsets_pkey PRIMARY KEY (topic, partition)
);

CREATE TABLE dead_letters (
    topic TEXT NOT NULL,
    partition INTEGER NOT NULL,
    kafka_offset BIGINT NOT NULL,
    item INTEGER NOT NULL,
    reason TEXT NOT NULL,
    detail TEXT NOT NULL,
    size INTEGER NOT NULL,
    sha256 BYTEA NOT NULL,
    value BYTEA,
    first_seen timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT dead_letters_pkey PRIMARY KEY (topic, partition, kafka_offset, item)
);
CREATE INDEX dead_letters_first_seen_idx ON dead_letters (first_seen);

CREATE TABLE deploys (
    deploy_id BIGINT GENERATED ALWAYS AS IDENTITY,
    at timestamptz NOT NULL,
    service TEXT NOT NULL,
    version TEXT NOT NULL,
    comment TEXT DEFAULT '' NOT NULL,
    CONSTRAINT deploys_pkey PRIMARY KEY (deploy_id)
);
CREATE INDEX deploys_at_idx ON deploys (at);

CREATE TABLE dirty_minutes (
    minute timestamptz NOT NULL
);
CREATE INDEX dirty_minutes_minute_idx ON dirty_minutes (minute);

CREATE TABLE rollup_1m (
    bucket timestamptz NOT NULL,
    series_id INTEGER NOT NULL,
    calls INTEGER NOT NULL,
    errors INTEGER NOT NULL,
    json_ok INTEGER NOT NULL,
    json_not_json INTEGER NOT NULL,
    json_fenced INTEGER NOT NULL,
    json_wrapped INTEGER NOT NULL,
    json_truncated INTEGER NOT NULL,
    json_schema_violation INTEGER NOT NULL,
    json_duplicate_keys INTEGER NOT NULL,
    json_empty INTEGER NOT NULL,
    json_refused INTEGER NOT NULL,
    json_not_applicable INTEGER NOT NULL,
    json_unknown INTEGER NOT NULL,
    tools_ok INTEGER NOT NULL,
    tools_malformed_arguments INTEGER NOT NULL,
    tools_unknown_tool INTEGER NOT NULL,
    tools_missing_argument INTEGER NOT NULL,
    tools_unexpected_argument INTEGER NOT NULL,
    tools_wrong_type INTEGER NOT NULL,
    tools_invalid_value INTEGER NOT NULL,
    tools_forbidden_call INTEGER NOT NULL,
    tools_missing_call INTEGER NOT NULL,
    tools_parallel_not_allowed INTEGER NOT NULL,
    tools_not_applicable INTEGER NOT NULL,
    tools_unknown INTEGER NOT NULL,
    grounding_supported INTEGER NOT NULL,
    grounding_suspect INTEGER NOT NULL,
    grounding_unsupported INTEGER NOT NULL,
    grounding_not_applicable INTEGER NOT NULL,
    grounding_unknown INTEGER NOT NULL,
    fallback_none INTEGER NOT NULL,
    fallback_retry INTEGER NOT NULL,
    fallback_fallback INTEGER NOT NULL,
    fallback_silent_downgrade INTEGER NOT NULL,
    fallback_unknown INTEGER NOT NULL,
    input_tokens BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL,
    duration_sum_ms DOUBLE PRECISION NOT NULL,
    duration_buckets SMALLINT[] NOT NULL,
    duration_counts INTEGER[] NOT NULL,
    CONSTRAINT rollup_1m_pkey PRIMARY KEY (bucket, series_id)
);

CREATE TABLE series (
    series_id INTEGER GENERATED ALWAYS AS IDENTITY,
    key BYTEA NOT NULL,
    service TEXT NOT NULL,
    environment TEXT NOT NULL,
    provider TEXT NOT NULL,
    model_requested TEXT NOT NULL,
    model_served TEXT NOT NULL,
    route TEXT NOT NULL,
    prompt_name TEXT NOT NULL,
    prompt_version TEXT NOT NULL,
    operation TEXT NOT NULL,
    agent TEXT NOT NULL,
    first_seen timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT series_pkey PRIMARY KEY (series_id),
    CONSTRAINT series_key_key UNIQUE (key)
);

CREATE TABLE silences (
    silence_id BIGINT GENERATED ALWAYS AS IDENTITY,
    matchers JSONB NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    created_by TEXT NOT NULL,
    comment TEXT NOT NULL,
    CONSTRAINT silences_pkey PRIMARY KEY (silence_id)
);

CREATE TABLE alert_events (
    event_id BIGINT GENERATED ALWAYS AS IDENTITY,
    alert_id BIGINT NOT NULL,
    at timestamptz NOT NULL,
    from_state TEXT,
    to_state TEXT NOT NULL,
    reason TEXT NOT NULL,
    evidence JSONB NOT NULL,
    CONSTRAINT alert_events_pkey PRIMARY KEY (event_id),
    CONSTRAINT alert_events_alert_id_fkey FOREIGN KEY(alert_id) REFERENCES alerts (alert_id)
);
CREATE INDEX alert_events_alert_id_idx ON alert_events (alert_id);

CREATE TABLE outbox (
    outbox_id BIGINT GENERATED ALWAYS AS IDENTITY,
    event_id BIGINT NOT NULL,
    alert_id BIGINT NOT NULL,
    channel TEXT NOT NULL,
    instead_of TEXT DEFAULT '' NOT NULL,
    payload JSONB NOT NULL,
    created_at timestamptz NOT NULL,
    next_attempt_at timestamptz NOT NULL,
    attempts INTEGER DEFAULT 0 NOT NULL,
    delivered_at timestamptz,
    failed_at timestamptz,
    last_error TEXT,
    CONSTRAINT outbox_pkey PRIMARY KEY (outbox_id),
    CONSTRAINT outbox_event_id_channel_instead_of_key UNIQUE (event_id, channel, instead_of),
    CONSTRAINT outbox_event_id_fkey FOREIGN KEY(event_id) REFERENCES alert_events (event_id),
    CONSTRAINT outbox_alert_id_fkey FOREIGN KEY(alert_id) REFERENCES alerts (alert_id)
);
CREATE INDEX outbox_alert_id_idx ON outbox (alert_id);
CREATE INDEX outbox_due_idx ON outbox (next_attempt_at) WHERE delivered_at IS NULL AND failed_at IS NULL;
"""

#: Log buckets of a histogram: bucket b holds the values in (1.02^(b-1), 1.02^b], so that the middle of a
#: bucket is within 1 % of every value in it (DDSketch: Masson, Rim and Lee, VLDB 2019, section 2).
#: ``histogram_quantile`` takes the buckets and counts of any number of histograms, in any order, and gives
#: the value at quantile q, or null of none. Ranks are integers: a float rank picks the wrong bucket.
FUNCTIONS = """
CREATE FUNCTION histogram_bucket(value double precision) RETURNS smallint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN ceil(ln(least(greatest(value, 0.01), 86400000)) / ln(1.02::double precision))::smallint;

CREATE FUNCTION histogram_quantile(q double precision, buckets smallint[], counts bigint[])
RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (
    SELECT 2 * power(1.02::double precision, bucket) / 2.02
    FROM (
        SELECT bucket, sum(n) OVER (ORDER BY bucket) AS running, sum(n) OVER () AS total
        FROM (
            SELECT bucket, sum(n) AS n FROM unnest(buckets, counts) AS h(bucket, n) GROUP BY bucket
        ) AS merged
    ) AS ranked
    WHERE running >= ceil(q::numeric * total)
    ORDER BY bucket
    LIMIT 1
);
"""


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(FUNCTIONS)
