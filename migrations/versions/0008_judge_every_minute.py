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

#: When an alert's evidence began, which of several alerts it is told with, and why it is not told.
ALERTS = """
ALTER TABLE alerts
    ADD COLUMN onset_at timestamptz,
    ADD COLUMN episode TEXT,
    ADD COLUMN muted_by TEXT;
CREATE INDEX alerts_episode_idx ON alerts (episode);
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
    for statement in (OFFSETS, STATES, EVENTS, ALERTS, SILENCES, DEPLOYS):
        op.execute(statement)
