"""What a call cost, where whoever logged it says so: in US dollars, whichever name the emitter has for it."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from monitor.decode.clean import MAX_COST, clean
from monitor.records import Usage
from tests.decode.build import call_of, chat, native
from tests.decode.gateway_log.build import kong, proxied
from tests.decode.langfuse.build import call_of as langfuse_call
from tests.decode.langfuse.build import created
from tests.decode.litellm.build import payload, row
from tests.decode.otlp.build import plain_call

SPAN = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}
OPENINFERENCE = {"openinference.span.kind": "LLM", "llm.model_name": "m"}
COUNTS = {"prompt_tokens": 9, "completion_tokens": 3}


def answered(**usage: Any) -> dict[str, Any]:
    return chat(response={"object": "chat.completion", "choices": [], "usage": {**COUNTS, **usage}})


@pytest.mark.parametrize(
    ("usage", "cost"),
    [
        ({"cost": 0.25}, 0.25),
        ({"cost": 0, "cost_details": {"upstream_inference_cost": 0.125}}, 0.125),
        ({"cost": {"request_cost": 0.006, "total_cost": 0.0061}}, 0.0061),
        ({}, None),
        ({"cost": 0}, None),
        ({"cost": -1}, None),
        ({"cost": True}, None),
        ({"cost": "0.25"}, None),
        ({"cost": 10**400}, None),
        ({"cost": [0.25]}, None),
    ],
)
def test_a_provider_may_say_what_it_charged(usage: dict[str, Any], cost: float | None) -> None:
    assert call_of(answered(**usage)).usage.cost == cost


def test_gateways_and_tracers_say_it_under_their_own_names() -> None:
    told = {
        "litellm": call_of(payload(response_cost=0.5, prompt_tokens=9, completion_tokens=3)),
        "spend_logs": call_of(row(spend=0.5, prompt_tokens=9, completion_tokens=3)),
        "kong": call_of(kong(proxied(response={"choices": [], "usage": {**COUNTS, "cost": 0.5}}))),
        "langfuse": langfuse_call(
            created(usageDetails={"input": 9, "output": 3}, costDetails={"total": 0.5})
        ),
        "langfuse 2": langfuse_call(created(usage={"promptTokens": 9, "totalCost": 0.5})),
        "openlit": plain_call({**SPAN, "gen_ai.usage.cost": 0.5}),
        "litellm's spans": plain_call({**SPAN, "gen_ai.cost.total_cost": 0.5}),
        "openinference": plain_call({**OPENINFERENCE, "llm.cost.total": 0.5}),
        "native": call_of(native(usage={"input_tokens": 9, "cost": 0.5})),
    }
    assert {name: call.usage.cost for name, call in told.items()} == dict.fromkeys(told, 0.5)


@pytest.mark.parametrize("absurd", [-0.5, float("nan"), float("inf"), MAX_COST * 2])
def test_an_absurd_cost_is_unknown(absurd: float) -> None:
    call = structs.replace(call_of(native()), usage=Usage(9, 3, cost=absurd))
    assert clean(call).usage.cost is None
