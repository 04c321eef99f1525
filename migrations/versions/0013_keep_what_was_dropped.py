"""Know the days whose calls were dropped, and find the calls that were related to others of their request.

The index is of few calls. Making it reads every call that is kept once, and workers that run meanwhile wait.

Revision ID: 0013
Revises: 0012
"""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE dropped_days (
            day date PRIMARY KEY,
            noted_at timestamptz NOT NULL DEFAULT now()
        );
        CREATE INDEX calls_related_idx
            ON calls (hashtextextended(coalesce(request_id, trace_id, call_id), 0), started_at)
            WHERE request_attempts <> 1;
        """
    )
