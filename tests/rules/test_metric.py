"""Metrics: every one is made of columns that a rollup has."""

from __future__ import annotations

import pytest

from monitor.records import ABSTENTIONS, GOOD, OUTCOMES
from monitor.rules.metric import METRICS, Metric, metric
from monitor.store.tables import rollup_1m


@pytest.mark.parametrize("measured", METRICS.values(), ids=METRICS)
def test_a_metric_is_a_part_of_a_whole_and_both_are_in_the_rollup(measured: Metric) -> None:
    assert measured.numerator
    assert measured.denominator or measured.histogram
    assert set(measured.numerator) <= set(measured.denominator) or len(measured.denominator) <= 1
    assert len(set(measured.denominator)) == len(measured.denominator)
    assert {*measured.numerator, *measured.denominator} <= {*rollup_1m.c.keys(), "dead_letters"}


@pytest.mark.parametrize(
    ("name", "unit", "histogram"),
    [
        ("duration", "ms", "duration"),
        ("ttft", "ms", "ttft"),
        ("output_tokens", "tokens", "output_tokens"),
        ("cost", "USD", "cost"),
        ("grounding.risk", "risk", "grounding_risk"),
    ],
)
def test_a_measured_value_has_a_unit_and_maybe_a_histogram(
    name: str, unit: str, histogram: str | None
) -> None:
    assert (metric(name).unit, metric(name).histogram) == (unit, histogram)
    assert not metric(name).is_rate


@pytest.mark.parametrize("score", OUTCOMES)
def test_what_failed_is_all_that_is_neither_good_nor_an_abstention(score: str) -> None:
    failed = metric(f"{score}.failed")
    assert set(failed.outcomes) == {*OUTCOMES[score]} - GOOD - ABSTENTIONS
    assert not {f"{score}_{one}" for one in ABSTENTIONS} & set(failed.denominator)


@pytest.mark.parametrize("score", OUTCOMES)
def test_coverage_leaves_out_what_has_nothing_to_judge(score: str) -> None:
    unknown = metric(f"{score}.unknown")
    assert unknown.numerator == (f"{score}_unknown",)
    assert f"{score}_not_applicable" not in unknown.denominator
    assert set(unknown.denominator) == {*metric(f"{score}.failed").denominator, f"{score}_unknown"}


@pytest.mark.parametrize(
    ("name", "numerator", "denominator"),
    [
        ("errors", ("errors",), ("calls",)),
        ("errors.rate_limit", ("errors_rate_limit",), ("calls",)),
        ("dead_letters", ("dead_letters",), ("dead_letters", "calls")),
        ("uncaptured.input", ("uncaptured_input",), ("calls",)),
        ("uncaptured.schema", ("uncaptured_schema",), ("calls",)),
        ("requests.failed", ("requests_failed",), ("requests",)),
        ("tools.risky", ("tools_risky",), ("tools_rated",)),
        (
            "grounding.unsupported",
            ("grounding_unsupported",),
            ("grounding_supported", "grounding_suspect", "grounding_unsupported"),
        ),
    ],
)
def test_a_metric_by_its_name(name: str, numerator: tuple[str, ...], denominator: tuple[str, ...]) -> None:
    assert (metric(name).numerator, metric(name).denominator) == (numerator, denominator)


def test_a_name_that_is_none() -> None:
    with pytest.raises(KeyError):
        metric("json.not_applicable")
