"""Histograms of many instances: each answer is that of a slow count. Postgres has its say in the store."""

from __future__ import annotations

from fractions import Fraction
from math import ceil
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.rules import histogram
from monitor.rules.histogram import (
    NO_BUCKET,
    bucket_of,
    exceedances,
    middles,
    place,
    quantile_buckets,
    values,
)

NAN = float("nan")

#: Instances of the examples; -1 is none.
SIZE = 4

Row = tuple[int, int, int]

ROWS = st.lists(
    st.tuples(st.integers(-1, SIZE - 1), st.integers(-233, 923), st.integers(1, 2**31 - 1)), max_size=25
)

#: As people write them, in hundredths and finer.
QUANTILES = st.one_of(st.integers(0, 100).map(lambda n: n / 100), st.sampled_from([0.001, 0.999, 1 / 3, 0.3]))


def arrays(rows: list[Row]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    instance, value_bucket, n = np.array(rows, np.int64).reshape(-1, 3).T
    return instance, value_bucket, n


def slow_quantile(q: float, rows: list[Row], instance: int) -> int:
    counts = sorted((bucket, n) for of, bucket, n in rows if of == instance)
    rank = ceil(Fraction(f"{q:.15g}") * sum(n for _, n in counts))
    running = 0
    for bucket, n in counts:
        running += n
        if running >= rank:
            return bucket
    return NO_BUCKET


@given(ROWS, QUANTILES, st.sampled_from([1, 3_000, 2**22]))
def test_a_quantile_is_where_a_slow_count_finds_it(rows: list[Row], q: float, cells: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(histogram, "_CELLS", cells)
        found = quantile_buckets(q, *arrays(rows), SIZE)
    assert found.tolist() == [slow_quantile(q, rows, instance) for instance in range(SIZE)]


@pytest.mark.parametrize(
    ("of", "value", "bucket", "told"),
    [
        ("tools_risk", 0.0, 0, 0.0),
        ("tools_risk", 0.704, 70, 0.7),
        ("grounding_risk", 1.0, 100, 1.0),
        ("duration", 1000.0, 349, pytest.approx(1000, rel=0.01)),
        ("output_tokens", 1000, 349, pytest.approx(1000, rel=0.01)),
        ("cost", 0.001, 349, pytest.approx(0.001, rel=0.01)),
        ("cost", 0.0, -232, pytest.approx(0, abs=2e-8)),
    ],
)
def test_each_kind_of_value_has_its_own_buckets(of: str, value: float, bucket: int, told: Any) -> None:
    assert place(of, value) == bucket
    assert values(of, np.array([bucket, NO_BUCKET])).tolist() == [told, pytest.approx(NAN, nan_ok=True)]


@given(ROWS, st.lists(st.integers(-240, 930), min_size=SIZE, max_size=SIZE))
def test_exceedances_are_the_values_in_the_buckets_above(rows: list[Row], above: list[int]) -> None:
    over, every = exceedances(np.array(above), *arrays(rows), SIZE)
    for instance in range(SIZE):
        of = [(bucket, n) for one, bucket, n in rows if one == instance]
        assert over[instance] == sum(n for bucket, n in of if bucket > above[instance])
        assert every[instance] == sum(n for _, n in of)


@given(st.floats(0.01, 86_400_000.0))
def test_a_bucket_stands_for_its_values_within_one_percent(value: float) -> None:
    [middle] = middles(np.array([bucket_of(value)]))
    assert middle == pytest.approx(value, rel=0.0101)


@pytest.mark.parametrize(
    ("value", "bucket"), [(0.0, -232), (0.01, -232), (1.0, 0), (1.001, 1), (86_400_000.0, 923), (1e12, 923)]
)
def test_values_are_counted_from_ten_microseconds_to_a_day(value: float, bucket: int) -> None:
    assert bucket_of(value) == bucket


def test_no_value_stands_for_no_bucket() -> None:
    assert np.isnan(middles(np.array([NO_BUCKET]))).all()
