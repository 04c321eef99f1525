"""Attributes of a source to dimensions: defaults, a customer's own, and what does not count."""

from __future__ import annotations

from typing import Any

import pytest

from monitor.decode.dimensions import DEFAULTS, MAPPABLE, Mapping
from monitor.records import DIMENSIONS
from tests.paths import ROOT


@pytest.mark.parametrize(
    ("sources", "configured", "expected"),
    [
        ([{"service.name": "checkout"}], {}, {"service": "checkout"}),
        (
            [{"deployment.environment": "old", "deployment.environment.name": "new"}],
            {},
            {"environment": "new"},
        ),
        ([{"http.route": "/a"}, {"http.route": "/resource"}], {}, {"route": "/a"}),
        ([{}, {"team": "search"}], {"route": ("team",)}, {"route": "search"}),
        ([{"http.route": "/a"}, {"team": "search"}], {"route": ("team",)}, {"route": "search"}),
        ([{"http.route": "/a"}], {"route": ("team",)}, {"route": "/a"}),
        ([{"gen_ai.prompt.version": 3}], {}, {"prompt_version": "3"}),
        ([{"beta": True}], {"prompt_name": ("beta",)}, {"prompt_name": "true"}),
        ([{"service.name": ["no", "text"], "gen_ai.agent.name": None}], {}, {}),
        ([{"service.name": ""}, {"service.name": "resource"}], {}, {"service": "resource"}),
    ],
)
def test_the_first_attribute_that_is_there_is_the_dimension(
    sources: list[dict[str, Any]], configured: dict[str, tuple[str, ...]], expected: dict[str, str]
) -> None:
    assert Mapping(configured).read(*sources) == expected


def test_every_dimension_that_can_be_mapped_is_one() -> None:
    assert set(MAPPABLE) < set(DIMENSIONS)


def test_the_page_lists_every_default() -> None:
    page = (ROOT / "docs/formats.md").read_text()
    table = page.split("## Dimensions")[1].split("## How calls")[0]
    for dimension, attributes in DEFAULTS.items():
        row = next(line for line in table.splitlines() if line.startswith(f"| `{dimension}` |"))
        assert [name for name in attributes if f"`{name}`" not in row] == []
