"""Let parts of calls wait, relate the calls of a request, and count what was not captured.

Adding a column with a constant takes no time in a table of any size (PostgreSQL manual, ALTER TABLE, notes).

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

#: Parts stay for minutes: compressing them took longer than everything else about them.
PARTS = """
CREATE TABLE parts (
    part_id BIGINT GENERATED ALWAYS AS IDENTITY,
    group_id TEXT NOT NULL,
    done_span TEXT,
    done_response TEXT,
    arrived_at timestamptz NOT NULL,
    due_at timestamptz NOT NULL,
    topic TEXT,
    partition INTEGER,
    kafka_offset BIGINT,
    item INTEGER,
    fragment BYTEA NOT NULL,
    CONSTRAINT parts_pkey PRIMARY KEY (part_id),
    CONSTRAINT parts_group_id_done_span_key UNIQUE (group_id, done_span)
);
ALTER TABLE parts ALTER COLUMN fragment SET STORAGE EXTERNAL;
CREATE UNIQUE INDEX parts_done_response_key ON parts (group_id, done_response)
    WHERE done_response IS NOT NULL;
CREATE INDEX parts_due_idx ON parts (due_at) WHERE done_span IS NULL;
CREATE INDEX parts_done_idx ON parts (due_at) WHERE done_span IS NOT NULL;
"""

#: Of a call that is here already, what was said is gone; how it ended tells whether it gave an answer.
CALLS = """
ALTER TABLE calls
    ADD COLUMN answered BOOLEAN DEFAULT true NOT NULL,
    ADD COLUMN fallback_evidence TEXT,
    ADD COLUMN fallback_alone TEXT,
    ADD COLUMN usage_raw JSONB;
ALTER TABLE calls ALTER COLUMN answered DROP DEFAULT;
UPDATE calls SET answered = false WHERE status <> 'ok' OR finish_reason = 'content_filter';
CREATE INDEX calls_request_id_started_at_idx ON calls (request_id, started_at);
CREATE INDEX calls_trace_id_started_at_idx ON calls (trace_id, started_at) WHERE trace_id IS NOT NULL;
CREATE INDEX calls_unanswered_idx ON calls (request_id, started_at) WHERE NOT answered;
"""

#: Minutes that are counted already count as captured: nothing said otherwise then.
COUNTERS = (
    "fallback_exhausted",
    "uncaptured_input",
    "uncaptured_output",
    "uncaptured_tools",
    "uncaptured_schema",
)


def upgrade() -> None:
    op.execute(PARTS)
    op.execute(CALLS)
    for name in COUNTERS:
        op.execute(f"ALTER TABLE rollup_1m ADD COLUMN {name} INTEGER DEFAULT 0 NOT NULL")
        op.execute(f"ALTER TABLE rollup_1m ALTER COLUMN {name} DROP DEFAULT")
