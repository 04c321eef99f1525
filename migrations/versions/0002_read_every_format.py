"""Let parts of calls wait.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

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
CREATE UNIQUE INDEX parts_done_response_key ON parts (group_id, done_response)
    WHERE done_response IS NOT NULL;
CREATE INDEX parts_due_idx ON parts (due_at) WHERE done_span IS NULL;
CREATE INDEX parts_done_idx ON parts (due_at) WHERE done_span IS NOT NULL;
"""


def upgrade() -> None:
    op.execute(PARTS)
