"""The statistics behind a verdict: an exact test for "more than before", and intervals for display.

Pure functions of counts; no approximation that fails at low traffic.
"""

from __future__ import annotations

from math import exp, lgamma, sqrt

#: Standard normal quantile of a two-sided 95 % interval.
Z95 = 1.959963984540054


def fisher_greater(x: int, n: int, baseline_x: int, baseline_n: int) -> float:
    """One-sided p-value of Fisher's exact test: is ``x`` of ``n`` more than ``baseline_x`` of ``baseline_n``.

    The chance of at least ``x`` failures in the window, given all failures of window and baseline together
    and no difference between the two (R. A. Fisher, "The logic of inductive inference", 1935). Exact at
    any traffic, so a window of 20 calls can't claim more than 20 calls can prove.

    Raises:
        ValueError: counts that can't be: negative, or more failures than calls.
    """
    if not (0 <= x <= n and 0 <= baseline_x <= baseline_n):
        raise ValueError(f"impossible counts: {x} of {n}, {baseline_x} of {baseline_n}")
    failures, calls = x + baseline_x, n + baseline_n
    if x * calls > n * failures:
        return _upper_tail(x, n, baseline_n, failures)
    # Below the mean the other tail is the short one: at least so many failures in the baseline.
    return 1.0 - _upper_tail(failures - x + 1, baseline_n, n, failures)


def _upper_tail(x: int, n: int, others: int, failures: int) -> float:
    """The chance that at least ``x`` of the failures fall among ``n`` calls and not among the others.

    ``x`` is above the mean, where each term is smaller than the one before: the first is computed from
    logarithms, the others relative to it, so that neither counts nor chances of any size overflow.
    """
    last = min(n, failures)
    if x > last:
        return 0.0
    first = log_choose(n, x) + log_choose(others, failures - x) - log_choose(n + others, failures)
    term = total = 1.0
    for k in range(x, last):
        term *= (n - k) * (failures - k) / ((k + 1) * (others - failures + k + 1))
        total += term
        if term < total * 1e-17:
            break
    return min(1.0, exp(first) * total)


def wilson(x: int, n: int) -> tuple[float, float]:
    """The 95 % score interval of a rate (E. B. Wilson, JASA 22, 1927); ``(0, 1)`` of no calls."""
    if n == 0:
        return 0.0, 1.0
    rate, z2 = x / n, Z95 * Z95
    centre = (rate + z2 / (2 * n)) / (1 + z2 / n)
    half = Z95 * sqrt(rate * (1 - rate) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    # Without failures the lower end is zero, and with nothing else the upper is one, but for rounding.
    return centre - half if x > 0 else 0.0, centre + half if x < n else 1.0


def ratio(rate: float, baseline_rate: float) -> float | None:
    """How many times the baseline; ``None`` of a baseline of zero, where no number is true."""
    return rate / baseline_rate if baseline_rate > 0 else None


def log_choose(n: int, k: int) -> float:
    """The logarithm of how many ways there are to choose ``k`` of ``n``."""
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) if 0 < k < n else 0.0
