"""Keep what delivery needs: kinds and receipts of notifications, acknowledgements, channels that fail.

Revision ID: 0009
Revises: 0008
"""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

#: A notification may be of no event (a repeat, a test, a digest), be held for a digest, or be told by a later
#: one of the same episode. The receipt is what the channel wants to know again. A transition is told a
#: channel once, whoever finds it.
OUTBOX = """
ALTER TABLE outbox
    DROP CONSTRAINT outbox_event_id_channel_instead_of_key,
    ALTER COLUMN event_id DROP NOT NULL,
    ALTER COLUMN alert_id DROP NOT NULL,
    ADD COLUMN kind TEXT DEFAULT 'trigger' NOT NULL,
    ADD COLUMN digest BOOLEAN DEFAULT false NOT NULL,
    ADD COLUMN superseded_at timestamptz,
    ADD COLUMN receipt JSONB;
ALTER TABLE outbox ALTER COLUMN kind DROP DEFAULT;
DROP INDEX outbox_due_idx;
CREATE INDEX outbox_due_idx ON outbox (channel, next_attempt_at)
    WHERE delivered_at IS NULL AND failed_at IS NULL AND superseded_at IS NULL;
CREATE INDEX outbox_created_at_idx ON outbox (created_at);
CREATE UNIQUE INDEX outbox_told_key ON outbox (event_id, channel, instead_of, kind)
    WHERE kind IN ('trigger', 'update', 'resolve');
"""

#: Who takes care of an episode.
ACKNOWLEDGEMENTS = """
CREATE TABLE acknowledgements (
    episode TEXT NOT NULL,
    at timestamptz NOT NULL,
    by TEXT NOT NULL,
    source TEXT NOT NULL,
    CONSTRAINT acknowledgements_pkey PRIMARY KEY (episode)
)
"""

#: How each channel did last; failing_since is null while it takes what it is given.
CHANNELS = """
CREATE TABLE channel_states (
    channel TEXT NOT NULL,
    sent_at timestamptz,
    failing_since timestamptz,
    error TEXT,
    refused_at timestamptz,
    CONSTRAINT channel_states_pkey PRIMARY KEY (channel)
)
"""


def upgrade() -> None:
    for statement in (OUTBOX, ACKNOWLEDGEMENTS, CHANNELS):
        op.execute(statement)
