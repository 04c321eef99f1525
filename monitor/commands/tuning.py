"""``llm-monitor rules backtest --tune``: a proposal of margins, of what they would have done in the past."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
from msgspec import structs

from monitor.backtest import Backtest
from monitor.rules.model import Margin, RegressionRule, Rule

#: Margins that are tried, as shares of the baseline's rate.
MARGINS = (0.1, 0.15, 0.25, 0.5, 0.75, 1.0, 2.0)


class Tuned(msgspec.Struct, frozen=True):
    """What the margins of one rule would have done; ``proposed`` is ``None`` where none is in the budget."""

    rule: str
    severity: str
    label_sets: int
    alerts_a_week: dict[float, float]
    """By relative margin."""
    proposed: float | None


def tuned(rules: Sequence[Rule], run: Callable[[Sequence[Rule]], Backtest], budget: float) -> list[Tuned]:
    """For each regression the smallest margin that stays within the budget.

    Args:
        rules: those that are no regressions are left out.
        run: tries rules on the past.
        budget: alerts a week of each label set that there is.
    """
    regressions = [rule for rule in rules if isinstance(rule, RegressionRule)]
    result = run([_variant(rule, relative) for rule in regressions for relative in MARGINS])
    found = []
    for rule in regressions:
        variants = {relative: _variant(rule, relative).key for relative in MARGINS}
        label_sets = max(result.label_sets[key] for key in variants.values())
        rates = {relative: result.per_week(key) for relative, key in variants.items()}
        fitting = [relative for relative, rate in rates.items() if rate <= budget * label_sets]
        proposed = min(fitting, default=None) if label_sets else None
        found.append(Tuned(rule.alert, rule.severity, label_sets, rates, proposed))
    return found


def in_words(one: Tuned) -> str:
    """Two lines for a person."""
    head = f"{one.rule} ({one.severity}): "
    if not one.label_sets:
        return f"{head}no history"
    proposal = (
        "no margin of these is within the budget"
        if one.proposed is None
        else f"margin: {{relative: {one.proposed:g}}}, if every alert of this time was a false one"
    )
    rates = ", ".join(f"{relative:g}: {rate:.1f}" for relative, rate in one.alerts_a_week.items())
    return f"{head}{proposal}\n  alerts a week of {one.label_sets} label sets, by margin: {rates}"


def _variant(rule: RegressionRule, relative: float) -> RegressionRule:
    """The rule with another margin. No rule has a slash in its name, so it is called like none."""
    margin = Margin(relative=relative, absolute=rule.absolute)
    return structs.replace(rule, alert=f"{rule.alert}/{relative:g}", margin=margin)
