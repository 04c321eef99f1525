"""Pieces of SQL that the dashboard's queries share: names of metrics and dimensions in, SQL text out.

Rates are the metrics that rules use: a sum of counters over a sum of counters, null where nothing was
judged. The macros (``$__timeFilter``, ``$__timeGroupAlias``, …) are those of Grafana's PostgreSQL data
source, whose arguments can't hold a closing parenthesis.
"""

from __future__ import annotations

from collections.abc import Sequence

from monitor.rules.metric import METRICS

#: The dimensions that a reader can choose.
VARIABLES = ("service", "environment", "model_served", "prompt_version")

#: What stands for every value, those that appear after the page was opened included: SQL text.
ALL = "'(all)'"

#: Those that rollups of services keep apart.
OF_SERVICES = ("service", "environment")

#: How much of the range's end counts as now, and how much before it as usual.
NOW, USUAL = "15 minutes", "24 hours"

_FROM, _TO = "$__timeFrom()::timestamptz", "$__timeTo()::timestamptz"
_NOW_STARTS = f"greatest({_FROM}, {_TO} - interval '{NOW}')"

#: The rollups of the range, in hours and minutes; those of its intervals, in hours where they are that long;
#: and those of now and of what is usual. Of series where ``{services}`` is false, else of services.
RANGE = f"rollup({_FROM}, {_TO}, '1 hour', {{services}})"
INTERVALS = f"rollup({_FROM}, {_TO}, '$__interval_ms milliseconds', {{services}})"
NOW_AND_USUAL = f"""(
  SELECT *, true AS is_now FROM rollup({_NOW_STARTS}, {_TO}, '1 hour', {{services}})
  UNION ALL
  SELECT *, false FROM rollup({_NOW_STARTS} - interval '{USUAL}', {_NOW_STARTS}, '1 hour', {{services}})
)"""

#: Whether rollups of services tell what the reader chose: he left everything else at all.
SERVICES_TELL = " AND ".join(f"{ALL} IN (${name})" for name in VARIABLES if name not in OF_SERVICES)

#: The first column of a time series. Intervals without rows are filled with null: a gap, not a line.
TIME = "$__timeGroupAlias(bucket, '$__interval', NULL)"


def shown(dimension: str) -> str:
    """A dimension as people see it, and as the variables have it: the empty value is ``(none)``."""
    return f"coalesce(nullif(series.{dimension}, ''), '(none)')"


def chosen(names: Sequence[str] = VARIABLES) -> str:
    """The condition that a row of ``series`` is among what the reader chose."""
    return "\n  AND ".join(f"({ALL} IN (${name}) OR {shown(name)} IN (${name}))" for name in names)


def rate(name: str, only: str = "") -> str:
    """A rule's metric as SQL over rollups; ``only`` is a condition on the rows counted."""
    return f"{total(METRICS[name].numerator, only)}::double precision / {judged(name, only)}"


def judged(name: str, only: str = "") -> str:
    """The number of calls that a metric's rate is over; null instead of 0."""
    return f"nullif({total(METRICS[name].denominator, only)}, 0)"


def total(columns: Sequence[str], only: str = "") -> str:
    """The sum of counters of rollups, in which a 0 is null."""
    filtered = f" FILTER (WHERE {only})" if only else ""
    return "(" + " + ".join(f"coalesce(sum({column}){filtered}, 0)" for column in columns) + ")"


def counted(columns: Sequence[str]) -> str:
    """The same of one rollup."""
    return " + ".join(f"coalesce({column}, 0)" for column in columns)


def rollups(source: str = RANGE, expand: str = "", by: Sequence[str] = ()) -> str:
    """The rollups of what the reader chose, from FROM to WHERE.

    Args:
        source: ``RANGE``, ``INTERVALS`` or ``NOW_AND_USUAL``.
        expand: joins something to each row.
        by: the dimensions that the query names beside the reader's choice.
    """
    services = SERVICES_TELL if {*by} <= {*OF_SERVICES} else "false"
    more = f"{expand}\n" if expand else ""
    rolled = source.format(services=services)
    return f"FROM {rolled} AS rolled JOIN series USING (series_id)\n{more}WHERE {chosen()}"


def histograms(of: str, source: str, by: Sequence[str] = (), **keys: str) -> str:
    """The histograms of a duration, merged by the named expressions: rows of (…, value_bucket, n).

    ``by`` are the dimensions that those name.
    """
    expressions = ", ".join(f"{expression} AS {name}" for name, expression in keys.items())
    unnested = f"CROSS JOIN LATERAL unnest({of}_buckets, {of}_counts) AS histogram(value_bucket, n)"
    positions = ", ".join(str(position) for position in range(1, len(keys) + 2))
    return f"""
SELECT {expressions}, value_bucket, sum(n)::bigint AS n
{rollups(source, unnested, by)}
GROUP BY {positions}"""


def percentiles(*names: str) -> str:
    """Columns p50, p95, … over rows of ``histograms``: from merged ones, never averaged."""
    return ", ".join(
        f"histogram_quantile(0.{name[1:]}, array_agg(value_bucket), array_agg(n)) AS {name}" for name in names
    )
