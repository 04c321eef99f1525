"""The questions of the dashboard, as SQL for Grafana's PostgreSQL data source: statements come out.

Everything is read from rollups and the small tables; only ``FAILING_CALLS`` reads ``calls``, and only
in minutes whose rollup has failures. Filters are the reader's choice of ``VARIABLES``.
"""

from __future__ import annotations

from collections.abc import Mapping

from grafana.sql import (
    INTERVALS,
    NOW_AND_USUAL,
    RANGE,
    TIME,
    USUAL,
    VARIABLES,
    chosen,
    counted,
    histograms,
    judged,
    percentiles,
    rate,
    rollups,
    shown,
    total,
)
from monitor.records import OUTCOMES
from monitor.rules.metric import METRICS

#: Alerts and dead letters of a service that never saved anything are unknown, not zero.
_HAS_RUN = "HAVING EXISTS (SELECT FROM consumer_offsets)"

#: The start of a rollup's interval. Cheaper than the macro, which computes with numeric: histograms are
#: merged by this, and only the merged ones go through the macro.
_INTERVAL = "date_bin('$__interval_ms milliseconds', bucket, 'epoch')"


def over_time(values: Mapping[str, str]) -> str:
    """One line for each named expression. Minutes without calls are gaps, not zeros."""
    columns = ",\n  ".join(f'{expression} AS "{name}"' for name, expression in values.items())
    return f"SELECT {TIME},\n  {columns}\n{rollups(INTERVALS)}\nGROUP BY 1\nORDER BY 1"


def over_time_by(dimension: str, name: str) -> str:
    """A metric's rate, one line for each value of a dimension that had anything judged."""
    return (
        f"SELECT {TIME},\n  {shown(dimension)} AS metric,\n  {rate(name)} AS value\n"
        f"{rollups(INTERVALS, by=[dimension])}\nGROUP BY 1, 2\nHAVING {judged(name)} > 0\nORDER BY 1, 2"
    )


def now_and_usual(name: str) -> str:
    """A metric's rate at the end of the range, and over the day before that."""
    return (
        f'SELECT {rate(name, "is_now")} AS "now",\n'
        f'  {rate(name, "NOT is_now")} AS "{USUAL} before"\n{rollups(NOW_AND_USUAL)}'
    )


def by_service(metrics: Mapping[str, str]) -> str:
    """Every service, with the rate of each metric and the number of calls it is over, by column title."""
    columns = "".join(
        f',\n  {rate(name)} AS "{title}",\n  {judged(name)} AS "{title} judged"'
        for title, name in metrics.items()
    )
    return (
        f'SELECT {shown("service")} AS "Service",\n  sum(calls) AS "Calls",\n  {rate("errors")} AS "Errors"'
        f"{columns}\n{rollups()}\nGROUP BY 1\nORDER BY 1"
    )


def worst(metrics: Mapping[str, str]) -> str:
    """Where failures are furthest above what is usual, by service, model and prompt version.

    What is usual is the whole service's rate: a new prompt version has no yesterday of its own.
    """
    rows = ",\n    ".join(
        f"('{title}', {counted(METRICS[name].numerator)}, {counted(METRICS[name].denominator)})"
        for title, name in metrics.items()
    )
    expand = f"CROSS JOIN LATERAL (VALUES\n    {rows}\n) AS of_score(score, bad, judged)"
    return f"""
WITH counts AS (
SELECT {shown("service")} AS service, score, {shown("model_served")} AS model,
  {shown("prompt_version")} AS version,
  sum(bad) FILTER (WHERE is_now) AS bad,
  sum(judged) FILTER (WHERE is_now) AS judged,
  sum(bad) FILTER (WHERE NOT is_now) AS bad_before,
  sum(judged) FILTER (WHERE NOT is_now) AS judged_before
{rollups(NOW_AND_USUAL, expand, ["service", "model_served", "prompt_version"])}
GROUP BY 1, 2, 3, 4
), compared AS (
SELECT *, sum(bad_before) OVER same::double precision / nullif(sum(judged_before) OVER same, 0) AS usual
FROM counts WINDOW same AS (PARTITION BY service, score)
)
SELECT service AS "Service", score AS "Score", model AS "Model", version AS "Prompt version",
  usual AS "Before", bad::double precision / judged AS "Now", judged AS "Judged now",
  bad - judged * usual AS "More than usual"
FROM compared
WHERE judged > 0
ORDER BY 8 DESC NULLS LAST, 6 DESC
LIMIT 20""".strip()


