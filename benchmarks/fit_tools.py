"""Fits the weights of ``tools_risk`` and prints what goes into ``monitor/scorers/tools/weights.py``.

``python -m benchmarks.fit_tools DATA``. Rows of the train files become signals; answers with calls, calls by
their values alone (in a loop, in a later turn) and answers without calls are three models. Structural
failures are left out, since they are told without one. Each set counts by its weight, and in it the right
rows as much as the wrong ones; the bias is then moved to the share of wrong calls that is expected in
production, so that a risk of one half is worth a look. Printed with it: AUROC per set, the same when the set
was not fitted on, and when a signal is left out.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from math import log
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks._data import DATA, auroc, rows
from benchmarks._logistic import fit
from benchmarks.tables.tools import with_tools
from monitor.records import ToolsOutcome
from monitor.scorers.risk import BIAS
from monitor.scorers.tools import score_tools
from monitor.scorers.tools.loop import Conversation
from monitor.scorers.tools.signals import Called, answer_signals, call_signals
from monitor.scorers.tools.structure import read_calls
from monitor.scorers.tools.weights import BY_REQUEST, STRUCTURE

#: The sets, and how much each counts: When2Call has few rows with a call, and each prompt four times.
SETS = {"bfcl_real": 1.5, "bfcl_mutations": 1.0, "when2call": 0.3}
#: The share of wrong calls that is expected, to which the bias is moved.
EXPECTED = 0.08
#: Weights that are set by hand, since no set has what they are for.
BY_HAND = {STRUCTURE: 9.0, "tool_error_ignored": 6.0}
PENALTY = 1.0


class Row(NamedTuple):
    """One answer: its set, whether it is wrong, and its signals."""

    of: str
    wrong: bool
    signals: Mapping[str, float]

    def by_values(self) -> Row:
        """The row as if its request could not be compared with the tools."""
        kept = {name: value for name, value in self.signals.items() if name not in BY_REQUEST}
        return self._replace(signals=kept)


def read(data: Path, *, calls: bool) -> list[Row]:
    """The rows of the train files with calls, or those without, that are no structural failures."""
    found = []
    for name in SETS:
        for row in rows(data / "scoring" / "toolcalls" / f"{name}.train.jsonl.gz"):
            if row["label"] == "ambiguous" or bool(row["tool_calls"]) != calls or not row["tools"]:
                continue
            call = with_tools(row)
            if score_tools(call).outcome is not ToolsOutcome.OK:
                continue
            tools, conversation = {tool.name: tool for tool in call.tools}, Conversation(call)
            if calls:
                made = [
                    Called(each.tool, each.arguments)
                    for each in read_calls(call.outputs[0], tools)
                    if each.tool and each.arguments is not None
                ]
                signals = call_signals(made, tools, conversation, free=True)
            else:
                signals = answer_signals(call.outputs[0].text, tools, conversation, free=True)
            found.append(Row(name, row["label"] != "correct", signals))
    return found


def fitted(table: Sequence[Row], names: Sequence[str]) -> dict[str, float]:
    """The weights, and the bias for ``EXPECTED``."""
    counts = Counter((row.of, row.wrong) for row in table)
    weights = fit(
        [row.signals for row in table],
        [row.wrong for row in table],
        names,
        weights=[300 * SETS[row.of] / counts[row.of, row.wrong] for row in table],
        penalty=PENALTY,
        signs=dict.fromkeys(names, 1),
    )
    weights[BIAS] += log(EXPECTED / (1 - EXPECTED))
    return weights


def figures(table: Iterable[Row], weights: Mapping[str, float]) -> str:
    """AUROC per set."""
    every = list(table)
    shown = []
    for name in SETS:
        of = [row for row in every if row.of == name]
        if len({row.wrong for row in of}) == 2:
            risks = [sum([weights.get(key, 0.0) * value for key, value in row.signals.items()]) for row in of]
            shown.append(f"{name} {auroc(risks, [row.wrong for row in of]):.3f}")
    return "  ".join(shown)


def report(table: Sequence[Row], title: str, by_hand: Sequence[str]) -> None:
    """Print one model."""
    names = list(dict.fromkeys(name for row in table for name in row.signals if name not in BY_HAND))
    weights = fitted(table, names)
    print(f"\n{title} = {{")
    for name in (BIAS, *names):
        if weights[name]:
            print(f'    "{name}": {weights[name]:.2f},')
    print("".join([f'    "{name}": {BY_HAND[name]:.2f},\n' for name in by_hand]) + "}")
    print(f"{'fitted on all':34}{figures(table, weights)}")
    for name in SETS:
        of, rest = [row for row in table if row.of == name], [row for row in table if row.of != name]
        if of and rest:
            print(f"{'fitted without ' + name:34}{figures(of, fitted(rest, names))}")
    for name in names:
        others = [other for other in names if other != name]
        print(f"{'without ' + name:34}{figures(table, fitted(table, others))}")


def main() -> None:
    """Print both models."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="?", type=Path, default=DATA)
    data: Any = parser.parse_args().data
    calls = read(data, calls=True)
    report(calls, "CALL_WEIGHTS", [STRUCTURE])
    report([row.by_values() for row in calls], "VALUE_WEIGHTS", [STRUCTURE])
    report(read(data, calls=False), "ANSWER_WEIGHTS", [STRUCTURE, "tool_error_ignored"])


if __name__ == "__main__":
    main()
