"""Fits the small models of the risks: rows of named signals and labels come in, weights go out.

Logistic regression with a penalty on the squared weights of the standardised signals, by Newton's method; a
weight that may only be positive and comes out negative is left out, the worst first, and the rest is fitted
anew. So a signal never makes a call look better because of what else the training sets happen to hold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def fit(
    rows: Sequence[Mapping[str, float]],
    labels: Sequence[bool],
    names: Sequence[str],
    *,
    weights: Sequence[float] | None = None,
    penalty: float = 1.0,
    signs: Mapping[str, int] | None = None,
) -> dict[str, float]:
    """The weight of each signal, and ``bias``.

    Args:
        rows: the signals of each row; one that is missing is 0.
        labels: whether the row is a positive.
        names: the signals to use.
        weights: how much each row counts; alike if not given.
        penalty: of a standardised weight's square.
        signs: +1 or -1 for a signal whose weight must have that sign; others are free.
    """
    signs = signs or {}
    kept = list(names)
    while True:
        found = _fit(rows, labels, kept, weights, penalty)
        wrong = [name for name in kept if found[name] * signs.get(name, 0) < 0]
        if not wrong:
            return {name: found.get(name, 0.0) for name in ("bias", *names)}
        kept.remove(max(wrong, key=lambda name: abs(found[name])))


def _fit(
    rows: Sequence[Mapping[str, float]],
    labels: Sequence[bool],
    names: Sequence[str],
    weights: Sequence[float] | None,
    penalty: float,
) -> dict[str, float]:
    x: Floats = np.array([[row.get(name, 0.0) for name in names] for row in rows]).reshape(len(rows), -1)
    y: Floats = np.array(labels, dtype=float)
    importance: Floats = np.ones(len(y)) if weights is None else np.array(weights)
    scale = np.where(x.std(axis=0) > 0, x.std(axis=0), 1.0)
    design: Floats = np.hstack([np.ones((len(y), 1)), x / scale])
    ridge = np.diag([0.0] + [penalty] * len(names))
    beta: Floats = np.zeros(design.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-np.clip(design @ beta, -30, 30)))
        gradient = design.T @ (importance * (y - p)) - ridge @ beta
        curvature = (design * (importance * p * (1 - p))[:, None]).T @ design + ridge
        step = np.linalg.solve(curvature + 1e-9 * np.eye(len(beta)), gradient)
        beta = beta + step
        if float(np.abs(step).max()) < 1e-7:
            break
    return {"bias": float(beta[0]), **{n: float(b) for n, b in zip(names, beta[1:] / scale, strict=True)}}
