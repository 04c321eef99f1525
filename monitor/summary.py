"""What many results say together: for each model what became of its calls, and of dead letters by reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from rich.table import Table
from rich.text import Text

from monitor.records import ABSTENTIONS, ALWAYS, GOOD, OUTCOMES, Call, Scores, Status

#: Columns of the table where it goes to a file or a pipe, which have no width of their own.
SUMMARY_WIDTH = 160

_COVERAGE = ("input", "output", "tools", "schema")


class Summary:
    """Counts outcomes by the model that was asked for."""

    def __init__(self) -> None:
        self._models: dict[str, Counter[str]] = {}

    def add(self, call: Call, scores: Scores) -> None:
        """Count one call."""
        model = call.model_requested or call.model_served or "(unknown)"
        counts = self._models.setdefault(model, Counter())
        counts["calls"] += 1
        counts["errors"] += call.status is Status.ERROR
        for name in ALWAYS:
            counts[f"{name}.{getattr(scores, name).outcome}"] += 1
        for name in _COVERAGE:
            counts[f"captured.{name}"] += getattr(call.captured, name)

    def table(self) -> Table:
        """One row a model, most calls first: its outcomes by score, failures in red, abstentions dimmed."""
        table = Table(title="outcomes per model", title_justify="left", show_lines=True, expand=True)
        table.add_column("model", overflow="fold", ratio=3)
        table.add_column("calls", justify="right")
        table.add_column("errors", justify="right")
        for name in ALWAYS:
            table.add_column(name, ratio=3)
        table.add_column("captured", ratio=2)
        ordered = sorted(self._models.items(), key=lambda item: (-item[1]["calls"], item[0]))
        for model, counts in ordered:
            errors = Text(str(counts["errors"]), style="red" if counts["errors"] else "dim")
            scores = [_outcomes(counts, name) for name in ALWAYS]
            table.add_row(model, str(counts["calls"]), errors, *scores, _coverage(counts))
        return table


def replay_table(counts: Mapping[tuple[str, str], int]) -> Table:
    """How many dead letters there were of each reason and what became of them, the most frequent first."""
    table = Table(title="dead letters", title_justify="left")
    table.add_column("reason")
    table.add_column("now")
    table.add_column("letters", justify="right")
    for (reason, outcome), count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        table.add_row(reason, outcome, str(count))
    return table


def _outcomes(counts: Counter[str], score: str) -> Text:
    """``120 ok``, then its failures, then what could not be judged; one a line, the most frequent first."""
    found = [(counts[f"{score}.{outcome}"], str(outcome)) for outcome in OUTCOMES[score]]
    ordered = sorted((_rank(outcome), -count, outcome) for count, outcome in found if count)
    return Text("\n").join(Text(f"{-count} {outcome}", _STYLES[rank]) for rank, count, outcome in ordered)


_STYLES = ("green", "red", "dim")


def _rank(outcome: str) -> int:
    """Good, failed, abstained: an index of ``_STYLES``."""
    return 0 if outcome in GOOD else 2 if outcome in ABSTENTIONS else 1


def _coverage(counts: Counter[str]) -> Text:
    """The share of calls whose content the format carried; what all calls have is left out."""
    shares = [(name, counts[f"captured.{name}"] / counts["calls"]) for name in _COVERAGE]
    partly = [Text(f"{share:.0%} {name}", "yellow") for name, share in shares if share < 1]
    return Text("\n").join(partly) if partly else Text("all", "dim")
