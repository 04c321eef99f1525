"""Every table, as SQLAlchemy Core sees it: the one place to read what is stored.

The migrations build the same; a test compares them. ``calls`` is partitioned by day of ``started_at``, the
rollups by month; the partitions are made by ``partitions`` and are not part of this metadata. Outcomes are
text columns with the values of the closed lists in ``monitor.records``; a rollup has one counter a score and
outcome. One long file on purpose: a schema is read as a whole.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from monitor.records import CAPTURES, DIMENSIONS, OUTCOMES, RISKY, ErrorCategory

metadata = sa.MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
    }
)

_TIME = sa.DateTime(timezone=True)


#: What a version of the service writes that doesn't know the column yet.
_ZERO = sa.text("0")


def _now() -> sa.TextClause:
    return sa.text("now()")


series = sa.Table(
    "series",
    metadata,
    sa.Column("series_id", sa.Integer, sa.Identity(always=True), primary_key=True),
    sa.Column("key", sa.LargeBinary, nullable=False, unique=True),
    *(sa.Column(name, sa.Text, nullable=False) for name in DIMENSIONS),
    sa.Column("first_seen", _TIME, nullable=False, server_default=_now()),
)

# The values that each dimension has had, so that a cap on their number needs no look at every series. Read
# whole and written under a lock, it is too small for an index.
series_values = sa.Table(
    "series_values",
    metadata,
    sa.Column("dimension", sa.Text, nullable=False),
    sa.Column("value", sa.Text, nullable=False),
)

#: What finds a call by its request: 8 bytes, where the id itself would take 48 in an index.
_REQUEST_KEY = "hashtextextended(coalesce(request_id, trace_id, call_id), 0)"

# By falling alignment, then the texts: a row has no holes in it. 72 columns are the most whose null flags
# find room in the header.
calls = sa.Table(
    "calls",
    metadata,
    sa.Column("started_at", _TIME, nullable=False),
    sa.Column("ingested_at", _TIME, nullable=False, server_default=_now()),
    sa.Column("kafka_offset", sa.BigInteger, nullable=False),
    # US dollars.
    sa.Column("cost", sa.Double),
    sa.Column("request_extra_cost", sa.Double),
    sa.Column("series_id", sa.Integer, nullable=False),
    sa.Column("partition", sa.Integer, nullable=False),
    sa.Column("item", sa.Integer, nullable=False),
    sa.Column("input_tokens", sa.Integer),
    sa.Column("output_tokens", sa.Integer),
    sa.Column("cache_read_tokens", sa.Integer),
    sa.Column("cache_write_tokens", sa.Integer),
    sa.Column("reasoning_tokens", sa.Integer),
    sa.Column("output_chars", sa.Integer, nullable=False),
    sa.Column("duration_ms", sa.REAL),
    sa.Column("ttft_ms", sa.REAL),
    sa.Column("tools_risk", sa.REAL),
    sa.Column("grounding_risk", sa.REAL),
    sa.Column("grounding_share", sa.REAL),
    sa.Column("grounding_words", sa.Integer, nullable=False),
    sa.Column("judge_risk", sa.REAL),
    # From the first attempt's start to the last one's: what the attempts before the last cost in time.
    sa.Column("request_extra_ms", sa.REAL),
    sa.Column("attempt", sa.SmallInteger, nullable=False),
    sa.Column("http_status", sa.SmallInteger),
    sa.Column("json_violations", sa.SmallInteger, nullable=False, server_default=_ZERO),
    sa.Column("fallback_hop", sa.SmallInteger),
    *(
        sa.Column(f"{score}_version", sa.SmallInteger, nullable=False, server_default=_ZERO)
        for score in OUTCOMES
    ),
    # What became of the request that this call is the first attempt of. A later attempt has 0 attempts and
    # the rest null, so that every request is told once, by its first attempt.
    sa.Column("request_attempts", sa.SmallInteger, nullable=False, server_default=sa.text("1")),
    sa.Column("answered", sa.Boolean, nullable=False),
    sa.Column("request_answered", sa.Boolean),
    sa.Column("json_recoverable", sa.Boolean),
    *(sa.Column(f"captured_{what}", sa.Boolean, nullable=False) for what in CAPTURES),
    sa.Column("call_id", sa.Text, nullable=False),
    # Null where it is the trace's id or, of a call without a trace, the call's own: see ``REQUEST``.
    sa.Column("request_id", sa.Text),
    sa.Column("trace_id", sa.Text),
    sa.Column("span_id", sa.Text),
    sa.Column("format", sa.Text, nullable=False),
    sa.Column("topic", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("error_type", sa.Text),
    sa.Column("error_category", sa.Text),
    sa.Column("finish_reason", sa.Text),
    sa.Column("contract", sa.Text, nullable=False),
    sa.Column("json", sa.Text, nullable=False),
    sa.Column("json_detail", sa.Text),
    sa.Column("tools", sa.Text, nullable=False),
    sa.Column("tools_detail", sa.Text),
    sa.Column("grounding", sa.Text, nullable=False),
    sa.Column("grounding_detail", sa.Text),
    sa.Column("fallback", sa.Text, nullable=False),
    sa.Column("fallback_from", sa.Text),
    sa.Column("fallback_to", sa.Text),
    sa.Column("fallback_cause", sa.Text),
    sa.Column("fallback_evidence", sa.Text),
    # The score of the call alone, as JSON, where the calls of its request say otherwise.
    sa.Column("fallback_alone", sa.Text),
    sa.Column("instructions", sa.Text, nullable=False, server_default=sa.text("'unknown'")),
    sa.Column("instructions_detail", sa.Text),
    sa.Column("judge", sa.Text, nullable=False, server_default=sa.text("'not_applicable'")),
    sa.Column("judge_detail", sa.Text),
    # Who answered in the end; null where nobody did, and where it is this call itself.
    sa.Column("request_model", sa.Text),
    # The provider's own numbers, by their own names, but for those that the columns of tokens say.
    sa.Column("usage_raw", JSONB),
    # What makes a call count once. Of two ids, the hashes of 64 bits are the same once in 2^64 pairs, and
    # that matters only to calls that start in the same microsecond.
    sa.Index(
        "calls_started_at_call_id_key", "started_at", sa.text("hashtextextended(call_id, 0)"), unique=True
    ),
    sa.Index(None, "series_id", "started_at"),
    sa.Index("calls_request_idx", sa.text(_REQUEST_KEY), "started_at"),
    # For parts of a call that come so late that they are no longer known, and for people with a trace id.
    sa.Index(
        "calls_trace_idx",
        sa.text("hashtextextended(trace_id, 0)"),
        "started_at",
        postgresql_where=sa.text("trace_id IS NOT NULL"),
    ),
    # The few calls that others of their request may be retries of.
    sa.Index(
        "calls_unanswered_idx", sa.text(_REQUEST_KEY), "started_at", postgresql_where=sa.text("NOT answered")
    ),
    # The few that were found to be of one request with others.
    sa.Index(
        "calls_related_idx",
        sa.text(_REQUEST_KEY),
        "started_at",
        postgresql_where=sa.text("request_attempts <> 1"),
    ),
    postgresql_partition_by="RANGE (started_at)",
)

#: The id of a call's request, whichever column keeps it.
REQUEST: sa.ColumnElement[str] = sa.func.coalesce(calls.c.request_id, calls.c.trace_id, calls.c.call_id)

#: The class of a failed call's error; a failure that nobody named is of class ``other``.
ERROR_CLASS: sa.ColumnElement[str] = sa.func.coalesce(
    calls.c.error_category, sa.literal_column(f"'{ErrorCategory.OTHER}'")
)

#: One counter for each outcome of each score, in the order of ``OUTCOMES``: ``json_not_json``, …
OUTCOME_COLUMNS = tuple(f"{score}_{outcome}" for score, outcomes in OUTCOMES.items() for outcome in outcomes)

#: Counters of the calls that lack what a format may leave out, by what that is: ``uncaptured_input``, …
UNCAPTURED_COLUMNS = tuple(f"uncaptured_{what}" for what in CAPTURES)

#: One counter for each class of errors, in the order of ``ErrorCategory``: ``errors_rate_limit``, …
ERROR_COLUMNS = tuple(f"errors_{category}" for category in ErrorCategory)

#: What a rollup counts and sums besides, each with the SQL that makes it of the minute's calls.
SUMS = {
    "errors": "count(*) FILTER (WHERE status = 'error')",
    "json_recoverable": "count(*) FILTER (WHERE json_recoverable)",
    "tools_rated": "count(tools_risk)",
    "tools_risky": f"count(*) FILTER (WHERE tools_risk >= {RISKY})",
    "tools_risk_sum": "sum(tools_risk::double precision)",
    "grounding_rated": "count(grounding_risk)",
    "grounding_risky": f"count(*) FILTER (WHERE grounding_risk >= {RISKY})",
    "grounding_risk_sum": "sum(grounding_risk::double precision)",
    "requests": "count(*) FILTER (WHERE request_attempts > 0)",
    # Of calls that were stored before that was known, it is what they are by themselves.
    "requests_failed": (
        "count(*) FILTER (WHERE request_attempts > 0 AND NOT coalesce(request_answered, answered))"
    ),
    "requests_rescued": "count(*) FILTER (WHERE request_answered AND request_attempts > 1)",
    "request_extra_ms": "sum(request_extra_ms::double precision)",
    "request_extra_cost": "sum(request_extra_cost)",
    "costed": "count(cost)",
    "cost": "sum(cost)",
    "input_tokens": "sum(input_tokens)",
    "output_tokens": "sum(output_tokens)",
    "duration_sum_ms": "sum(duration_ms::double precision)",
    "ttft_sum_ms": "sum(ttft_ms::double precision)",
}

#: What a rollup has a histogram of (``duration_buckets`` and ``duration_counts``, …), with the SQL that makes
#: a call's bucket: by the logarithm, of cost in millionths of a dollar; of risks, from 0 to 1, in hundredths.
HISTOGRAMS = {
    "duration": "histogram_bucket(duration_ms)",
    "ttft": "histogram_bucket(ttft_ms)",
    "input_tokens": "histogram_bucket(input_tokens)",
    "output_tokens": "histogram_bucket(output_tokens)",
    "cost": "histogram_bucket(cost * 1000000)",
    "tools_risk": "round(tools_risk * 100)::smallint",
    "grounding_risk": "round(grounding_risk * 100)::smallint",
}

#: Every sum of a rollup, with its type, by falling width: a row has no holes in it.
_SUM_TYPES: dict[str, type[sa.types.TypeEngine[Any]]] = {
    "input_tokens": sa.BigInteger,
    "output_tokens": sa.BigInteger,
    "duration_sum_ms": sa.Double,
    "ttft_sum_ms": sa.Double,
    "tools_risk_sum": sa.Double,
    "grounding_risk_sum": sa.Double,
    "request_extra_ms": sa.Double,
    "request_extra_cost": sa.Double,
    "cost": sa.Double,
}

#: Every counter and sum of a rollup but ``calls``.
COUNTED = tuple(
    sorted(
        (*OUTCOME_COLUMNS, *UNCAPTURED_COLUMNS, *ERROR_COLUMNS, *SUMS),
        key=lambda name: name not in _SUM_TYPES,
    )
)


def _rollup(name: str, *key: sa.schema.SchemaItem) -> sa.Table:
    """A tier of rollups. A counter or sum that is 0 is null, which takes a bit; most are, in most rows."""
    wide = len(_SUM_TYPES)
    return sa.Table(
        name,
        metadata,
        sa.Column("bucket", _TIME, nullable=False),
        *(sa.Column(counted, _SUM_TYPES[counted]) for counted in COUNTED[:wide]),
        sa.Column("series_id", sa.Integer, nullable=False),
        sa.Column("calls", sa.Integer, nullable=False),
        *(sa.Column(counted, sa.Integer) for counted in COUNTED[wide:]),
        *(
            sa.Column(f"{of}_{part}", ARRAY(kind))
            for of in HISTOGRAMS
            for part, kind in (("buckets", sa.SmallInteger), ("counts", sa.Integer))
        ),
        *key,
        postgresql_partition_by="RANGE (bucket)",
    )


def _rollup_of_series(name: str) -> sa.Table:
    """A tier with a row for each series: the key finds the rows of one, the index those of a span."""
    return _rollup(name, sa.PrimaryKeyConstraint("series_id", "bucket"), sa.Index(None, "bucket"))


def _rollup_of_services(name: str) -> sa.Table:
    """A tier with a row for each service and environment, under the first of the series that it adds up."""
    return _rollup(name, sa.PrimaryKeyConstraint("bucket", "series_id"))


rollup_1m = _rollup_of_series("rollup_1m")
rollup_1h = _rollup_of_series("rollup_1h")
rollup_service_1m = _rollup_of_services("rollup_service_1m")
rollup_service_1h = _rollup_of_services("rollup_service_1h")

# A mark for each batch and minute that it touched, with the time at which the batch's calls were ingested.
dirty_minutes = sa.Table(
    "dirty_minutes",
    metadata,
    sa.Column("minute", _TIME, nullable=False, index=True),
    sa.Column("marked_at", _TIME, nullable=False, server_default=_now()),
)

# Hours whose minutes are newer than their row of ``rollup_1h``, and are read by the minute until it is made.
dirty_hours = sa.Table(
    "dirty_hours",
    metadata,
    sa.Column("hour", _TIME, primary_key=True),
    sa.Column("marked_at", _TIME, nullable=False, server_default=_now()),
)

# Days whose calls were dropped while their rollups are kept. What is stored of such a day later is not all of
# it, so its rollups stay as they are.
dropped_days = sa.Table(
    "dropped_days",
    metadata,
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("noted_at", _TIME, nullable=False, server_default=_now()),
)

consumer_offsets = sa.Table(
    "consumer_offsets",
    metadata,
    sa.Column("topic", sa.Text, primary_key=True),
    sa.Column("partition", sa.Integer, primary_key=True),
    sa.Column("next_offset", sa.BigInteger, nullable=False),
    sa.Column("end_offset", sa.BigInteger, nullable=False),
    sa.Column("records", sa.BigInteger, nullable=False),
    sa.Column("stored", sa.BigInteger, nullable=False),
    sa.Column("duplicates", sa.BigInteger, nullable=False),
    sa.Column("dead_letters", sa.BigInteger, nullable=False),
    # Offsets that Kafka's own retention had deleted before they were read.
    sa.Column("lost", sa.BigInteger, nullable=False, server_default=_ZERO),
    sa.Column("updated_at", _TIME, nullable=False, server_default=_now()),
    # Up to when all that was written is saved: by the time of the newest saved record or, where nothing was
    # left to read, the time at which that was found.
    sa.Column("reached_at", _TIME),
)

parts = sa.Table(
    "parts",
    metadata,
    sa.Column("part_id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("group_id", sa.Text, nullable=False),
    # The span and the response id of a finished call that this row marks; null for what waits.
    sa.Column("done_span", sa.Text),
    sa.Column("done_response", sa.Text),
    sa.Column("arrived_at", _TIME, nullable=False),
    sa.Column("due_at", _TIME, nullable=False),
    sa.Column("topic", sa.Text),
    sa.Column("partition", sa.Integer),
    sa.Column("kafka_offset", sa.BigInteger),
    sa.Column("item", sa.Integer),
    sa.Column("fragment", sa.LargeBinary, nullable=False),
    # Both find the parts of a group, too.
    sa.UniqueConstraint("group_id", "done_span"),
    sa.Index(
        "parts_done_response_key",
        "group_id",
        "done_response",
        unique=True,
        postgresql_where=sa.text("done_response IS NOT NULL"),
    ),
    sa.Index("parts_due_idx", "due_at", postgresql_where=sa.text("done_span IS NULL")),
    sa.Index("parts_done_idx", "due_at", postgresql_where=sa.text("done_span IS NOT NULL")),
)

dead_letters = sa.Table(
    "dead_letters",
    metadata,
    sa.Column("topic", sa.Text, primary_key=True),
    sa.Column("partition", sa.Integer, primary_key=True),
    sa.Column("kafka_offset", sa.BigInteger, primary_key=True),
    sa.Column("item", sa.Integer, primary_key=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("sha256", sa.LargeBinary, nullable=False),
    sa.Column("value", sa.LargeBinary),
    sa.Column("headers", JSONB),
    # What Kafka says of when the record was written.
    sa.Column("recorded_at", _TIME),
    sa.Column("first_seen", _TIME, nullable=False, server_default=_now(), index=True),
    # When it was last replayed, and what became of it.
    sa.Column("replayed_at", _TIME),
    sa.Column("replay", sa.Text),
    # When it was written to the topic of dead letters.
    sa.Column("sent_at", _TIME),
    sa.Index("dead_letters_unsent_idx", "first_seen", postgresql_where=sa.text("sent_at IS NULL")),
)

# Records that a worker was at when its process ended: the next worker tries them alone first.
suspects = sa.Table(
    "suspects",
    metadata,
    sa.Column("topic", sa.Text, primary_key=True),
    sa.Column("partition", sa.Integer, primary_key=True),
    sa.Column("kafka_offset", sa.BigInteger, primary_key=True),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("seen_at", _TIME, nullable=False, server_default=_now()),
    sa.Column("deaths", sa.Integer, nullable=False, server_default="1"),
)

alerts = sa.Table(
    "alerts",
    metadata,
    sa.Column("alert_id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("rule", sa.Text, nullable=False),
    sa.Column("labels", JSONB, nullable=False),
    sa.Column("fingerprint", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("severity", sa.Text, nullable=False),
    sa.Column("started_at", _TIME, nullable=False),
    sa.Column("fired_at", _TIME),
    sa.Column("resolved_at", _TIME),
    sa.Column("updated_at", _TIME, nullable=False),
    sa.Column("evidence", JSONB, nullable=False),
    # When the evidence began.
    sa.Column("onset_at", _TIME),
    # Its state in full: ``state`` is only pending, firing or resolved.
    sa.Column("standing", sa.Text, nullable=False),
    # The alerts that are told together share it.
    sa.Column("episode", sa.Text),
    # The silence or the alert that keeps it from being told; null where nothing does.
    sa.Column("muted_by", sa.Text),
    # Whether anybody was told that it fires.
    sa.Column("told", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Index(
        "alerts_open_fingerprint_key",
        "fingerprint",
        unique=True,
        postgresql_where=sa.text("state <> 'resolved'"),
    ),
    sa.Index(None, "updated_at"),
    sa.Index(None, "resolved_at"),
)

alert_events = sa.Table(
    "alert_events",
    metadata,
    sa.Column("event_id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    # Null where the transition is of labels that no alert is about.
    sa.Column("alert_id", sa.BigInteger, sa.ForeignKey("alerts.alert_id"), index=True),
    sa.Column("at", _TIME, nullable=False, index=True),
    sa.Column("from_state", sa.Text),
    sa.Column("to_state", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("evidence", JSONB, nullable=False),
    sa.Column("rule", sa.Text, nullable=False),
    sa.Column("labels", JSONB, nullable=False),
    sa.Column("fingerprint", sa.Text, nullable=False),
    sa.Index(None, "fingerprint", "at"),
)

# What each rule has found by the end of its last minute: see ``monitor.rules.memory``.
rule_states = sa.Table(
    "rule_states",
    metadata,
    sa.Column("rule", sa.Text, primary_key=True),
    sa.Column("definition", sa.Text, nullable=False),
    sa.Column("at", _TIME, nullable=False),
    sa.Column("state", sa.LargeBinary, nullable=False),
)

outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("outbox_id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    # Null of what is told without a transition: a repeat, a test, a digest.
    sa.Column("event_id", sa.BigInteger, sa.ForeignKey("alert_events.event_id")),
    sa.Column("alert_id", sa.BigInteger, sa.ForeignKey("alerts.alert_id"), index=True),
    # What is told together, and in order.
    sa.Column("episode", sa.Text, nullable=False, index=True),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("instead_of", sa.Text, nullable=False, server_default=sa.text("''")),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("payload", JSONB, nullable=False),
    sa.Column("created_at", _TIME, nullable=False),
    sa.Column("next_attempt_at", _TIME, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False, server_default=sa.text("0")),
    # Whether it waits to be told with others.
    sa.Column("digest", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("delivered_at", _TIME),
    sa.Column("failed_at", _TIME),
    # When a later one of its episode, or a digest, took over what it had to say.
    sa.Column("superseded_at", _TIME),
    sa.Column("last_error", sa.Text),
    # What the channel wants to have with the next one of the episode.
    sa.Column("receipt", JSONB),
    sa.Index(
        "outbox_due_idx",
        "channel",
        "next_attempt_at",
        postgresql_where=sa.text("delivered_at IS NULL AND failed_at IS NULL AND superseded_at IS NULL"),
    ),
    sa.Index(None, "created_at"),
    # A transition is told a channel once, whoever finds it.
    sa.Index(
        "outbox_told_key",
        "event_id",
        "channel",
        "instead_of",
        "kind",
        unique=True,
        postgresql_where=sa.text("kind IN ('trigger', 'update', 'resolve')"),
    ),
)

# Who takes care of an episode, while it goes on.
acknowledgements = sa.Table(
    "acknowledgements",
    metadata,
    sa.Column("episode", sa.Text, primary_key=True),
    sa.Column("at", _TIME, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    # Where they said so: page, command, or the name of a channel.
    sa.Column("source", sa.Text, nullable=False),
)

# How each channel did last; ``failing_since`` is null while it takes what it is given.
channel_states = sa.Table(
    "channel_states",
    metadata,
    sa.Column("channel", sa.Text, primary_key=True),
    sa.Column("sent_at", _TIME),
    sa.Column("failing_since", _TIME),
    sa.Column("error", sa.Text),
    # When it last refused something for good.
    sa.Column("refused_at", _TIME),
)

silences = sa.Table(
    "silences",
    metadata,
    sa.Column("silence_id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("matchers", JSONB, nullable=False),
    sa.Column("starts_at", _TIME, nullable=False),
    sa.Column("ends_at", _TIME, nullable=False),
    sa.Column("created_by", sa.Text, nullable=False),
    sa.Column("comment", sa.Text, nullable=False),
    sa.Column("created_at", _TIME, nullable=False, server_default=_now()),
)

deploys = sa.Table(
    "deploys",
    metadata,
    sa.Column("deploy_id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("at", _TIME, nullable=False, index=True),
    sa.Column("service", sa.Text, nullable=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("comment", sa.Text, nullable=False, server_default=sa.text("''")),
    sa.Column("environment", sa.Text, nullable=False, server_default=sa.text("''")),
    # Who said so: a command, a request over http, or calls that were seen with a new version.
    sa.Column("source", sa.Text, nullable=False, server_default=sa.text("'command'")),
    # What changed as calls show it: the dimension, and which prompt or requested model it is of.
    sa.Column("dimension", sa.Text, nullable=False, server_default=sa.text("''")),
    sa.Column("subject", sa.Text, nullable=False, server_default=sa.text("''")),
    sa.Index(
        "deploys_seen_key",
        "service",
        "environment",
        "dimension",
        "subject",
        "version",
        unique=True,
        postgresql_where=sa.text("source = 'calls'"),
    ),
)