def percentiles_over_time(of: str) -> str:
    """p50, p95 and p99 of a duration."""
    return (
        f"SELECT {TIME},\n  {percentiles('p50', 'p95', 'p99')}\n"
        f"FROM ({histograms(of, INTERVALS, bucket=_INTERVAL)}\n) AS merged\nGROUP BY 1\nORDER BY 1"
    )


def p95_over_time_by(of: str, dimension: str) -> str:
    """p95 of a duration, one line for each value of a dimension."""
    merged = histograms(of, INTERVALS, [dimension], bucket=_INTERVAL, metric=shown(dimension))
    return (
        f"SELECT {TIME}, metric, {percentiles('p95')}\nFROM ({merged}\n) AS merged\n"
        f"GROUP BY 1, 2\nORDER BY 1, 2"
    )


def percentiles_by_model() -> str:
    """p50, p95 and p99 of the duration for each service and model, with the number of calls measured."""
    by = ("service", "model_served")
    merged = histograms("duration", RANGE, by, service=shown("service"), model=shown("model_served"))
    return (
        f'SELECT service AS "Service", model AS "Model", sum(n) AS "Measured",\n'
        f"  {percentiles('p50', 'p95', 'p99')}\n"
        f"FROM ({merged}\n) AS merged\n"
        f"GROUP BY 1, 2\nORDER BY 5 DESC"
    )


def variable(name: str) -> str:
    """The values that a variable offers: those of the series that the variables before it let through."""
    before = VARIABLES[: VARIABLES.index(name)]
    where = f"\nWHERE {chosen(before)}" if before else ""
    return f"SELECT DISTINCT {shown(name)} FROM series{where}\nORDER BY 1"


FIRING = f"SELECT count(*) FILTER (WHERE state = 'firing') AS firing FROM alerts\n{_HAS_RUN}"

CALLS_PER_MINUTE = f"""
SELECT sum(calls) / greatest(1, ($__unixEpochTo() - $__unixEpochFrom()) / 60.0) AS "calls per minute"
{rollups()}""".strip()

BEHIND = "SELECT sum(greatest(end_offset - next_offset, 0)) AS behind FROM consumer_offsets"

SINCE_LAST_SAVE = (
    'SELECT extract(epoch FROM now() - max(updated_at)) AS "since last save" FROM consumer_offsets'
)

DEAD_LETTERS = f"""
SELECT count(*) AS "dead letters" FROM dead_letters
WHERE $__timeFilter(first_seen)
{_HAS_RUN}""".strip()

#: Open alerts whatever the range, and those that changed in it. The evidence is that of the time they fired.
ALERTS = """
SELECT state AS "State", severity AS "Severity", rule AS "Rule",
  (SELECT string_agg(key || ' ' || coalesce(nullif(value, ''), '(none)'), ', ' ORDER BY key)
   FROM jsonb_each_text(labels)) AS "Where",
  started_at AS "Since",
  extract(epoch FROM coalesce(resolved_at, now()) - started_at) AS "Lasting",
  (evidence #>> '{baseline,rate}')::double precision AS "Before",
  (evidence #>> '{window,rate}')::double precision AS "Now",
  (evidence #>> '{ratio}')::double precision AS "Times",
  concat_ws(' ', evidence #>> '{contributors,0,dimension}',
    coalesce(nullif(evidence #>> '{contributors,0,value}', ''),
      CASE WHEN evidence #> '{contributors,0}' IS NOT NULL THEN '(none)' END),
    '(' || (evidence #>> '{contributors,0,failures}') || ' of '
      || (evidence #>> '{contributors,0,calls}') || ')') AS "Top contributor"
FROM alerts
WHERE state <> 'resolved' OR $__timeFilter(updated_at)
ORDER BY array_position(ARRAY['firing', 'pending', 'resolved'], state), started_at DESC
LIMIT 100""".strip()

TOKENS_PER_MINUTE = over_time(
    {name: f"coalesce(sum({name}_tokens), 0) * 60000.0 / $__interval_ms" for name in ("input", "output")}
)

COST_PER_HOUR = over_time(
    {
        "spent": "coalesce(sum(cost), 0) * 3600000.0 / $__interval_ms",
        "wasted": "coalesce(sum(request_extra_cost), 0) * 3600000.0 / $__interval_ms",
    }
)

