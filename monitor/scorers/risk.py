"""The model behind a graded risk: weights and values of named signals come in, a risk and its reasons go out.

Logistic regression: the logarithm of the odds is the bias plus what each signal adds, its weight times its
value. So a risk can be taken apart again, and the reasons are the model, not a story told about it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import exp

from monitor.records import Signal

#: The name, among weights, of what stands for no signal.
BIAS = "bias"
#: Logarithms of odds beyond which a risk is 0 or 1 to four digits anyway.
MAX_LOG_ODDS = 30.0
#: Signals that a detail names.
MAX_RENDERED = 4


def combine(weights: Mapping[str, float], values: Mapping[str, float]) -> tuple[float, tuple[Signal, ...]]:
    """The risk, 0..1 to four digits, and the signals that make it, the one that adds or takes most first.

    Args:
        weights: what a unit of each signal adds to the logarithm of the odds, and ``bias``.
        values: how much of each signal was found; finite. One without a weight adds nothing and is left out,
            and so is one of which nothing was found.
    """
    signals = [
        Signal(name, round(value, 4), round(weights[name] * value, 4))
        for name, value in values.items()
        if value and weights.get(name)
    ]
    signals.sort(key=lambda signal: (-abs(signal.adds), signal.name))
    adds = [weights[name] * value for name, value in values.items() if name in weights]
    bounded = max(-MAX_LOG_ODDS, min(MAX_LOG_ODDS, weights[BIAS] + sum(adds)))
    return round(1 / (1 + exp(-bounded)), 4), tuple(signals)


def rendered(signals: Iterable[Signal]) -> str:
    """The first ``MAX_RENDERED`` signals that raise the risk, for a person: ``numbers 3, links 1``."""
    raising = [f"{signal.name} {_short(signal.value)}" for signal in signals if signal.adds > 0]
    return ", ".join(raising[:MAX_RENDERED])


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
