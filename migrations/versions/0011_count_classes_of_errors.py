"""Count errors by their class, so that a rule can name one.

Columns are added alone, and empty, which in a rollup is 0: what was rolled up before knows no classes until
``llm-monitor rebuild`` computes it again.

Revision ID: 0011
Revises: 0010
"""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

CATEGORIES = (
    "rate_limit",
    "timeout",
    "server_error",
    "authentication",
    "invalid_request",
    "not_found",
    "context_length",
    "content_filter",
    "tool_use_failed",
    "other",
)


def upgrade() -> None:
    added = ", ".join(f"ADD COLUMN errors_{category} INTEGER" for category in CATEGORIES)
    # The columns of both are in the same order, as the function ``rollup`` reads them as one.
    for tier in ("rollup_1m", "rollup_1h"):
        op.execute(f"ALTER TABLE {tier} {added}")
