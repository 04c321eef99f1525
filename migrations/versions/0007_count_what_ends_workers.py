"""Count how many workers have ended at a suspected record, so that it can't end one after another.

Revision ID: 0007
Revises: 0006
"""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE suspects ADD COLUMN deaths INTEGER DEFAULT 1 NOT NULL")
