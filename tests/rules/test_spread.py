"""Examples that show different things."""

from __future__ import annotations

import pytest

from monitor.rules.spread import spread


@pytest.mark.parametrize(
    ("found", "limit", "expected"),
    [
        (["a1", "a2", "a3", "b1", "c1"], 3, ["a1", "b1", "c1"]),
        (["a1", "a2", "a3", "b1"], 3, ["a1", "b1", "a2"]),
        (["a1", "a2", "a3"], 2, ["a1", "a2"]),
        (["a1"], 5, ["a1"]),
        ([], 5, []),
    ],
    ids=["kinds first", "then seconds", "one kind", "few", "none"],
)
def test_the_first_of_each_kind_come_first(found: list[str], limit: int, expected: list[str]) -> None:
    assert spread(found, lambda one: one[0], limit) == expected
