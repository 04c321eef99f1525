"""What a call cost: a call comes in, US dollars go out.

What the emitter logged stands. Else the tokens are priced by the list prices of ``genai-prices``, as they
were in the hour of the call. That library takes some 200 µs a call, so that what is asked of it is the price
of a token, once for each model and hour, and the rest is done here.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from genai_prices import Usage as PricedUsage
from genai_prices.data_snapshot import DataSnapshot, get_snapshot
from genai_prices.types import TieredPrices

from monitor.records import Call

#: Prices of models in an hour that are kept, and of names that are no model's.
CACHE_ENTRIES = 4096

#: Tokens of a price.
_MILLION = 1_000_000

#: Our names of providers (OpenTelemetry's, and those that hosts give) to those of the price list.
_PROVIDERS = {
    "aws.bedrock": "aws",
    "bedrock": "aws",
    "azure.ai.inference": "azure",
    "azure.ai.openai": "azure",
    "azure_openai": "azure",
    "gcp.gemini": "google",
    "gcp.vertex_ai": "google",
    "gemini": "google",
    "mistral_ai": "mistral",
    "moonshot_ai": "moonshotai",
    "x_ai": "x-ai",
    "xai": "x-ai",
}


class _Price(NamedTuple):
    """Dollars for a million tokens: ``base``, or what the highest tier says that the input is longer than."""

    base: float
    tiers: tuple[tuple[int, float], ...]
    """From how many tokens of input on, and the price there; the highest first."""

    def at(self, input_tokens: int) -> float:
        return next((price for start, price in self.tiers if input_tokens > start), self.base)


class _Prices(NamedTuple):
    input: _Price
    output: _Price
    cache_read: _Price
    cache_write: _Price


def cost_of(call: Call) -> float | None:
    """What the call cost in US dollars; ``None`` where its tokens, its model or its price aren't known.

    What is cached and has no price of its own is priced as other input. Audio, images, searches and batch
    discounts are not looked at.
    """
    usage = call.usage
    if usage.cost is not None:
        return usage.cost
    given, written = usage.input_tokens, usage.output_tokens
    if given is None and written is None:
        return None
    prices = _prices_of(call)
    if prices is None:
        return None
    given, written = given or 0, written or 0
    read = min(usage.cache_read_tokens or 0, given)
    cached = min(usage.cache_write_tokens or 0, given - read)
    total = (
        (given - read - cached) * prices.input.at(given)
        + read * prices.cache_read.at(given)
        + cached * prices.cache_write.at(given)
        + written * prices.output.at(given)
    )
    return total / _MILLION


def _prices_of(call: Call) -> _Prices | None:
    """The prices of the model that answered, else of the one that was asked for: its name may be plainer."""
    hour = call.started_at.astimezone(UTC).strftime("%Y%m%d%H")
    for model in (call.model_served, call.model_requested):
        if model and (prices := _prices(call.provider.lower(), model.lower(), hour)):
            return prices
    return None


@lru_cache(CACHE_ENTRIES)
def _prices(provider: str, model: str, hour: str) -> _Prices | None:
    """The list prices of a model in an hour. A provider that is not listed is guessed by the model."""
    at = datetime.strptime(hour, "%Y%m%d%H").replace(tzinfo=UTC)
    # A list of its own: the shared one remembers every name that it was ever asked for.
    listed = DataSnapshot(get_snapshot().providers, from_auto_update=False)
    for provider_id in (_PROVIDERS.get(provider, provider) or None, None):
        try:
            price = listed.calc(PricedUsage(), model, provider_id, None, at).model_price
        except LookupError:
            continue
        if price.input_mtok is None and price.output_mtok is None:
            return None  # by the minute, the page or the character
        given, read, written = price.input_mtok, price.cache_read_mtok, price.cache_write_mtok
        return _Prices(
            _price(given),
            _price(price.output_mtok),
            _price(given if read is None else read),
            _price(given if written is None else written),
        )
    return None


def _price(listed: Decimal | TieredPrices | None) -> _Price:
    if isinstance(listed, TieredPrices):
        tiers = [(tier.start, float(tier.price)) for tier in reversed(listed.tiers)]
        return _Price(float(listed.base), tuple(tiers))
    return _Price(float(listed or 0), ())
