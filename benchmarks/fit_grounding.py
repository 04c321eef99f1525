"""Fits the weights of the ``grounding`` risk on the train parts, and shows what each signal is worth.

``python -m benchmarks.fit_grounding``. Two things make the pooled sets fit together, where a pooled model did
worse than one count before: each set has an intercept of its own while fitting, since sets differ in how many
of their answers are unsupported and that says nothing about any answer; and answers of several claims, of
which the train parts have few, are made by joining rows of one claim. Figures are of sets that were left out.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks._data import DATA, auroc, rows
from benchmarks._logistic import fit
from monitor.scorers.grounding.claims import claims
from monitor.scorers.grounding.context import Cache, Context
from monitor.scorers.grounding.signals import FIGURES, item_signals, shares, word_signals

#: Signals that share a weight: there are too few of each figure, and both shares say how much is missing.
TIED = {**dict.fromkeys(FIGURES, "figures"), "share": "missing", "worst": "missing"}
NAMES = ("words", "missing", "phrases", "negations", "figures", "altered", "names")
#: Sets whose rows are one claim each, or nearly so.
JOINED = ("attributionbench", "factcheckgpt", "begin")
#: Summaries of which single words were swapped: no count of words sees that (docs/scores.md).
LEFT_OUT = "summedits"
#: How much a set counts, in rows.
SET_SIZE = 150
#: Joined answers of a set, claims of one at most, and how often a claim is an unsupported one.
ANSWERS, MAX_JOINED, UNSUPPORTED = 400, 8, 0.08
#: What makes the threshold of ``unsupported``.
PRECISION, ENOUGH = 0.85, 10
#: Characters of context above which a row isn't joined.
MAX_CONTEXT = 2_500

Row = Mapping[str, Any]


class Table(NamedTuple):
    """One set: the scaled signals of its answers, and whether they are unsupported."""

    signals: list[dict[str, float]]
    labels: list[bool]


def signals_of(row: Row, cache: Cache) -> dict[str, float] | None:
    """The scaled signals of a row, by the names that have weights; ``None`` if it claims nothing."""
    found = claims(row["answer"])
    if not found:
        return None
    context = Context([row["context"]], row["question"] or "", cache)
    total: dict[str, float] = dict.fromkeys(NAMES, 0.0)
    lacking = shares(found, context)
    compared = word_signals(found, lacking, context)[1] | item_signals(found, lacking, context)
    for name, signal in compared.items():
        total[TIED.get(name, name)] += signal.scaled
    return total


def table_of(every: Iterable[Row]) -> Table:
    """The table of a set."""
    cache = Cache()
    pairs = [(found, bool(row["label"])) for row in every if (found := signals_of(row, cache)) is not None]
    return Table([found for found, _ in pairs], [label for _, label in pairs])


def joined(every: Sequence[Row]) -> list[Row]:
    """Answers of one to ``MAX_JOINED`` claims, unsupported if any of them is."""
    rng = random.Random(0)
    short = [row for row in every if len(row["context"]) < MAX_CONTEXT]
    sides = {label: [row for row in short if bool(row["label"]) == label] for label in (True, False)}
    made: list[Row] = []
    for _ in range(ANSWERS):
        parts = [rng.choice(sides[rng.random() < UNSUPPORTED]) for _ in range(rng.randint(1, MAX_JOINED))]
        made.append(
            {
                "context": "\n".join(part["context"] for part in parts),
                "question": " ".join(part["question"] or "" for part in parts),
                "answer": " ".join(part["answer"].rstrip().rstrip(".") + "." for part in parts),
                "label": any(part["label"] for part in parts),
            }
        )
    return made


def fitted(tables: Mapping[str, Table], names: Sequence[str] = NAMES) -> dict[str, float]:
    """The weights of these signals: none is negative, each set has an intercept, and all sets count alike."""
    examples: list[dict[str, float]] = []
    labels: list[bool] = []
    importance: list[float] = []
    for name, table in tables.items():
        examples += [signals | {name: 1.0} for signals in table.signals]
        labels += table.labels
        importance += [SET_SIZE / len(table.labels)] * len(table.labels)
    weights = fit(
        examples, labels, [*names, *tables], weights=importance, penalty=3.0, signs=dict.fromkeys(names, 1)
    )
    return {name: weights[name] for name in ("bias", *names)}


def log_odds(weights: Mapping[str, float], signals: Mapping[str, float]) -> float:
    """What the weights make of the signals."""
    return weights["bias"] + sum(weight * signals[name] for name, weight in weights.items() if name != "bias")


def left_out(tables: Mapping[str, Table], names: Sequence[str] = NAMES) -> dict[str, float]:
    """The AUROC on each set, of weights that were fitted without any row of it."""
    figures = {}
    for name, table in tables.items():
        others = {other: kept for other, kept in tables.items() if other.split()[0] != name.split()[0]}
        weights = fitted(others, names)
        figures[name] = auroc([log_odds(weights, signals) for signals in table.signals], table.labels)
    return figures


def thresholds(tables: Mapping[str, Table], weights: Mapping[str, float]) -> tuple[float, float]:
    """The log odds of ``suspect`` and of ``unsupported``.

    ``suspect`` has the best mean balanced accuracy over the sets; from ``unsupported`` on, the precision is
    at least ``PRECISION`` on each of them, as long as ``ENOUGH`` answers are flagged.
    """
    scored = {
        name: [(log_odds(weights, signals), label) for signals, label in zip(*table, strict=True)]
        for name, table in tables.items()
    }
    grid = [step / 20 for step in range(-100, 161)]

    def rate(name: str, label: bool, at: float) -> float:
        risks = [risk for risk, truth in scored[name] if truth == label]
        return sum(risk >= at for risk in risks) / len(risks)

    def is_precise(at: float) -> bool:
        flagged = [[truth for risk, truth in every if risk >= at] for every in scored.values()]
        return all(sum(truths) >= PRECISION * len(truths) for truths in flagged if len(truths) >= ENOUGH)

    suspect = max(grid, key=lambda at: sum(rate(name, True, at) - rate(name, False, at) for name in scored))
    vague = [at for at in grid if at >= suspect and not is_precise(at)]
    return suspect, max(vague, default=suspect) + 0.05


def main() -> None:
    """Print the constants, the figures of sets left out, and what each signal adds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="?", type=Path, default=DATA)
    folder = parser.parse_args().data / "scoring" / "hallucination"
    sets = {
        path.parent.name: list(rows(path))
        for path in sorted(folder.glob("*/train.jsonl.gz"))
        if path.parent.name != LEFT_OUT
    }
    real = {name: table_of(every) for name, every in sets.items()}
    tables = real | {f"{name} joined": table_of(joined(sets[name])) for name in JOINED}
    weights = fitted(tables)
    suspect, unsupported = thresholds(real, weights)
    print("weights, with the bias shifted to where suspect is best:")
    for name in ("bias", *NAMES):
        print(f"  {name:12}{weights[name] - (suspect if name == 'bias' else 0):8.3f}")
    print(f"  unsupported from {1 / (1 + 2.718281828 ** (suspect - unsupported)):.3f} on")
    print("\nAUROC of each set, left out of the fit; and without one signal")
    print(f"{'':14}" + "".join(f"{name[:7] + name[-7:]:>16}" for name in tables) + f"{'mean of real':>14}")
    for without in (None, *NAMES):
        figures = left_out(tables, [name for name in NAMES if name != without])
        mean = sum(figures[name] for name in real) / len(real)
        print(
            f"{'all' if without is None else '- ' + without:14}"
            + "".join(f"{figure:16.3f}" for figure in figures.values())
            + f"{mean:14.4f}"
        )


if __name__ == "__main__":
    main()
