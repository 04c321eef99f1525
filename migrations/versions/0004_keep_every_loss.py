"""Count what Kafka deleted unread, keep dead letters' headers and replays, suspect what ended a worker.

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TABLES = """
ALTER TABLE consumer_offsets ADD COLUMN lost BIGINT DEFAULT 0 NOT NULL;

ALTER TABLE dead_letters
    ADD COLUMN headers JSONB,
    ADD COLUMN recorded_at timestamptz,
    ADD COLUMN replayed_at timestamptz,
    ADD COLUMN replay TEXT,
    ADD COLUMN sent_at timestamptz;

CREATE INDEX dead_letters_unsent_idx ON dead_letters (first_seen) WHERE sent_at IS NULL;

CREATE TABLE suspects (
    topic TEXT NOT NULL,
    partition INTEGER NOT NULL,
    kafka_offset BIGINT NOT NULL,
    detail TEXT NOT NULL,
    seen_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT suspects_pkey PRIMARY KEY (topic, partition, kafka_offset)
);
"""


def upgrade() -> None:
    op.execute(TABLES)
