"""Keep what each rule has found, every transition of its states, and whence silences and deploys come.

Revision ID: 0008
Revises: 0007
"""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

#: The newest record of a partition that is saved, as of Kafka's time: with the others', the watermark.
OFFSETS = "ALTER TABLE consumer_offsets ADD COLUMN reached_at timestamptz"

#: The evidence that a rule had gathered by the end of a minute, and of which definition of the rule.
STATES = """
CREATE TABLE rule_states (
    rule TEXT NOT NULL,
    definition TEXT NOT NULL,
    at timestamptz NOT NULL,
    state BYTEA NOT NULL,
    CONSTRAINT rule_states_pkey PRIMARY KEY (rule)
)
"""

#: Transitions of label sets that have no alert are told too, so an event says by itself whose it is.
EVENTS = """
ALTER TABLE alert_events ADD COLUMN rule TEXT, ADD COLUMN labels JSONB, ADD COLUMN fingerprint TEXT;
UPDATE alert_events SET rule = alerts.rule, labels = alerts.labels, fingerprint = alerts.fingerprint
    FROM alerts WHERE alerts.alert_id = alert_events.alert_id;
ALTER TABLE alert_events
    ALTER COLUMN rule SET NOT NULL,
    ALTER COLUMN labels SET NOT NULL,
    ALTER COLUMN fingerprint SET NOT NULL,
    ALTER COLUMN alert_id DROP NOT NULL;
CREATE INDEX alert_events_fingerprint_at_idx ON alert_events (fingerprint, at);
CREATE INDEX alert_events_at_idx ON alert_events (at);
"""

#: When an alert's evidence began, where it stands, which alerts it is told with, and whether it was told.
ALERTS = """
ALTER TABLE alerts
    DROP COLUMN clear_since,
    ADD COLUMN onset_at timestamptz,
    ADD COLUMN standing TEXT,
    ADD COLUMN episode TEXT,
    ADD COLUMN muted_by TEXT,
    ADD COLUMN told BOOLEAN DEFAULT false NOT NULL;
UPDATE alerts
    SET standing = CASE state WHEN 'resolved' THEN 'normal' ELSE state END, told = fired_at IS NOT NULL;
ALTER TABLE alerts ALTER COLUMN standing SET NOT NULL;
CREATE INDEX alerts_resolved_at_idx ON alerts (resolved_at);
"""

#: Of an episode and channel only the oldest is due, so that nothing overtakes what came before.
OUTBOX = """
ALTER TABLE outbox ADD COLUMN episode TEXT;
UPDATE outbox SET episode = alert_id::text;
ALTER TABLE outbox ALTER COLUMN episode SET NOT NULL;
CREATE INDEX outbox_episode_idx ON outbox (episode);
"""

SILENCES = "ALTER TABLE silences ADD COLUMN created_at timestamptz DEFAULT now() NOT NULL"

#: A deploy that was told, or a version that calls were first seen with (``source`` is ``calls``).
DEPLOYS = """
ALTER TABLE deploys
    ADD COLUMN environment TEXT DEFAULT '' NOT NULL,
    ADD COLUMN source TEXT DEFAULT 'command' NOT NULL,
    ADD COLUMN dimension TEXT DEFAULT '' NOT NULL,
    ADD COLUMN subject TEXT DEFAULT '' NOT NULL;
CREATE UNIQUE INDEX deploys_seen_key ON deploys (service, environment, dimension, subject, version)
    WHERE source = 'calls';
"""


def upgrade() -> None:
    for statement in (OFFSETS, STATES, EVENTS, ALERTS, OUTBOX, SILENCES, DEPLOYS):
        op.execute(statement)
