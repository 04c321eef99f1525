"""What calls cost: as logged, else by the list prices, to the cent as the price list's own library has it."""

from __future__ import annotations

from decimal import Decimal

import pytest
from genai_prices import Usage as PricedUsage
from genai_prices import calc_price
from genai_prices.data_snapshot import get_snapshot
from hypothesis import given
from hypothesis import strategies as st

from monitor.records import Call, Usage
from monitor.scorers.cost import cost_of
from tests.scorers.build import STARTED, call

AT = STARTED


def priced_call(provider: str, model: str, usage: Usage, *, asked: str = "") -> Call:
    return call(provider=provider, model_served=model, model_requested=asked or model, usage=usage)


def test_what_the_emitter_logged_stands() -> None:
    usage = Usage(1_000, 100, cost=0.5)
    assert cost_of(priced_call("openai", "gpt-4o", usage)) == 0.5


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("openai", "gpt-4o-2024-08-06"),
        ("azure.ai.openai", "gpt-4o-2024-08-06"),
        ("gcp.gemini", "gemini-2.5-flash"),
        ("aws.bedrock", "anthropic.claude-3-5-sonnet-20241022-v2:0"),
        ("anthropic", "claude-sonnet-4-5-20250929"),
        ("", "gpt-4o"),
        ("my-gateway", "claude-sonnet-4-5"),
    ],
)
def test_a_known_model_has_a_price_whoever_the_provider_is(provider: str, model: str) -> None:
    cost = cost_of(priced_call(provider, model, Usage(1_000_000, 0)))
    assert cost is not None
    assert 0.01 < cost < 100


@pytest.mark.parametrize(
    "usage",
    [Usage(), Usage(cache_read_tokens=5), Usage(reasoning_tokens=5)],
    ids=["none", "cached", "thought"],
)
def test_without_tokens_no_cost_is_known(usage: Usage) -> None:
    assert cost_of(priced_call("openai", "gpt-4o", usage)) is None


@pytest.mark.parametrize(
    ("provider", "model"),
    [("openai", "my-own-model"), ("", ""), ("openai", "whisper-1"), ("x" * 200, "y" * 200)],
)
def test_a_model_without_a_price_of_its_tokens_has_no_cost(provider: str, model: str) -> None:
    assert cost_of(priced_call(provider, model, Usage(10, 10))) is None


def test_where_the_served_name_is_no_model_s_the_requested_one_is_priced() -> None:
    usage = Usage(1_000, 100)
    by_alias = cost_of(priced_call("openai", "my-deployment", usage, asked="gpt-4o"))
    assert by_alias == cost_of(priced_call("openai", "gpt-4o", usage))


def test_what_was_cached_costs_less_than_what_was_not() -> None:
    fresh = cost_of(priced_call("openai", "gpt-4o", Usage(1_000, 0)))
    cached = cost_of(priced_call("openai", "gpt-4o", Usage(1_000, 0, cache_read_tokens=1_000)))
    assert fresh is not None
    assert cached is not None
    assert cached < fresh


def test_more_cached_than_given_is_no_negative_cost() -> None:
    cost = cost_of(
        priced_call("openai", "gpt-4o", Usage(10, 0, cache_read_tokens=900, cache_write_tokens=900))
    )
    assert cost is not None
    assert cost >= 0


#: Every model whose tokens have the prices that are looked at, and no others.
_LISTED = [
    (provider.id, model.id)
    for provider in get_snapshot().providers
    for model in provider.models
    if set(vars(model.get_prices(AT))) <= {"input_mtok", "output_mtok", "cache_read_mtok", "cache_write_mtok"}
    and model.is_match(model.id)
]


@given(
    st.sampled_from(_LISTED), st.integers(0, 2**31), st.floats(0, 1), st.floats(0, 1), st.integers(0, 2**20)
)
def test_the_cost_is_what_the_price_list_s_library_says(
    listed: tuple[str, str], tokens: int, read: float, written: float, output: int
) -> None:
    provider, model = listed
    cache_read = int(tokens * read)
    cache_write = int((tokens - cache_read) * written)
    expected = calc_price(
        PricedUsage(
            input_tokens=tokens,
            output_tokens=output,
            cache_read_tokens=cache_read,
            cache_write_tokens=cache_write,
        ),
        model,
        provider_id=provider,
        genai_request_timestamp=AT,
    )
    ours = cost_of(priced_call(provider, model, Usage(tokens, output, cache_read, cache_write)))
    if expected.model_price.input_mtok is None and expected.model_price.output_mtok is None:
        assert ours is None
    else:
        assert ours == pytest.approx(float(expected.total_price), rel=1e-9, abs=1e-12)
        assert Decimal(repr(ours)) >= 0
