"""Keep what the better scorers say: signals, instructions, a judge, versions, costs, the truth of a request.

Adding a column with a constant takes no time in a table of any size (PostgreSQL manual, ALTER TABLE, notes).
The constants stay as defaults, so that what still runs of the version before goes on writing.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

#: Version 0 is what scored before versions were kept.
CALLS = """
ALTER TABLE calls
    ADD COLUMN json_recoverable BOOLEAN,
    ADD COLUMN json_violations SMALLINT DEFAULT 0 NOT NULL,
    ADD COLUMN grounding_detail TEXT,
    ADD COLUMN fallback_hop SMALLINT,
    ADD COLUMN instructions TEXT DEFAULT 'unknown' NOT NULL,
    ADD COLUMN instructions_detail TEXT,
    ADD COLUMN judge TEXT DEFAULT 'not_applicable' NOT NULL,
    ADD COLUMN judge_risk REAL,
    ADD COLUMN judge_detail TEXT,
    ADD COLUMN json_version SMALLINT DEFAULT 0 NOT NULL,
    ADD COLUMN tools_version SMALLINT DEFAULT 0 NOT NULL,
    ADD COLUMN grounding_version SMALLINT DEFAULT 0 NOT NULL,
    ADD COLUMN fallback_version SMALLINT DEFAULT 0 NOT NULL,
    ADD COLUMN instructions_version SMALLINT DEFAULT 0 NOT NULL,
    ADD COLUMN judge_version SMALLINT DEFAULT 0 NOT NULL,
    ADD COLUMN request_attempts SMALLINT DEFAULT 1 NOT NULL,
    ADD COLUMN request_answered BOOLEAN,
    ADD COLUMN request_model TEXT,
    ADD COLUMN request_extra_ms REAL,
    ADD COLUMN request_extra_cost DOUBLE PRECISION,
    ADD COLUMN cost DOUBLE PRECISION
"""

COUNTERS = (
    "tools_repeated_call",
    "instructions_ok",
    "instructions_empty",
    "instructions_refused",
    "instructions_length_limit",
    "instructions_wrong_language",
    "instructions_wrong_format",
    "instructions_not_applicable",
    "instructions_unknown",
    "judge_supported",
    "judge_suspect",
    "judge_unsupported",
    "judge_not_applicable",
    "judge_unknown",
    "json_recoverable",
    "tools_rated",
    "tools_risky",
    "grounding_rated",
    "grounding_risky",
    "requests",
    "requests_failed",
    "requests_rescued",
    "costed",
)
SUMS = ("tools_risk_sum", "grounding_risk_sum", "request_extra_ms", "request_extra_cost", "cost")

#: The same for the counters that there were.
DEFAULTS = """
DO $$
DECLARE counter name;
BEGIN
    FOR counter IN
        SELECT attname FROM pg_attribute
        WHERE attrelid = 'rollup_1m'::regclass AND attname ~ '^(json|tools|grounding|fallback|uncaptured)_'
    LOOP
        EXECUTE format('ALTER TABLE rollup_1m ALTER COLUMN %I SET DEFAULT 0', counter);
    END LOOP;
END $$
"""


def upgrade() -> None:
    op.execute(DEFAULTS)
    op.execute(CALLS)
    for names, kind in ((COUNTERS, "INTEGER"), (SUMS, "DOUBLE PRECISION")):
        for name in names:
            op.execute(f"ALTER TABLE rollup_1m ADD COLUMN {name} {kind} DEFAULT 0 NOT NULL")
