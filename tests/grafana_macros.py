"""What Grafana's PostgreSQL data source makes of a query before it sends it, in the same order.

Variables first, then the interval, then the macros. A macro that is not known here raises, as it does
there: https://grafana.com/docs/grafana/latest/datasources/postgres/query-editor/#macros
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from grafana.panels import POINTS

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}

#: Lengths that Grafana draws by, from the panels' minimum of a minute on.
_STEPS = ("1m", "2m", "5m", "10m", "15m", "20m", "30m", "1h", "2h", "3h", "6h", "12h", "1d")


class UnknownMacro(ValueError):
    """The query has a macro or a variable that Grafana would not replace, or would replace otherwise."""


def expand(
    sql: str,
    *,
    start: datetime,
    end: datetime,
    interval: str,
    variables: Mapping[str, Sequence[str] | str],
) -> str:
    """The statement that reaches PostgreSQL.

    ``interval`` is Grafana's for the panel (``1m``, ``15m``). A variable's value is the list of chosen
    values, which Grafana quotes, or the text of its own "all", which it leaves alone.

    Raises:
        UnknownMacro: a ``$`` is left, or a macro is used in a way that means something else.
    """
    seconds = int(interval[:-1]) * _UNITS[interval[-1]]

    def variable(match: re.Match[str]) -> str:
        value = variables.get(match["name"])
        if value is None:
            return match[0]
        return value if isinstance(value, str) else ",".join(_quoted(one) for one in value)

    def macro(match: re.Match[str]) -> str:
        name, arguments = match[1], [argument.strip() for argument in match[2].split(",")]
        match name, arguments:
            case "__timeFilter", [column] if column:
                return f"{column} BETWEEN {_literal(start)} AND {_literal(end)}"
            case "__timeFrom", [""]:
                return _literal(start)
            case "__timeTo", [""]:
                return _literal(end)
            case "__timeGroupAlias", [column, width, *fill] if fill in ([], ["NULL"]):
                if width != f"'{interval}'":
                    raise UnknownMacro(f"{match[0]} does not follow the panel's interval")
                return f'floor(extract(epoch from {column})/{seconds})*{seconds} AS "time"'
        raise UnknownMacro(match[0])

    sql = re.sub(r"\$\{?(?P<name>[a-z]\w*)\}?", variable, sql)
    sql = sql.replace("$__interval_ms", str(seconds * 1000)).replace("$__interval", interval)
    sql = sql.replace("$__unixEpochFrom()", str(int(start.timestamp())))
    sql = sql.replace("$__unixEpochTo()", str(int(end.timestamp())))
    sql = re.sub(r"\$(\w+)\(([^)]*)\)", macro, sql)
    if "$" in sql:
        raise UnknownMacro(sql[sql.index("$") :].split()[0])
    return sql


def interval_for(span: timedelta) -> str:
    """About what Grafana chooses for a line over a span: of its steps the one that gives ``POINTS`` best."""
    wanted = span.total_seconds() / POINTS
    return min(_STEPS, key=lambda step: abs(int(step[:-1]) * _UNITS[step[-1]] - wanted))


def _literal(at: datetime) -> str:
    return f"'{at.astimezone(UTC).isoformat()}'"


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
