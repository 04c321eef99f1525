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
        ([{"service.name": "[REDACTED]"}, {"service.name": "resource"}], {}, {"service": "resource"}),
        ([{"traceloop.prompt.key": "greeting"}], {}, {"prompt_name": "greeting"}),
    ],
)
def test_the_first_attribute_that_is_there_is_the_dimension(
    sources: list[dict[str, Any]], configured: dict[str, tuple[str, ...]], expected: dict[str, str]
) -> None:
    assert Mapping(configured).read(*sources) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("http.request.header.authorization", "LEAK"),
        ("http.request.header.x-api-key", "LEAK"),
        ("api_key", "LEAK"),
        ("gen_ai.request.api_key", "LEAK"),
        ("langfuse.trace.metadata.session_token", "LEAK"),
        ("url.query", "api-key=LEAK"),
        ("team", "Bearer LEAK"),
        ("team", "sk-LEAK"),
    ],
)
def test_a_credential_is_no_dimension_even_if_it_is_mapped(name: str, value: str) -> None:
    assert Mapping({"agent": (name,), "service": (name,)}).read({name: value}) == {}


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://e.org/v1/chat?api-version=1&api-key=LEAK", "https://e.org/v1/chat"),
        ("https://user:LEAK@e.org:8443/v1#token=LEAK", "https://e.org:8443/v1"),
        ("/v1/chat?key=LEAK", "/v1/chat"),
        ("e.org/v1?key=LEAK\nLEAK", "e.org/v1"),
        ("what now? team #7", "what now? team #7"),
        ("a@b.org", "a@b.org"),
    ],
)
def test_a_url_is_a_dimension_without_its_query(url: str, kept: str) -> None:
    assert Mapping({"route": ("url.full",)}).read({"url.full": url}) == {"route": kept}


def test_every_dimension_that_can_be_mapped_is_one() -> None:
    assert set(MAPPABLE) < set(DIMENSIONS)


def test_the_page_lists_every_default() -> None:
    page = (ROOT / "docs/formats.md").read_text()
    table = page.split("## Dimensions")[1].split("## How calls")[0]
    for dimension, attributes in DEFAULTS.items():
        row = next(line for line in table.splitlines() if line.startswith(f"| `{dimension}` |"))
        assert [name for name in attributes if f"`{name}`" not in row] == []