FALLBACKS = f"""
SELECT {shown("service")} AS "Service",
  {shown("model_requested")} AS "From", {shown("model_served")} AS "To",
  coalesce(sum(fallback_fallback), 0) AS "Fallback",
  coalesce(sum(fallback_silent_downgrade), 0) AS "Silent downgrade",
  coalesce(sum(fallback_retry), 0) AS "Retry", coalesce(sum(fallback_exhausted), 0) AS "Exhausted",
  {rate("fallback.failed")} AS "Share", {judged("fallback.failed")} AS "Judged"
{rollups(by=["service", "model_requested", "model_served"])}
GROUP BY 1, 2, 3
HAVING {total(METRICS["fallback.failed"].numerator)} > 0
ORDER BY 4 DESC, 5 DESC, 6 DESC
LIMIT 50""".strip()

DEAD_LETTER_REASONS = """
SELECT $__timeGroupAlias(first_seen, '$__interval'), reason AS metric, count(*) AS value
FROM dead_letters
WHERE $__timeFilter(first_seen)
GROUP BY 1, 2
ORDER BY 1, 2""".strip()

PARTITIONS = """
SELECT topic AS "Topic", partition AS "Partition", greatest(end_offset - next_offset, 0) AS "Behind",
  updated_at AS "Last save", records AS "Records", stored AS "Stored", duplicates AS "Duplicates",
  dead_letters AS "Dead letters"
FROM consumer_offsets
ORDER BY 3 DESC, 1, 2""".strip()


def _failing_calls() -> str:
    """The newest calls that failed in any way, found through the minutes whose rollup has failures."""
    failures = {name: METRICS[f"{name}.failed"].outcomes for name in OUTCOMES}
    counters = [f"{name}_{outcome}" for name, outcomes in failures.items() for outcome in outcomes]
    failed = {
        name: name + " IN (" + ", ".join(f"'{outcome}'" for outcome in outcomes) + ")"
        for name, outcomes in failures.items()
    }
    shows = {name: f"{name}_detail" for name in OUTCOMES} | {
        "fallback": "fallback_from || ' → ' || fallback_to"
    }
    details = ",\n    ".join(f"CASE WHEN {test} THEN {shows[name]} END" for name, test in failed.items())
    found = ",\n    ".join(f"CASE WHEN {test} THEN '{name}: ' || {name} END" for name, test in failed.items())
    return f"""
SELECT calls.started_at AS "Time", service AS "Service", model AS "Model", version AS "Prompt version",
  concat_ws(', ', CASE WHEN status = 'error' THEN 'error: ' || error_category END,
    {found}) AS "What",
  concat_ws(', ', error_type,
    {details}) AS "Detail",
  duration_ms AS "Duration", coalesce(request_id, trace_id, call_id) AS "Request", call_id AS "Call",
  trace_id AS "Trace"
FROM (
SELECT bucket, series_id, {shown("service")} AS service, {shown("model_served")} AS model,
  {shown("prompt_version")} AS version
{rollups("rollup_1m")}
  AND $__timeFilter(bucket)
  AND {counted(["errors", *counters])} > 0
ORDER BY bucket DESC
LIMIT 50
) AS minutes
JOIN calls ON calls.series_id = minutes.series_id
  AND calls.started_at >= bucket AND calls.started_at < bucket + interval '1 minute'
WHERE status = 'error' OR {" OR ".join(failed.values())}
ORDER BY calls.started_at DESC
LIMIT 50""".strip()


FAILING_CALLS = _failing_calls()

ALERT_CHANGES = """
SELECT alert_events.at AS time, alerts.rule || ' ' || to_state || ': ' || reason AS text,
  concat_ws(',', 'alert', severity, to_state) AS tags
FROM alert_events JOIN alerts USING (alert_id)
WHERE $__timeFilter(alert_events.at) AND to_state IS DISTINCT FROM from_state
ORDER BY 1""".strip()

DEPLOYS = """
SELECT at AS time,
  concat_ws(' ', service, version, 'of ' || nullif(subject, ''), 'in ' || nullif(environment, ''),
    '(' || source || coalesce(': ' || nullif(dimension, ''), '') || ')', nullif(comment, '')) AS text,
  concat_ws(',', 'deploy', source, nullif(environment, '')) AS tags
FROM deploys
WHERE $__timeFilter(at)
ORDER BY 1""".strip()
