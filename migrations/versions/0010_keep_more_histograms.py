"""Keep histograms of tokens, of cost and of the graded risks, so that they have percentiles.

Columns are added alone, and empty: what was rolled up before has no percentiles until ``llm-monitor rebuild``
computes it again.

Revision ID: 0010
Revises: 0009
"""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

HISTOGRAMS = ("input_tokens", "output_tokens", "cost", "tools_risk", "grounding_risk")


def upgrade() -> None:
    added = ", ".join(
        f"ADD COLUMN {of}_buckets SMALLINT[], ADD COLUMN {of}_counts INTEGER[]" for of in HISTOGRAMS
    )
    # The columns of both are in the same order, as the function ``rollup`` reads them as one.
    for tier in ("rollup_1m", "rollup_1h"):
        op.execute(f"ALTER TABLE {tier} {added}")
